"""Reads `config.toml` again while the daemon serves, and says which changes wait for a restart.

Knows settings and whom each concerns; never signals or the file's syntax.
"""

import logging
from pathlib import Path

import msgspec

from smysl_daemon import logs
from smysl_daemon.config import AT_RESTART, Config, load_config
from smysl_daemon.errors import DaemonError
from smysl_daemon.http.front import Front
from smysl_daemon.managed import Managed
from smysl_daemon.server import Server
from smysl_daemon.service import Service

log = logging.getLogger("smysl.reloading")


class Reloading:
    """The settings in force, and how they come into force."""

    def __init__(
        self,
        path: Path,
        config: Config,
        server: Server,
        service: Service,
        *,
        leaves_when_idle: bool,
        front: Front | None = None,
    ) -> None:
        self._path = path
        self.config = config
        self._server = server
        self._service = service
        self._leaves_when_idle = leaves_when_idle
        self._front = front

    def reload(self) -> None:
        """Never raises: a file with a mistake changes nothing, and the log names the mistake."""
        try:
            found = load_config(self._path)
        except DaemonError as error:
            log.error("the settings stay as they are: %s", error)
            return
        changed = [
            name
            for name in Config.__struct_fields__
            if getattr(found, name) != getattr(self.config, name)
        ]
        before = self.config
        self._take_over(found)
        now = [name for name in changed if name not in AT_RESTART]
        later = [name for name in changed if name in AT_RESTART]
        log.info(
            "%s read again: %s", self._path, _listed(before, found, now) or "nothing to take over"
        )
        if later:
            waiting = _listed(before, found, later)
            log.warning("%s: this needs a restart (`smysl daemon restart`)", waiting)

    def _take_over(self, found: Config) -> None:
        # what needs a restart is compared with what is in force, also at the next reload
        kept = {name: getattr(self.config, name) for name in AT_RESTART}
        values = {name: getattr(found, name) for name in Config.__struct_fields__}
        self.config = Config(**(values | kept))
        if self._front is not None:
            self._front.reconfigure(found.http, found.max_clients)
        leaves = self._leaves_when_idle and (self._front is None or self._front.tcp is None)
        self._server.reconfigure(
            max_clients=found.max_clients,
            drain_s=found.drain_seconds,
            idle_s=found.idle_minutes * 60 if leaves else 0,
        )
        if isinstance(self._service, Managed):
            self._service.reconfigure(found)
        logs.set_level(found.log_level)


def _listed(before: Config, found: Config, names: list[str]) -> str:
    """As `config show` has them: of a table, what has changed in it."""
    return ", ".join(line for name in names for line in _changed(before, found, name))


def _changed(
    before: msgspec.Struct, found: msgspec.Struct, name: str, table: str = ""
) -> list[str]:
    was, now = getattr(before, name), getattr(found, name)
    if was == now:
        return []
    if isinstance(was, msgspec.Struct):
        return [
            line
            for key in now.__struct_fields__
            for line in _changed(was, now, key, f"{table}{name}.")
        ]
    return [f"{table}{name} = {now!r}"]
