# make          this list
# make demo     train a teacher and five students on embedded data, and print a table of the results
# Everything runs in .venv, which is made on first use; PYTHON=python3.12 chooses its interpreter.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo deploy-demo catalogue results docs test test-long check chaos fuzz clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

demo: $(VENV)/.ready ## train a teacher, then students from scratch, by KD, Random, UNIX and on stored answers; minutes on two cores
	$(BIN)/python -m unix_exp.train sweep=demo
	$(BIN)/python -m unix_exp.report runs

# A big network's published weights cannot be fetched without a network, so the demo first makes some, on other classes.
OF_PHOTOS := dataset=folder dataset.path=deploy/photos dataset.val=0.1 logger=none runs=deploy/runs teachers=deploy/teachers
deploy-demo: $(VENV)/.ready ## a folder of images to a small network in use: fine-tune, distil, export, predict, measure; minutes
	$(BIN)/python examples/deploy/draw.py deploy/photos --each 80
	$(BIN)/python examples/deploy/draw.py deploy/others --each 100 --others --seed 1
	$(BIN)/python -m unix_exp.train experiment=scratch student=timm student.arch=resnet10t recipe=demo recipe.epochs=4 \
	  dataset=folder dataset.path=deploy/others logger=none runs=deploy/published
	cp deploy/published/resnet10t-*/student.safetensors deploy/big.safetensors
	$(BIN)/python -m unix_exp.train experiment=kd_stored $(OF_PHOTOS) recipe=demo recipe.epochs=30 \
	  teacher=timm teacher.arch=resnet10t teacher.checkpoint=deploy/big.safetensors \
	  recipe@teacher_recipe=finetune teacher_recipe.epochs=8 teacher_recipe.batch=32 teacher_recipe.lr=1e-3 \
	  student=timm student.arch=regnetx_002
	$(BIN)/python -m unix_exp.export deploy/runs/resnet10t_*
	$(BIN)/python -m unix_exp.predict deploy/runs/resnet10t_*/student-int8.onnx deploy/photos/*/0000.jpg --top 2
	$(BIN)/python -m unix_exp.measure deploy/runs/resnet10t_*

catalogue: $(VENV)/.ready ## write docs/settings.md, the table of all components in docs/methods.md and the prices of printed figures anew
	$(BIN)/python -m unix_exp.catalogue --settings docs/settings.md
	$(BIN)/python -m unix_exp.catalogue --fill docs/methods.md
	$(BIN)/python -m unix_exp.catalogue --prices unix_exp/paper/field_prices.yaml

results: $(VENV)/.ready ## write docs/results.md, docs/reproduce.md and the README's figure anew from the records in results/
	$(BIN)/python -m unix_exp.report results --markdown docs/results.md --notes results/notes.md --fill README.md \
	  --repeat docs/reproduce.md

docs: $(VENV)/.docs ## the documentation as a site, site/index.html; a dead link or a request to another host is an error
	$(BIN)/python -m website.pages build/pages
	@rm -rf site
	$(BIN)/python -m zensical build --strict --clean
	$(BIN)/python -m website.check site

test: $(VENV)/.ready ## the whole suite in two processes; no network, nothing written outside this folder
	@mkdir -p .tmp
	TMPDIR=$(CURDIR)/.tmp $(BIN)/python -m pytest
	@rm -rf .tmp

test-long: $(VENV)/.ready ## what make test leaves out, because it takes long and something shorter is promised there
	@mkdir -p .tmp
	TMPDIR=$(CURDIR)/.tmp $(BIN)/python -m pytest -m long
	@rm -rf .tmp

check: $(VENV)/.ready ## lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

chaos: $(VENV)/.ready ## kill and stop a sweep at 70 random moments: it has to end as an undisturbed one, bit for bit; minutes
	$(BIN)/python -m tests.chaos --kills 50 --terms 20

fuzz: $(VENV)/.ready ## give every reader spoiled files and words, ten minutes each; inputs that failed are kept in .fuzz/
	$(BIN)/python -m tests.fuzzing --seconds 600

clean: ## remove .venv and caches; runs/ and teachers/ stay
	rm -rf $(VENV) .tmp .fuzz .chaos build site *.egg-info .pytest_cache .ruff_cache .mypy_cache

# A .venv whose installation was interrupted has no .ready and is made again.
$(VENV)/.ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); need Python 3.10 to 3.13: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,check]'
	@touch $@

$(VENV)/.docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@
