"""Where smysl keeps its files, and the few settings of `config.toml`.

Knows paths and values; opens no socket and starts nothing. `SMYSL_*` variables win over
platformdirs, so that tests and second installations never share a folder.
"""

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from smysl_daemon.errors import BadConfig, FolderUnusable

MEGABYTE = 1_000_000
SOCKET_PATH_LIMIT = 107
"""Most bytes of a Unix socket's path on Linux (sun_path is 108 with its final NUL)."""
USUAL_SOCKET = "smysld.sock"


class Dirs(msgspec.Struct, frozen=True):
    """The four folders, absolute. Nothing is created until `private_folder` is called."""

    config: Path
    data: Path
    cache: Path
    runtime: Path
    socket: Path
    """The daemon's Unix socket: in `runtime`, or under a short path when that is too long."""

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def database(self) -> Path:
        return self.data / "smysl.db"

    @property
    def engines(self) -> Path:
        """The engine store, where `smysl-build` publishes."""
        return self.data / "engines"

    @property
    def backups(self) -> Path:
        """Copies of the database, made by the housekeeping."""
        return self.data / "backups"

    @property
    def snapshots(self) -> Path:
        """Where the engine keeps the keys and values of prompts over a restart."""
        return self.cache / "kv"

    @property
    def lock(self) -> Path:
        return self.data / "smysld.lock"

    @property
    def http_socket(self) -> Path:
        """The Unix socket of the HTTP façade, beside the daemon's own."""
        name = self.socket.name
        return self.socket.with_name(
            name.replace("smysld", "http", 1) if "smysld" in name else f"http-{name}"
        )

    @property
    def http_token(self) -> Path:
        """What HTTP clients over TCP must show; made when it is first needed."""
        return self.data / "http-token"

    @property
    def log(self) -> Path:
        return self.data / "log" / "smysld.log"


def find_dirs(environ: Mapping[str, str] | None = None) -> Dirs:
    """The folders for this user. Raises `BadConfig` for a SMYSL_* variable that is no absolute
    path."""
    from platformdirs import PlatformDirs  # costs 20 ms, which `--version` must not pay

    env = os.environ if environ is None else environ
    usual = PlatformDirs("smysl", appauthor=False)
    default_data = usual.user_data_path
    data = _folder(env, "SMYSL_DATA_DIR", default_data)
    runtime = _folder(env, "SMYSL_RUNTIME_DIR", _usual_runtime(env))
    return Dirs(
        config=_folder(env, "SMYSL_CONFIG_DIR", usual.user_config_path),
        data=data,
        cache=_folder(env, "SMYSL_CACHE_DIR", usual.user_cache_path),
        runtime=runtime,
        socket=_socket_path(runtime, data, default_data),
    )


def find_socket(environ: Mapping[str, str] | None = None) -> Path:
    """`Dirs.socket` alone: where the data folder is the usual one, nobody has to know which that is.
    Raises `BadConfig` like `find_dirs`."""
    env = os.environ if environ is None else environ
    if env.get("SMYSL_DATA_DIR"):
        return find_dirs(env).socket
    return _short(_folder(env, "SMYSL_RUNTIME_DIR", _usual_runtime(env)) / USUAL_SOCKET)


def _usual_runtime(env: Mapping[str, str]) -> Path:
    """As platformdirs, without its warning where a login session is missing (containers, cron):
    `private_folder` makes a folder under /tmp as safe as one under /run/user."""
    if env.get("XDG_RUNTIME_DIR"):
        return Path(env["XDG_RUNTIME_DIR"]) / "smysl"
    login = Path(f"/run/user/{os.getuid()}")
    if os.access(login, os.W_OK):
        return login / "smysl"
    return Path(f"/tmp/smysl-{os.getuid()}")


def _folder(env: Mapping[str, str], name: str, default: Path) -> Path:
    value = env.get(name)
    if not value:
        return default
    path = Path(value).expanduser()
    if not path.is_absolute() or "\0" in value:
        raise BadConfig(f"{name} is {value!r}; it must be an absolute path")
    return path


def _socket_path(runtime: Path, data: Path, default_data: Path) -> Path:
    # one daemon per data folder, so a second data folder needs a second socket
    name = USUAL_SOCKET if data == default_data else f"smysld-{_short_hash(str(data))}.sock"
    return _short(runtime / name)


def _short(path: Path) -> Path:
    """A socket's path, or another one where the kernel would find it too long."""
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    return Path(f"/tmp/smysl-{os.getuid()}") / f"{_short_hash(str(path))}.sock"


def _short_hash(text: str) -> str:
    import hashlib

    return hashlib.blake2b(os.fsencode(text), digest_size=6).hexdigest()


class Group(NamedTuple):
    """A group of this machine."""

    name: str
    gid: int


def find_group(name: str) -> Group:
    """The group that `group` names. Raises `BadConfig` for one that does not exist or cannot be told
    from others."""
    import grp  # only for people who share a daemon

    try:
        gid = grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        raise BadConfig(
            f"group is {name!r}, and this machine has no such group; `sudo groupadd --system {name}` "
            "makes it, or name another one"
        ) from None
    if gid == _unseen_gid():
        raise BadConfig(
            f"group is {name!r} (gid {gid}), which stands for every group that a service cannot see; "
            "name another one"
        )
    return Group(name, gid)


def _unseen_gid() -> int:
    """What a user namespace shows instead of groups it does not map (user_namespaces(7))."""
    try:
        return int(Path("/proc/sys/kernel/overflowgid").read_text())
    except OSError:
        return 65534


def open_to_group(path: Path, group: Group, mode: int) -> None:
    """Hand a file or folder of ours to a group. Raises `BadConfig` where we may not."""
    try:
        os.chown(path, -1, group.gid)
        path.chmod(mode)
    except OSError as error:
        raise BadConfig(
            f"cannot give {path} to the group {group.name} ({error.strerror}): the daemon's user "
            f"({os.getuid()}) must be in it. `sudo usermod -aG {group.name} USER` puts it there; take "
            "`group` out of config.toml to share with nobody"
        ) from None


def private_folder(path: Path, group: Group | None = None) -> None:
    """Make `path` a folder that only this user can enter (0700), or also a group (0750), or raise
    `FolderUnusable`.

    A folder of someone else, or one that others may rename under us, is refused rather than
    repaired: its content cannot be trusted.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise FolderUnusable(_unusable(path, error)) from None
    if not stat.S_ISDIR(found.st_mode):
        raise FolderUnusable(f"{path} is not a folder (a link is not followed); move it away")
    if found.st_uid != os.getuid():
        raise FolderUnusable(
            f"{path} belongs to user {found.st_uid}, not to you ({os.getuid()}); "
            f"remove it or point {_variable(path)} elsewhere"
        )
    parent = path.parent.stat()
    exposed = parent.st_mode & 0o022 and not parent.st_mode & stat.S_ISVTX
    if parent.st_uid not in (0, os.getuid()) or exposed:
        raise FolderUnusable(
            f"{path.parent} lets other users replace {path.name}; "
            f"point {_variable(path)} to a folder of your own"
        )
    if group is not None:
        open_to_group(path, group, 0o750)
    elif stat.S_IMODE(found.st_mode) != 0o700:
        path.chmod(0o700)


def writable_folder(path: Path) -> None:
    """Make `path` a folder we can write in, or raise `FolderUnusable` with the remedy."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FolderUnusable(_unusable(path, error)) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise FolderUnusable(
            f"{path} is not writable; change its owner or mode, or set {_variable(path)}"
        )


def _unusable(path: Path, error: OSError) -> str:
    return (
        f"cannot use {path} as a folder ({error.strerror}: {error.filename}); "
        f"fix that path or set {_variable(path)} to another one"
    )


def _variable(path: Path) -> str:
    dirs = find_dirs()
    if path == dirs.socket.parent or path == dirs.runtime:
        return "SMYSL_RUNTIME_DIR"
    if path.is_relative_to(dirs.cache):
        return "SMYSL_CACHE_DIR"
    return "SMYSL_DATA_DIR"


class TuiConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[tui]`. The daemon passes it over; `smysl tui` knows the actions."""

    theme: Literal["dark", "light"] = "dark"
    keys: dict[str, str] = {}
    """Keys by action, several with commas between."""


class OpenAIConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[openai]`: how the server is spoken to whose URL `model` is."""

    name: str | None = None
    """The model's name at the server; None is the only one it lists."""
    tokenizer: str = "zerno"
    """Name of a model in the models folder, or a path: of a folder with the tokenizer.json (and the chat
    template) of the model that the server runs, or of that file."""
    key_file: str | None = None
    """Holds the key and nothing else."""
    key_env: str | None = None
    """Name of the daemon's environment variable that holds the key."""
    context: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Most tokens of prompt and output together; None is what the server says."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16
    """Calls at the server at once, if it does not say that it takes fewer; others wait by priority."""
    connect_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 5.0
    first_token_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0
    """How long a server may be silent before an answer begins."""
    next_token_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0
    """How long it may be silent within one."""
    retries: Annotated[int, msgspec.Meta(ge=0, le=100)] = 4
    """Times a request is repeated that found no server or a busy one, each after a longer wait."""


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[http]`: the APIs of other tools, beside the daemon's own socket."""

    socket: bool = True
    """Listen on the Unix socket of `Dirs.http_socket`."""
    tcp: str = ""
    """Also listen on this address, `127.0.0.1:7465`, or on this port of it; empty does not."""
    token: bool = True
    """Clients over TCP must show the token of `Dirs.http_token`. False is for a loopback address only."""


class MemoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[memory]`: what outlives sessions."""

    recall: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    """Most memories that fall into the question of a run that does not say; 0 recalls nothing."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config.toml`. Every key is optional."""

    model: str = "zerno"
    """Name of a model in the models folder, the path of a model folder, or the URL of an OpenAI-compatible
    server (see `openai`)."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    """Threads of the engine; None lets the engine choose."""
    max_batch: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    kv_megabytes: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    """Most memory for keys and values of prompts and outputs, running and kept for reuse; None is the
    engine's default. One whole context is always possible."""
    snapshots: bool = True
    """Keys and values of prompts are also kept in files of the cache folder, over a restart."""
    deterministic: bool = False
    """A call's output depends to the last bit on nothing but the call; slower."""
    max_runs: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 32
    """Runs in progress at once; one more is answered `busy`."""
    max_clients: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 64
    """Connections at once; one more is answered `busy`."""
    group: str | None = None
    """Name of a group whose members are served like the daemon's own user; None serves that user and root
    alone."""
    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    """How long runs may go on after SIGTERM before they are cancelled."""
    idle_minutes: Annotated[float, msgspec.Meta(ge=0)] = 60.0
    """A daemon started on demand exits after this long without clients and runs; 0 never."""
    unload_minutes: Annotated[float, msgspec.Meta(ge=0)] = 15.0
    """The engine is closed after this long without a call, and opened again by the next; 0 never."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    backups: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 7
    """Copies of the database that the housekeeping keeps; 0 makes none."""
    cache_megabytes: Annotated[int, msgspec.Meta(ge=0)] = 1024
    """Snapshots that were not used for longest give way beyond this, and the housekeeping deletes the
    oldest files of the whole cache folder; 0 keeps no snapshots."""
    openai: OpenAIConfig = OpenAIConfig()
    http: HttpConfig = HttpConfig()
    memory: MemoryConfig = MemoryConfig()
    tui: TuiConfig = TuiConfig()
    """Of the terminal UI alone."""


AT_RESTART = (
    "threads",
    "max_batch",
    "kv_megabytes",
    "snapshots",
    "deterministic",
    "max_runs",
    "group",
    "cache_megabytes",
    "openai",
)
"""Settings that a running daemon keeps; all others are taken over by a reload."""


def load_config(path: Path) -> Config:
    """Read `config.toml`; a missing file is the default. Raises `BadConfig` naming file and key."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise BadConfig(f"cannot read {path}: {error.strerror}") from None
    import tomllib  # only for people who have a config file

    try:
        values = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} is not TOML: {error}") from None
    known = Config.__struct_fields__
    for key in values:
        if key not in known:
            raise BadConfig(f"{path}: unknown key {key!r}; {_nearest(key, known)}")
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        key = where.rstrip("`")
        value: Any = values
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        raise BadConfig(f"{path}: {key} = {value!r}: {reason.lower()}") from None
    try:
        _check(config)
    except BadConfig as error:
        raise BadConfig(f"{path}: {error}") from None
    return config


def _check(config: Config) -> None:
    """What types cannot say. Raises `BadConfig`."""
    if not config.model.strip():
        raise BadConfig(
            f"model = {config.model!r}: that names no model; say one of `smysl models list`, or take it "
            f"out for {Config().model!r}"
        )
    if config.http.tcp:
        from smysl_daemon.http.doors import address  # only for those who listen there

        where = address(config.http.tcp)
        if not (config.http.token or where.loopback):
            raise BadConfig(
                f"http.token is false and http.tcp is {where}, where other machines can come: take "
                "http.token out, or listen on 127.0.0.1"
            )


def _nearest(key: str, known: Sequence[str]) -> str:
    import difflib  # only for people who mistyped

    near = difflib.get_close_matches(key, known, n=1)
    listed = f"the keys are {', '.join(known)}"
    return f"did you mean {near[0]!r}? Otherwise {listed}" if near else listed


def models_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The folder with the bundled models: `SMYSL_MODELS_DIR`, else the checkout this package is
    in, else the installed `share/smysl/models`."""
    env = os.environ if environ is None else environ
    if env.get("SMYSL_MODELS_DIR"):
        return _folder(env, "SMYSL_MODELS_DIR", Path())
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "models").is_dir():
        return checkout / "models"
    import sysconfig  # for an installation alone

    installed = Path(sysconfig.get_path("data")) / "share" / "smysl" / "models"
    if installed.is_dir():
        return installed
    return Path(sys.prefix) / "share" / "smysl" / "models"


def is_server(model: str) -> bool:
    """Whether a configured model means a server."""
    return model.startswith(("http://", "https://"))


def tokenizer_folder(config: OpenAIConfig, models: Path) -> Path:
    """The folder with the tokenizer of a server's model. Raises `BadConfig`."""
    named = config.tokenizer
    path = Path(named).expanduser() if os.sep in named else models / named
    if path.name == "tokenizer.json":
        path = path.parent
    if not (path / "tokenizer.json").is_file():
        raise BadConfig(
            f"openai.tokenizer is {named!r}: there is no {path}/tokenizer.json. Name the folder of the model "
            "that the server runs, as downloaded from where its weights come from"
        )
    return path.resolve()


def server_key(config: OpenAIConfig, environ: Mapping[str, str] | None = None) -> str | None:
    """The key of a server; None where none is set. Raises `BadConfig` for one that cannot be read, never with
    the key itself."""
    env = os.environ if environ is None else environ
    if config.key_file is not None and config.key_env is not None:
        raise BadConfig("openai.key_file and openai.key_env are both set; keep one of them")
    if config.key_env is not None:
        if not env.get(config.key_env):
            raise BadConfig(
                f"openai.key_env is {config.key_env!r}, which is not set where the daemon runs; set it there and "
                "restart the daemon, or use openai.key_file"
            )
        return env[config.key_env].strip()
    if config.key_file is None:
        return None
    path = Path(config.key_file).expanduser()
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"openai.key_file {path} cannot be read: {error}") from None
    if not key or not key.isprintable() or not key.isascii() or " " in key:
        raise BadConfig(f"openai.key_file {path} holds no key: one line of visible characters")
    return key


def model_folder(name: str, models: Path) -> Path:
    """The checkpoint folder a configured model means. Raises `BadConfig` with what there is."""
    named = models / name
    path = Path(name).expanduser() if os.sep in name else named
    if (path / "config.json").is_file():
        return path
    there = sorted(p.parent.name for p in models.glob("*/config.json"))
    listed = ", ".join(there) if there else f"none in {models}"
    raise BadConfig(
        f"model {name!r}: there is no {path}/config.json. Models: {listed}. "
        "Set `model` in config.toml, or SMYSL_MODELS_DIR."
    )
