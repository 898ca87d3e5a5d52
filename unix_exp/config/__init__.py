"""Where the configuration lies, what it must look like, and what of it names a run. Imports nothing heavy."""

from unix_exp.config.identity import (
    LATER,
    PLACES,
    alike,
    completed,
    identity,
    of_answers,
    of_recipe,
    precisions,
    what_determines,
    whole_recipe,
)
from unix_exp.config.names import dataset_name, has_teacher, method_name, network_name, pair_name
from unix_exp.config.settings import (
    KEYS,
    OF_WEIGHTS,
    Settings,
    by_name,
    check_shape,
    choices_folder,
    raw,
    register_resolvers,
    resolve,
    without,
)
from unix_exp.config.teacher import of_teacher

__all__ = [
    "KEYS",
    "LATER",
    "OF_WEIGHTS",
    "PLACES",
    "Settings",
    "alike",
    "by_name",
    "check_shape",
    "choices_folder",
    "completed",
    "dataset_name",
    "has_teacher",
    "identity",
    "method_name",
    "network_name",
    "of_answers",
    "of_recipe",
    "of_teacher",
    "pair_name",
    "precisions",
    "raw",
    "register_resolvers",
    "resolve",
    "what_determines",
    "whole_recipe",
    "without",
]  # fmt: skip
