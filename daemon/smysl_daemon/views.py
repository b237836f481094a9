"""Turns what reasoning says into what clients see.

Pure: values of `smysl_reasoning` in, wire types out.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Any, Literal, assert_never

import msgspec
from msgspec import UNSET

from smysl_daemon.memory_protocol import HopView, PullView, StaleSession
from smysl_daemon.protocol import (
    NodeDelta,
    NodeFinished,
    NodeStarted,
    RunEnded,
    RunEvent,
)
from smysl_daemon.shapes import (
    AdapterView,
    BranchView,
    DifferenceView,
    EdgeView,
    EngineStatsView,
    EngineView,
    GraphStatsView,
    ModuleView,
    NodeView,
    OperationView,
    OptionView,
    PlanView,
    PortView,
    ProgramView,
    ProgramWhole,
    RecipeView,
    SessionView,
    StatsView,
    StepView,
    UsageView,
)
from smysl_engines.base import EngineStats
from smysl_engines.manifest import Manifest
from smysl_reasoning import events
from smysl_reasoning.graph import Difference, Graph, Placed
from smysl_reasoning.history import Branch, Op
from smysl_reasoning.library import ProgramInfo
from smysl_reasoning.memory import values
from smysl_reasoning.memory.pulled import pull_of
from smysl_reasoning.modules.base import Module, Option
from smysl_reasoning.nodes import Node, Recipe
from smysl_reasoning.plan import Plan
from smysl_reasoning.program import Program, Step
from smysl_reasoning.store import RunRecord, SessionSummary


def node_view(node: Node) -> NodeView:
    """A node by itself, as in the events of a run."""
    pull = pull_of(node)
    return NodeView(
        id=node.id,
        kind=node.kind,
        text=node.text,
        data=None if node.data is None else msgspec.to_builtins(node.data),
        inputs=tuple(EdgeView(edge.role, edge.node) for edge in node.inputs),
        status=node.status,
        stats=msgspec.convert(node.stats, StatsView, from_attributes=True),
        pull=UNSET if pull is None else pull_view(pull),
    )


def pull_view(pull: values.Pull) -> PullView:
    return PullView(
        memory=pull.memory,
        text=pull.text,
        strength=pull.strength,
        mass=pull.mass,
        nearness=pull.nearness,
        path=tuple(
            HopView(memory=hop.memory, text=hop.text, weight=hop.weight) for hop in pull.path
        ),
        pinned=pull.pinned,
    )


def placed_view(placed: Placed, stale: Container[str]) -> NodeView:
    """A node as a branch shows it, with what depends on the branch."""
    return msgspec.structs.replace(
        node_view(placed.node),
        revision=placed.revision,
        stale=placed.node.id in stale,
        hold=placed.hold,
        place=placed.place,
        recipe=None if placed.node.recipe is None else recipe_view(placed.node.recipe),
    )


def stale_views(stale: Iterable[values.StaleSession]) -> tuple[StaleSession, ...]:
    return tuple(
        StaleSession(session=one.session, title=one.title, stale=one.stale) for one in stale
    )


def recipe_view(recipe: Recipe) -> RecipeView:
    return RecipeView(
        module=recipe.module,
        engine=recipe.engine,
        adapter=recipe.adapter,
        sampling=_sampling(recipe.sampling),
    )


def _sampling(json: str) -> dict[str, Any]:
    """What the recipe says of sampling; nothing where it was made without."""
    try:
        found = msgspec.json.decode(json or "{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def graph_views(graph: Graph) -> tuple[NodeView, ...]:
    """Every node of a branch in order of writing."""
    stale = frozenset(graph.stale())
    return tuple(placed_view(graph.placed(id), stale) for id in graph)


def difference_view(difference: Difference, a: Graph, b: Graph) -> DifferenceView:
    return DifferenceView(
        node=difference.node,
        kind=difference.kind,
        what=difference.what,
        a=None if difference.a is None else placed_view(difference.a, a.stale()),
        b=None if difference.b is None else placed_view(difference.b, b.stale()),
    )


def branch_view(branch: Branch, graph: Graph, last: str) -> BranchView:
    return BranchView(
        session=branch.session,
        name=branch.name,
        current=branch.current,
        at=branch.at,
        created=branch.created,
        nodes=len(graph),
        stale=len(graph.stale()),
        last=last,
    )


def operation_view(op: Op) -> OperationView:
    return OperationView(id=op.id, kind=op.kind, label=op.label, run=op.run, created=op.created)


def stats_view(session: str, branch: str, graph: Graph) -> GraphStatsView:
    return msgspec.convert(
        {"session": session, "branch": branch} | msgspec.to_builtins(graph.stats()),
        GraphStatsView,
    )


def session_view(
    summary: SessionSummary, branch: str | None = None, last: RunRecord | None = None
) -> SessionView:
    """A session as its current branch has it, or, with `branch`, as that one with its `last` run."""
    view = msgspec.convert(summary, SessionView, from_attributes=True)
    if branch is None:
        return view
    end = last.finished if last else None
    return msgspec.structs.replace(
        view,
        branch=branch,
        program=last.program if last else "",
        answer=end.answer if end else None,
        verdict=end.verdict if end else None,
        message=end.message if end else "",
        state=_state(last),
    )


def _state(run: RunRecord | None) -> Literal["running", "paused", "ended"]:
    if run is None or run.finished is not None:
        return "ended"
    return "paused" if run.paused else "running"


def program_view(info: ProgramInfo) -> ProgramView:
    return ProgramView(name=info.name, summary=info.summary, source=info.source)


def program_whole(program: Program, text: str) -> ProgramWhole:
    return ProgramWhole(
        name=program.name,
        summary=program.summary,
        source=program.source,
        follows=program.follows,
        version=program.version,
        inputs=dict(program.inputs),
        gives=program.output,
        runnable=program.runnable,
        options=_options(program.options),
        steps=tuple(_step(one) for one in program.steps),
        text=text,
    )


def _step(step: Step) -> StepView:
    module = step.body if isinstance(step.body, Module) else None
    return StepView(
        name=step.name,
        module=None if module is None else module.label,
        program=step.body.name if module is None else None,
        gives=step.output,
    )


def _options(options: Mapping[str, Option]) -> dict[str, OptionView]:
    return {
        name: msgspec.convert(option, OptionView, from_attributes=True)
        for name, option in options.items()
    }


def module_view(module: Module) -> ModuleView:
    return ModuleView(
        name=module.name,
        version=module.version,
        summary=module.summary,
        inputs={
            name: PortView(type=port.type, many=port.many, optional=port.optional)
            for name, port in module.inputs.items()
        },
        gives=f"{module.output}*" if module.many else module.output,
        options=_options(module.options),
        dialects=tuple(sorted(module.dialects)),
    )


def plan_view(plan: Plan) -> PlanView:
    return msgspec.convert(plan, PlanView, from_attributes=True)


def engine_view(manifest: Manifest, *, loaded: bool, problem: str | None) -> EngineView:
    return EngineView(
        fingerprint=manifest.fingerprint,
        model=manifest.model,
        backend=manifest.backend,
        precision=manifest.precision,
        size_bytes=sum(entry.bytes for entry in manifest.files.values()),
        loaded=loaded,
        embedding_layer=manifest.embedding_layer,
        problem=problem,
        adapters=tuple(
            AdapterView(name=name, kind=entry.kind, ranks=entry.ranks, activation=entry.invocation)
            for name, entry in sorted(manifest.adapters.items())
        ),
    )


def engine_stats_view(stats: EngineStats, *, loaded: bool) -> EngineStatsView:
    return msgspec.convert(msgspec.structs.asdict(stats) | {"loaded": loaded}, EngineStatsView)


def event_view(event: events.Event, before: Graph | None = None) -> RunEvent | RunEnded:
    """`before` is what the branch showed before a derivation, whose nodes are marked as kept or
    not."""
    match event:
        case events.NodeStarted(node):
            return NodeStarted(node=node_view(node))
        case events.NodeDelta(node, text):
            return NodeDelta(node=node, text=text)
        case events.NodeFinished(node):
            view = node_view(node)
            if before is not None:
                kept = node.id in before and before.node(node.id) == node
                view = msgspec.structs.replace(view, kept=kept)
            return NodeFinished(node=view)
        case events.RunFinished():
            return RunEnded(
                session=event.session,
                outcome=event.outcome,
                answer=event.answer,
                verdict=event.verdict,
                confidence=event.confidence,
                message=event.message,
                usage=msgspec.convert(event, UsageView, from_attributes=True),
                seconds=event.seconds,
            )
        case _:
            assert_never(event)
