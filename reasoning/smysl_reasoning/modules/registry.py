"""The built-in modules by name, as programs use them."""

from collections.abc import Mapping

from smysl_reasoning.modules import answer, candidate, check, derive, direct, plan, verify, vote
from smysl_reasoning.modules.base import Module

MODULES: Mapping[str, Module] = {
    module.name: module
    for module in (
        plan.MODULE,
        derive.MODULE,
        candidate.MODULE,
        direct.MODULE,
        vote.MODULE,
        check.MODULE,
        verify.MODULE,
        answer.MODULE,
    )
}
