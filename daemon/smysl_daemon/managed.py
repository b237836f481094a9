"""What a service can do beyond answering: be put away, go on where it was, be retuned while it runs.

Apart from `service.Service` because a service without it is whole: its runs are cancelled at the
end of the drain, and its settings change with a restart.
"""

from typing import Protocol, runtime_checkable

from smysl_daemon.config import Config
from smysl_daemon.service import RunHandle


@runtime_checkable
class Managed(Protocol):
    async def suspend(self) -> int:
        """Stop every run without ending it: clients are told, and the next daemon of the data
        folder goes on where it was. Returns how many; takes no new runs afterwards."""
        ...

    def reconfigure(self, config: Config) -> None:
        """Take over the settings that need no restart. Never raises."""
        ...


@runtime_checkable
class Resuming(Protocol):
    def resumed(self) -> tuple[RunHandle, ...]:
        """Runs that the daemon before this one left unfinished, and that go on. Never raises."""
        ...
