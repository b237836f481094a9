"""Which names a client may use as a model: programs, the loaded model, its adapters.

Knows names; never how any of them is asked.
"""

import asyncio
import difflib
from collections.abc import Iterator
from typing import Literal

import msgspec

from smysl_daemon.http.failures import ApiError, refused
from smysl_daemon.http.generating import Generating, Generator
from smysl_daemon.protocol import Explain
from smysl_daemon.service import Service
from smysl_reasoning.errors import ReasoningError

PREFIX = "smysl/"
"""Before a program's name: `smysl/solve`."""
BETWEEN = "+"
"""Between a model, or a program, and an adapter: `zerno+verify`, `smysl/solve+verify`."""
Kind = Literal["program", "model", "adapter"]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be asked by name."""

    id: str
    kind: Kind
    name: str
    """Of the program or the adapter; of the model otherwise."""
    summary: str
    adapter: str | None = None
    """Of a program: what it is asked with."""


class Catalogue:
    """What can be asked at this moment. A program with an adapter is found, but not listed beside the program."""

    def __init__(self, service: Service, known: list[Named], generator: Generator | None) -> None:
        self._service = service
        self._known = {one.id: one for one in known}
        self.generator = generator
        """None where the service lets no model speak by itself."""

    def __iter__(self) -> Iterator[Named]:
        return iter(self._known.values())

    def find(self, id: str) -> Named:
        """Raises `ApiError` 404 with the nearest name."""
        found = self._known.get(id) or self._adapted(id)
        if found is not None:
            return found
        near = difflib.get_close_matches(id[:120], self._known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        if f"{PREFIX}{id}" in self._known:
            hint = f"did you mean {PREFIX + id!r}? "
        if id.startswith(PREFIX) and id.partition(BETWEEN)[0] in self._known:
            # the program is here, so it is the adapter that is not
            hint = f"the loaded model has these adapters: {', '.join(self._adapters) or 'none'}; "
        raise ApiError(
            404,
            f"model {id[:120]!r} is not here; {hint}GET /v1/models lists what is",
            code="model_not_found",
            param="model",
        )

    @property
    def _adapters(self) -> tuple[str, ...]:
        return () if self.generator is None else tuple(self.generator.info.adapters)

    def _adapted(self, id: str) -> Named | None:
        """A program by the name of itself and one of the model's adapters."""
        program, _, adapter = id.partition(BETWEEN)
        found = self._known.get(program)
        if found is None or found.kind != "program" or adapter not in self._adapters:
            return None
        return msgspec.structs.replace(
            found,
            id=id,
            summary=f"{found.summary}; with adapter {adapter}",
            adapter=adapter,
        )

    async def usable(self) -> list[Named]:
        """Without the programs that the loaded model cannot run."""
        found = []
        for one in self:
            try:
                if one.kind == "program":
                    await self._service.explain(Explain(question="?", program=one.name))
                found.append(one)
            except ReasoningError:
                pass
            await asyncio.sleep(0)  # compiling takes milliseconds, for which others need not wait
        return found

    async def require_chat(self, named: Named) -> None:
        """Raise `ApiError` 400 for what takes no conversation, with the names that do."""
        if named.kind == "program" or (self.generator is not None and self.generator.chats):
            return
        programs = ", ".join(one.id for one in await self.usable() if one.kind == "program")
        raise refused(
            f"{named.id} is no chat model: it has no chat template. These names take a conversation: "
            f"{programs}. {named.id} by itself goes on with a text: POST /v1/completions",
            "model",
            "model_not_chat",
        )


async def catalogue(service: Service) -> Catalogue:
    listed = await service.programs()
    known = [
        Named(id=f"{PREFIX}{one.name}", kind="program", name=one.name, summary=one.summary)
        for one in listed.programs
    ]
    generator = service.generator() if isinstance(service, Generating) else None
    if generator is not None:
        info = generator.info
        known.append(
            Named(id=info.model, kind="model", name=info.model, summary="the model by itself")
        )
        known += [
            Named(
                id=f"{info.model}{BETWEEN}{adapter}",
                kind="adapter",
                name=adapter,
                summary=f"the model with adapter {adapter}",
            )
            for adapter in info.adapters
        ]
    return Catalogue(service, known, generator)
