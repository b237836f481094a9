"""`smysld`: the daemon in the foreground, or detached when a client starts it.

Puts the pieces together in one order: cheap checks that can fail first (settings, folders, lock,
socket), then the database, then the engine. Knows no requests.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from smysl_daemon.config import (
    Config,
    Dirs,
    find_dirs,
    load_config,
    private_folder,
    writable_folder,
)
from smysl_daemon.errors import AlreadyRunning, DaemonError
from smysl_daemon.launch import FAILED, READY, STATUS, TAKEN
from smysl_daemon.lifecycle import InstanceLock, bind_socket, remove_stale_socket
from smysl_daemon.server import Server
from smysl_daemon.service import Service
from smysl_daemon.version import VERSION
from smysl_engines.base import EngineError
from smysl_reasoning.errors import ReasoningError

log = logging.getLogger("smysl.app")

LOG_BYTES = 1 << 20
LOG_FILES = 3
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
    options = parser.parse_args()
    sys.exit(run(_local_service, detached=options.detached, ready_fd=options.ready_fd))


async def _local_service(dirs: Dirs, config: Config, report: Report) -> Service:
    from smysl_daemon.local import open_local_service  # loads the engine's libraries

    return await open_local_service(dirs, config, lambda text: report(STATUS, text))


def run(make_service: MakeService, *, detached: bool = False, ready_fd: int | None = None) -> int:
    """Serve until a stop; the process's exit status. Failures are one line on stderr and in the
    log. `make_service` is the seam for tests."""
    report = _reporter(ready_fd)
    try:
        dirs = find_dirs()
        config = load_config(dirs.config_file)
        writable_folder(dirs.data)
        writable_folder(dirs.log.parent)
        private_folder(dirs.socket.parent)
        with InstanceLock(dirs.lock) as lock:
            _start_logging(dirs.log, config.log_level, to_stderr=not detached)
            if detached:
                _leave_starter(dirs.log.with_suffix(".stderr"))
            remove_stale_socket(dirs.socket, lock)
            asyncio.run(_serve(make_service, dirs, config, lock, report, detached))
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


async def _serve(
    make_service: MakeService,
    dirs: Dirs,
    config: Config,
    lock: InstanceLock,
    report: Report,
    detached: bool,
) -> None:
    loop = asyncio.get_running_loop()
    starting = asyncio.current_task()
    assert starting is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, starting.cancel)
    try:
        service = await make_service(dirs, config, report)
    except asyncio.CancelledError:
        log.info("stopped while starting")
        return
    try:
        server = Server(
            service,
            data=dirs.data,
            path=dirs.socket,
            max_runs=config.max_runs,
            max_clients=config.max_clients,
            drain_s=config.drain_seconds,
            idle_s=config.idle_minutes * 60 if detached else 0,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)

        def ready() -> None:
            log.info("pid %d serves %s on %s", os.getpid(), service.model.model, dirs.socket)
            report(READY, str(os.getpid()))

        # bound only now: until the engine is open a client must find nobody, not silence
        await server.serve(bind_socket(dirs.socket, lock), ready)
    finally:
        await service.close()
        log.info("stopped")


def _leave_starter(stderr: Path) -> None:
    """Keep neither the folder nor the standard error of the process that started this one; what a
    library writes there, or a crash, goes to a file of its own."""
    os.chdir("/")
    file = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 2)
    os.close(file)
    faulthandler.enable()


def _reporter(ready_fd: int | None) -> Report:
    def report(word: str, text: str) -> None:
        if word == STATUS and text:
            log.info("%s", text)
        if ready_fd is not None:
            # the client may be gone, and a pipe has no reader then
            with contextlib.suppress(OSError):
                os.write(ready_fd, f"{word} {text}\n".encode())
                if word != STATUS:
                    os.close(ready_fd)

    return report


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _start_logging(path: Path, level: str, *, to_stderr: bool) -> None:
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    ]
    if to_stderr:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(
        level=level.upper(),
        handlers=handlers,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )


if __name__ == "__main__":
    main()
