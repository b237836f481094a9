"""Turns what reasoning says into what clients see.

Pure: values of `smysl_reasoning` in, wire types out.
"""

from typing import assert_never

import msgspec

from smysl_daemon.protocol import (
    EdgeView,
    EngineView,
    NodeDelta,
    NodeFinished,
    NodeStarted,
    NodeView,
    ProgramView,
    RunEnded,
    RunEvent,
    SessionView,
    StatsView,
    UsageView,
)
from smysl_engines.manifest import Manifest
from smysl_reasoning import events
from smysl_reasoning.library import ProgramInfo
from smysl_reasoning.nodes import Node
from smysl_reasoning.store import SessionSummary


def node_view(node: Node) -> NodeView:
    return NodeView(
        id=node.id,
        kind=node.kind,
        text=node.text,
        data=None if node.data is None else msgspec.to_builtins(node.data),
        inputs=tuple(EdgeView(edge.role, edge.node) for edge in node.inputs),
        status=node.status,
        stats=msgspec.convert(node.stats, StatsView, from_attributes=True),
    )


def session_view(summary: SessionSummary) -> SessionView:
    return msgspec.convert(summary, SessionView, from_attributes=True)


def program_view(info: ProgramInfo) -> ProgramView:
    return ProgramView(name=info.name, summary=info.summary, source=info.source)


def engine_view(manifest: Manifest, *, loaded: bool, problem: str | None) -> EngineView:
    return EngineView(
        fingerprint=manifest.fingerprint,
        model=manifest.model,
        backend=manifest.backend,
        precision=manifest.precision,
        size_bytes=sum(entry.bytes for entry in manifest.files.values()),
        loaded=loaded,
        problem=problem,
    )


def event_view(event: events.Event) -> RunEvent | RunEnded:
    match event:
        case events.NodeStarted(node):
            return NodeStarted(node=node_view(node))
        case events.NodeDelta(node, text):
            return NodeDelta(node=node, text=text)
        case events.NodeFinished(node):
            return NodeFinished(node=node_view(node))
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
