"""What the shell offers after a Tab: sessions, nodes, memories, programs, engines, models, adapters,
templates.

Asks a daemon that runs, starts none, and says nothing when anything goes wrong: a person who presses
Tab wants no error message.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from smysl_cli.stored import stored_engines
from smysl_cli.text import fit, one_line
from smysl_daemon.client import Client
from smysl_daemon.config import find_dirs, models_dir
from smysl_daemon.errors import DaemonError
from smysl_daemon.memory_protocol import ListMemories, MemoryList
from smysl_daemon.protocol import (
    BranchList,
    EngineList,
    ListBranches,
    ListEngines,
    ListPrograms,
    ListSessions,
    ProgramList,
    SessionList,
    SessionPart,
    Show,
)

PATIENCE_S = 0.5
MOST = 50
"""Sessions offered, the latest; memories, the heaviest."""
SHORT_ID = 8
"""As lists show ids; one that is not unique is offered whole."""
HELP_WIDTH = 60
Items = list[tuple[str, str]]
"""Words, and what each means; bash shows the words only."""


def _quiet(find: Callable[[], Items]) -> Callable[[str], Items]:
    def offered(incomplete: str) -> Items:
        try:
            return [(word, help) for word, help in find() if word.startswith(incomplete)]
        except (DaemonError, OSError, msgspec.MsgspecError):
            return []

    return offered


def _ask(message: Any) -> object:
    with Client(find_dirs().socket, timeout_s=PATIENCE_S) as client:
        return client.ask(message)


def _short(ids: list[str]) -> list[str]:
    beginnings = [id[:SHORT_ID] for id in ids]
    return [
        short if beginnings.count(short) == 1 else id
        for short, id in zip(beginnings, ids, strict=True)
    ]


def _sessions() -> Items:
    found = _ask(ListSessions(limit=MOST))
    assert isinstance(found, SessionList)
    words = _short([one.id for one in found.sessions])
    titles = [fit(one_line(one.title), HELP_WIDTH) for one in found.sessions]
    return [("@last", "the last session"), *zip(words, titles, strict=True)]


def _nodes() -> Items:
    found = _ask(Show())
    assert isinstance(found, SessionPart)
    words = _short([one.id for one in found.nodes])
    return [
        (word, fit(f"{one.kind} {one_line(one.text)}", HELP_WIDTH))
        for word, one in zip(words, found.nodes, strict=True)
    ]


def _memories() -> Items:
    found = _ask(ListMemories(limit=MOST))
    assert isinstance(found, MemoryList)
    words = _short([one.id for one in found.memories])
    texts = [fit(one_line(one.text), HELP_WIDTH) for one in found.memories]
    return list(zip(words, texts, strict=True))


def _branches() -> Items:
    found = _ask(ListBranches())
    assert isinstance(found, BranchList)
    return [(one.name, f"{one.nodes} thoughts") for one in found.branches]


def _programs() -> Items:
    found = _ask(ListPrograms())
    assert isinstance(found, ProgramList)
    return [(one.name, one.summary) for one in found.programs]


def _engines() -> Items:
    found = stored_engines(find_dirs().engines)
    names = [(one["model"], f"{one['precision']} {one['fingerprint'][:12]}") for one in found]
    return names + [(one["fingerprint"][:12], one["model"]) for one in found]


def _models() -> Items:
    here = [
        (path.parent.name, "in the models folder") for path in models_dir().glob("*/config.json")
    ]
    known = {name for name, _ in here}
    built = [one["model"] for one in stored_engines(find_dirs().engines)]
    return here + [(name, "an engine of the store") for name in built if name not in known]


def _adapters() -> Items:
    found = _ask(ListEngines())
    assert isinstance(found, EngineList)
    return [
        (adapter.name, f"of {one.model}")
        for one in found.engines
        if one.loaded
        for adapter in one.adapters
    ]


def _templates() -> Items:
    folder = find_dirs().config / "templates"
    return [(path.stem, "") for path in sorted(folder.glob("*.toml"))]


def _settings() -> Items:
    from smysl_cli.settings import keys

    return [(key, "") for key in keys()]


sessions = _quiet(_sessions)
nodes = _quiet(_nodes)
anything = _quiet(lambda: _sessions() + _nodes())
memories = _quiet(_memories)
branches = _quiet(_branches)
programs = _quiet(_programs)
engines = _quiet(_engines)
models = _quiet(_models)
adapters = _quiet(_adapters)
templates = _quiet(_templates)
settings = _quiet(_settings)
