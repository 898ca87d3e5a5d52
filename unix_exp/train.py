"""The one entry: python -m unix_exp.train teacher=resnet32x4 student=shufflev2 sampler.k=48"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from unix_exp import config
from unix_exp.complaints import in_one_line
from unix_exp.outcomes import Outcomes
from unix_exp.types import Mistake


@hydra.main(version_base="1.3", config_path=str(config.folder()), config_name="config")
def run(whole: DictConfig) -> None:
    from unix_exp.experiment import perform  # torch takes seconds to import, and --help must not

    sweeping = HydraConfig.get().mode == hydra.types.RunMode.MULTIRUN
    if not sweeping:
        perform(whole)
        return
    job, words = HydraConfig.get().job.num, HydraConfig.get().job.override_dirname
    print(f"\njob {job + 1}: {words.replace(',', ' ')}", flush=True)
    with Outcomes.of_this_sweep().noting(job, words) as note:
        note(perform(whole))


def main() -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us; we say them in one line
    config.register_resolvers()
    with tempfile.TemporaryDirectory() as scratch:
        outcomes = Outcomes.begin(Path(scratch))
        try:
            run()
        except KeyboardInterrupt:
            print("\ninterrupted; the same command continues", file=sys.stderr)
            sys.exit(130)
        except Exception as error:
            complaint = in_one_line(error)
            if complaint is None:
                raise  # ours to mend: the whole traceback
            print(f"error: {complaint}", file=sys.stderr)
            sys.exit(2)
        sys.exit(outcomes.conclude())


if __name__ == "__main__":
    main()
