"""`smysl`: the command line. A thin client: what takes long or weighs much happens in the daemon.

Nothing heavy is imported here, and `--version` is answered before the parser is loaded.
"""

import gc
import importlib
import sys
from typing import Any, NoReturn

from smysl_daemon.version import VERSION

GC_THRESHOLD = 50_000
"""New objects before the collector looks at them; Python's own is 700."""


def main() -> NoReturn:
    """The `smysl` program."""
    words = sys.argv[1:]
    if words == ["--version"]:
        print(f"smysl {VERSION}")
        sys.exit(0)
    # what imports make stays: looking through it again and again costs a tenth of the start
    gc.set_threshold(GC_THRESHOLD)
    _import_msgspec()
    from smysl_cli.dispatch import run  # the parser costs more than a version is worth

    code = run(words)
    gc.freeze()  # all of it goes at once: nothing is left to look for on the way out
    sys.exit(code)


def _import_msgspec() -> None:
    """Without typing_extensions: msgspec takes it where it is installed and does without it, and it takes longer to
    import than all the rest of msgspec."""
    name = "typing_extensions"
    if name in sys.modules:
        return
    nothing: Any = None
    sys.modules[name] = nothing  # an import of it fails, as where it is not installed
    try:
        importlib.import_module("msgspec")
    finally:
        del sys.modules[name]


if __name__ == "__main__":
    main()
