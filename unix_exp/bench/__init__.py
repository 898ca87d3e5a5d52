"""How long a step takes, compared with what it cannot do without and with the loop that people usually write.

All are timed in one process and in turns, so that other load on the machine slows all of them alike: the networks alone
(the floor), our whole step with its data, conventional distillation, and a plain loop with PIL, an eager step and
.item(). Weights are random and images drawn, because speed depends on neither: nothing is downloaded and no teacher is
trained.

    measure.py     turns, medians and quartiles       case.py          what is timed, from the command line
    ours.py        our step, as a run assembles it    floor.py         the networks alone
    plain.py       the loop that people write         contestants.py   all of them, ready to be timed
    rows.py        their names and what they are      figures.py       what follows from the times
    compare.py     what changed since a known state   chips.py         what a GPU could do
    together.py    several runs at once               table.py  picture.py
"""
