"""`smysld`: the daemon in the foreground, or detached when a client starts it.

Puts the pieces together in one order: cheap checks that can fail first (settings, folders, lock,
socket), then the database, then the engine. Knows no requests.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from smysl_daemon import journal, logs
from smysl_daemon.activation import Inherited, inherited_sockets
from smysl_daemon.config import (
    Config,
    Dirs,
    find_dirs,
    find_group,
    load_config,
    private_folder,
    writable_folder,
)
from smysl_daemon.errors import AlreadyRunning, DaemonError
from smysl_daemon.http.front import Front
from smysl_daemon.launch import FAILED, READY, STATUS, TAKEN
from smysl_daemon.lifecycle import (
    SERVING,
    STOPPING,
    InstanceLock,
    bind_socket,
    remove_stale_socket,
)
from smysl_daemon.notify import Notifier
from smysl_daemon.peers import Admission, closed_to
from smysl_daemon.reloading import Reloading
from smysl_daemon.server import Server
from smysl_daemon.service import Service
from smysl_daemon.version import VERSION
from smysl_engines.base import EngineError
from smysl_reasoning.errors import ReasoningError

log = logging.getLogger("smysl.app")

START_PATIENCE_S = 120.0
"""What a supervisor is asked for until the next sign of life of a slow start."""
STOP_MARGIN_S = 20.0
"""Beyond the drain: replies on their way, the engine and the database."""
Report = Callable[[str, str], None]
"""Takes a first word of `launch` and a line of text."""
MakeService = Callable[[Dirs, Config, Report], Awaitable[Service]]


def main() -> None:
    """The `smysld` program."""
    parser = argparse.ArgumentParser(
        prog="smysld", description="The smysl daemon, in the foreground. Ctrl-C stops it."
    )
    parser.add_argument("--version", action="version", version=f"smysld {VERSION}")
    parser.add_argument(
        "--detached", action="store_true", help="log to the file only, exit when idle"
    )
    parser.add_argument(
        "--ready-fd", type=int, metavar="FD", help="report readiness or failure on this descriptor"
    )
    parser.add_argument(
        "--housekeeping",
        action="store_true",
        help="back the database up, shorten its log, trim the cache, and exit",
    )
    options = parser.parse_args()
    if options.housekeeping:
        from smysl_daemon.housekeeping import keep_house  # sqlite3: not for the daemon's start

        sys.exit(keep_house())
    sys.exit(run(_local_service, detached=options.detached, ready_fd=options.ready_fd))


async def _local_service(dirs: Dirs, config: Config, report: Report) -> Service:
    from smysl_daemon.local import open_local_service  # loads the engine's libraries

    return await open_local_service(dirs, config, lambda text: report(STATUS, text))


def run(
    make_service: MakeService,
    *,
    detached: bool = False,
    ready_fd: int | None = None,
    journal_socket: Path = journal.JOURNAL_SOCKET,
) -> int:
    """Serve until a stop; the process's exit status. Failures are one line on stderr and in the
    log. `make_service` and `journal_socket` are the seams for tests."""
    notifier = Notifier.from_environment(os.environ)
    report = _Reporter(ready_fd, notifier)
    try:
        dirs = find_dirs()
        inherited = inherited_sockets(os.environ, dirs.http_socket)
        config = load_config(dirs.config_file)
        admission = Admission(find_group(config.group) if config.group is not None else None)
        writable_folder(dirs.data)
        writable_folder(dirs.log.parent)
        if inherited.own is None:
            private_folder(dirs.socket.parent, admission.group)
        with InstanceLock(dirs.lock, _how(detached, inherited)) as lock:
            if journal.goes_to_journal(os.environ):
                logs.to_journal(dirs, config.log_level, journal_socket)
            else:
                logs.to_file(dirs, config.log_level, to_stderr=not detached)
            if detached:
                _leave_starter(dirs.log.with_suffix(".stderr"))
            if inherited.own is None:
                remove_stale_socket(dirs.socket, lock)
            daemon = _Daemon(dirs, config, lock, notifier, report, inherited, admission)
            # whoever listens on our behalf starts us again when somebody comes
            daemon.leaves_when_idle = detached or inherited.own is not None
            asyncio.run(daemon.serve(make_service))
        return 0
    except AlreadyRunning as error:
        report(TAKEN, str(error.pid or 0))
        log.error("%s", error)
    except (DaemonError, EngineError, ReasoningError, OSError) as error:
        report(FAILED, _one_line(error))
        log.error("%s", _one_line(error))
    except Exception as error:
        report(FAILED, f"unexpected {type(error).__name__}: {_one_line(error)}")
        log.exception("the daemon failed")
    return 1


class _Daemon:
    """One life of the daemon, after the cheap checks: engine, socket, signals, end."""

    def __init__(
        self,
        dirs: Dirs,
        config: Config,
        lock: InstanceLock,
        notifier: Notifier,
        report: "_Reporter",
        inherited: Inherited,
        admission: Admission,
    ) -> None:
        self._dirs = dirs
        self._config = config
        self._lock = lock
        self._notifier = notifier
        self._report = report
        self._inherited = inherited
        self._admission = admission
        self._on_terminal = os.isatty(2)
        self.leaves_when_idle = False

    async def serve(self, make_service: MakeService) -> None:
        loop = asyncio.get_running_loop()
        starting = asyncio.current_task()
        assert starting is not None
        _on_stop(starting.cancel)
        # until there is something to reload for, the signal must not kill
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        try:
            service = await make_service(self._dirs, self._config, self._report)
        except asyncio.CancelledError:
            log.info("stopped while starting")
            return
        try:
            await self._serve(service)
        finally:
            await service.close()
            log.info("stopped")

    async def _serve(self, service: Service) -> None:
        config, inherited = self._config, self._inherited.own
        # bound only now, unless a supervisor listens: until the engine is open a client must find
        # nobody, not silence
        listener = inherited or bind_socket(self._dirs.socket, self._lock, self._admission.group)
        path = Path(os.fsdecode(listener.getsockname()))
        if path != self._dirs.socket:
            log.warning("serving on %s; clients look for %s", path, self._dirs.socket)
        server = Server(
            service,
            data=self._dirs.data,
            path=path,
            max_runs=config.max_runs,
            max_clients=config.max_clients,
            drain_s=config.drain_seconds,
            # a TCP client would find nobody, and nothing that starts a daemon
            idle_s=config.idle_minutes * 60 if self.leaves_when_idle and not config.http.tcp else 0,
            owns_path=inherited is None,
            admission=self._admission,
        )
        front = Front(
            server.house,
            config.http,
            path=self._dirs.http_socket,
            token_file=self._dirs.http_token,
            lock=self._lock,
            max_clients=config.max_clients,
            admission=self._admission,
            inherited=self._inherited.http,
            supervised=inherited is not None,
        )
        reloading = Reloading(
            self._dirs.config_file,
            config,
            server,
            service,
            leaves_when_idle=self.leaves_when_idle,
            front=front,
        )

        def describe() -> str:
            status = server.status()
            return f"{status.model}: {status.runs} runs, {status.clients} clients"

        def stopping() -> None:
            front.stop_listening()
            self._lock.tell(STOPPING)
            drain = reloading.config.drain_seconds
            self._notifier.stopping("finishing the runs in progress", drain + STOP_MARGIN_S)

        def hang_up() -> None:
            if self._on_terminal and not os.isatty(2):
                log.info("the terminal was closed: stopping")
                server.stop()
                return
            self._notifier.reloading()
            reloading.reload()
            self._notifier.ready(describe())

        def ready() -> None:
            pid, model = os.getpid(), service.model.model
            log.info(
                "pid %d serves %s on %s", pid, model, path, extra={"fields": {"SMYSL_MODEL": model}}
            )
            self._warn_of_closed_doors(path)
            self._lock.tell(SERVING)
            self._report(READY, str(pid))
            self._notifier.ready(describe())

        _on_stop(server.stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)
        telling = asyncio.create_task(self._notifier.keep_told(describe), name="notify")
        try:
            front.open()
            await server.serve(listener, ready, stopping)
        finally:
            telling.cancel()
            await front.close()
            if inherited is None:  # where HTTP cannot listen, nobody has served it
                listener.close()
                path.unlink(missing_ok=True)

    def _warn_of_closed_doors(self, path: Path) -> None:
        """A group is served only through sockets that its members can reach."""
        group = self._admission.group
        if group is None:
            return
        for one in (path, self._dirs.http_socket):
            closed = None
            with contextlib.suppress(OSError):  # there may be no such socket
                closed = closed_to(group, one)
            if closed is not None:
                log.warning(
                    "the group %s cannot reach %s: %s is closed to it; set SMYSL_RUNTIME_DIR to a folder "
                    "that it can reach, or install the units with `smysl service install --system "
                    "--group %s`",
                    group.name,
                    one,
                    closed,
                    group.name,
                )


def _on_stop(act: Callable[[], object]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, act)


def _how(detached: bool, inherited: Inherited) -> str:
    if inherited.own is not None:
        return "started by its socket"
    if "INVOCATION_ID" in os.environ:
        return "started by systemd"
    return "started by a client" if detached else "in the foreground"


def _leave_starter(stderr: Path) -> None:
    """Keep neither the folder nor the standard error of the process that started this one; what a
    library writes there, or a crash, goes to a file of its own."""
    os.chdir("/")
    file = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 2)
    os.close(file)
    faulthandler.enable()


class _Reporter:
    """Tells whoever started the process how the start goes, then only the log. On any thread."""

    def __init__(self, ready_fd: int | None, notifier: Notifier) -> None:
        self._fd = ready_fd
        self._notifier = notifier
        self._started = False

    def __call__(self, word: str, text: str) -> None:
        if word == STATUS and text:
            log.info("%s", text)
        if not self._started:
            self._tell_starter(word, text)

    def _tell_starter(self, word: str, text: str) -> None:
        self._started = word == READY
        if word == STATUS:
            self._notifier.patience(text, START_PATIENCE_S)
        elif word != READY:
            self._notifier.status(text)
        if self._fd is None:
            return
        # the client may be gone, and a pipe has no reader then
        with contextlib.suppress(OSError):
            os.write(self._fd, f"{word} {text}\n".encode())
        if word != STATUS:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
