"""Reads `config.toml` again while the daemon serves, and says which changes wait for a restart.

Knows settings and whom each concerns; never signals or the file's syntax.
"""

import logging
from pathlib import Path

from smysl_daemon import logs
from smysl_daemon.config import Config, load_config
from smysl_daemon.errors import DaemonError
from smysl_daemon.managed import Managed
from smysl_daemon.server import Server
from smysl_daemon.service import Service

log = logging.getLogger("smysl.reloading")

AT_RESTART = (
    "model",
    "threads",
    "max_batch",
    "kv_megabytes",
    "snapshots",
    "deterministic",
    "max_runs",
    "cache_megabytes",
)
"""Settings that a running daemon keeps; all others are taken over at once."""


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
    ) -> None:
        self._path = path
        self.config = config
        self._server = server
        self._service = service
        self._leaves_when_idle = leaves_when_idle

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
        self._take_over(found)
        now = [name for name in changed if name not in AT_RESTART]
        later = [name for name in changed if name in AT_RESTART]
        log.info("%s read again: %s", self._path, _listed(found, now) or "nothing to take over")
        if later:
            log.warning("%s: this needs a restart (`smysl daemon restart`)", _listed(found, later))

    def _take_over(self, found: Config) -> None:
        # what needs a restart is compared with what is in force, also at the next reload
        kept = {name: getattr(self.config, name) for name in AT_RESTART}
        values = {name: getattr(found, name) for name in Config.__struct_fields__}
        self.config = Config(**(values | kept))
        self._server.reconfigure(
            max_clients=found.max_clients,
            drain_s=found.drain_seconds,
            idle_s=found.idle_minutes * 60 if self._leaves_when_idle else 0,
        )
        if isinstance(self._service, Managed):
            self._service.reconfigure(found)
        logs.set_level(found.log_level)


def _listed(config: Config, names: list[str]) -> str:
    return ", ".join(f"{name} = {getattr(config, name)!r}" for name in names)
