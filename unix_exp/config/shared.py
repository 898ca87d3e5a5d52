"""The jobs of a sweep that choose the same of each group share what Hydra makes of these choices, which takes long."""

from __future__ import annotations

import copy
import sys

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from unix_exp.config.compose import choices_and_values

MOST = 64  # configurations kept; Hydra composes every job of a grid to check it, before it does the first


class Sharing(ConfigLoaderImpl):
    """Composes a job as Hydra does; the values that it sets, such as its seed, in a copy of what is chosen."""

    of_a_job = False

    def __init__(self, plain: ConfigLoaderImpl) -> None:
        super().__init__(plain.config_search_path)
        self.known: dict[tuple[str | None, tuple[str, ...]], DictConfig] = {}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        self.of_a_job = True
        try:
            return super().load_sweep_config(master_config, sweep_overrides)
        finally:
            self.of_a_job = False

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        if not self.of_a_job:
            return super().load_configuration(config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        choices, values = choices_and_values(tuple(overrides))
        key = config_name, choices
        if key not in self.known:
            if len(self.known) >= MOST:
                self.known.clear()
            self.known[key] = super().load_configuration(config_name, list(choices), run_mode, from_shell)
        try:
            return self.with_values(copy.deepcopy(self.known[key]), overrides, values)
        except OmegaConfBaseException as error:
            raise ConfigCompositionException().with_traceback(sys.exc_info()[2]) from error

    def with_values(self, whole: DictConfig, overrides: list[str], values: list[str]) -> DictConfig:
        parsed = OverridesParser.create().parse_overrides(overrides)
        self.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=True)
        self._apply_overrides_to_config([one for one in parsed if one.input_line in values], whole)
        tasks = [one for one in parsed if not one.is_hydra_override()]
        whole.hydra.overrides.task = [one.input_line for one in tasks]
        named = whole.hydra.job.config.override_dirname
        whole.hydra.job.override_dirname = get_overrides_dirname(
            tasks, list(named.exclude_keys), named.item_sep, named.kv_sep
        )
        return whole
