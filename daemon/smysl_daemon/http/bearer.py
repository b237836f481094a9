"""The token that a client over TCP must show, in a file that only its owner can read.

Knows one file and how two texts are compared; never sockets or requests.
"""

import hmac
import os
import secrets
import stat
from pathlib import Path

from smysl_daemon.errors import FolderUnusable

TOKEN_BYTES = 32
SIZE_LIMIT = 4096
SHORTEST = 16
"""Fewest characters of a token that a person wrote."""


def load_token(path: Path) -> str:
    """The token in `path`; one is made where there is no file. Raises `FolderUnusable` for a file
    that others can read, that is not ours, or that holds no token."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _made(path)
    except OSError as error:
        raise FolderUnusable(
            f"cannot read the token in {path} ({error.strerror}); it must be a file of your own. "
            "Delete it, and a new one is made"
        ) from None
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise FolderUnusable(
                f"{path} is not a file of yours (user {found.st_uid}); delete it, and a new token "
                "is made"
            )
        if found.st_mode & 0o077:
            raise FolderUnusable(
                f"{path} has mode {stat.S_IMODE(found.st_mode):04o}, so others may know the token: "
                "delete it, and a new one is made; or `chmod 600` it if nobody has read it"
            )
        raw = opened.read(SIZE_LIMIT + 1)
    token = raw.decode("ascii", errors="replace").strip()
    if not token.isprintable() or not token.isascii() or " " in token or len(token) < SHORTEST:
        raise FolderUnusable(
            f"{path} holds no token: it must be one line of at least {SHORTEST} printable ASCII "
            "characters without spaces. Delete it, and a new one is made"
        )
    if len(raw) > SIZE_LIMIT:
        raise FolderUnusable(f"{path} has more than {SIZE_LIMIT} bytes; it must hold one token")
    return token


def shows(token: str, authorization: str, key: str) -> bool:
    """Whether a request's headers `Authorization: Bearer ...` or `X-Api-Key` hold the token. Takes
    as long for any wrong one of a length."""
    scheme, _, given = authorization.strip().partition(" ")
    found = given.strip() if scheme.lower() == "bearer" else key.strip()
    # bytes: compare_digest takes no text beyond ASCII
    return hmac.compare_digest(found.encode(errors="surrogateescape"), token.encode())


def _made(path: Path) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w") as opened:
            os.fchmod(file, 0o600)
            opened.write(f"{token}\n")
    except OSError as error:
        raise FolderUnusable(
            f"cannot write a token to {path} ({error.strerror}); make its folder writable"
        ) from None
    return token
