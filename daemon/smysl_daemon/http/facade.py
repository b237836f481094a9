"""What every endpoint shares: the house it works in, and how a wish becomes a reply.

Knows programs and models by name; never an API's words.
"""

import time
from typing import NamedTuple

from smysl_daemon.connection import House
from smysl_daemon.http.asking import Reply, Wish
from smysl_daemon.http.calls import ask_model
from smysl_daemon.http.failures import refused
from smysl_daemon.http.metrics import Metrics
from smysl_daemon.http.names import Catalogue, Named, catalogue
from smysl_daemon.http.programs import ask_program

SESSION = "X-Smysl-Session"
"""Header: the session to continue, and the one that an answer is in."""


class Facade(NamedTuple):
    house: House
    metrics: Metrics
    since: int
    """When it began, seconds since 1970."""

    async def catalogue(self) -> Catalogue:
        return await catalogue(self.house.service)

    async def answer(self, wish: Wish) -> Reply:
        """Ask whatever the wish names. Raises `ApiError`, and what the service and the engine
        raise."""
        known = await self.catalogue()
        named = known.find(wish.model)
        await known.require_chat(named)
        generator = known.generator
        if named.kind == "program":
            chats = generator is not None and generator.chats
            adapter = adapter_of(wish, named)
            return await ask_program(self.house, wish, named.name, adapter, chats=chats)
        assert generator is not None
        require_no_session(wish, named)
        adapter = named.name if named.kind == "adapter" else None
        return await ask_model(self.house, generator, wish, adapter)


def adapter_of(wish: Wish, named: Named) -> str | None:
    """The adapter that a program is asked with. Raises `ApiError` where name and field differ."""
    wished = wish.extra.adapter
    if named.adapter is not None and wished not in (None, named.adapter):
        raise refused(
            f"model {named.id!r} and smysl.adapter {wished!r} name two adapters; leave one out",
            "smysl",
        )
    return named.adapter or wished


def require_no_session(wish: Wish, named: Named) -> None:
    """Raise `ApiError` where a model by itself is to continue a session, or to run as a program."""
    if wish.session is not None:
        raise refused(
            f"{named.id} by itself keeps no session: leave {SESSION} out and send the whole "
            "conversation, or ask a program",
            SESSION,
        )
    for name in wish.extra.__struct_fields__:
        if getattr(wish.extra, name):
            raise refused(f"smysl.{name} is for programs; {named.id} is a model by itself", "smysl")


def now() -> int:
    return int(time.time())


def headers_of(reply: Reply) -> dict[str, str]:
    return {SESSION: reply.session} if reply.session is not None else {}
