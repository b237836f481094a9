"""The built-in modules by name, as programs use them."""

from collections.abc import Mapping

from smysl_reasoning.modules import (
    answer,
    ask,
    candidate,
    check,
    critique,
    debate,
    decompose,
    derive,
    direct,
    extract,
    pick,
    plan,
    rank,
    recall,
    remember,
    revise,
    route,
    state,
    summarise,
    synthesize,
    tree,
    verify,
    vote,
)
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
        rank.MODULE,
        critique.MODULE,
        revise.MODULE,
        tree.MODULE,
        route.MODULE,
        pick.MODULE,
        state.MODULE,
        recall.MODULE,
        remember.MODULE,
        ask.MODULE,
        synthesize.MODULE,
        summarise.MODULE,
        extract.MODULE,
        decompose.MODULE,
        debate.MODULE,
    )
}
