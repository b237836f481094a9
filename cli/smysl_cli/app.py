"""`smysl`: the command line. A thin client: what takes long or weighs much happens in the daemon.

Nothing heavy is imported here, and `--version` is answered before the parser is loaded.
"""

import gc
import sys
from typing import NoReturn

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
    from smysl_cli.dispatch import run  # typer costs more than a version is worth

    sys.exit(run(words))


if __name__ == "__main__":
    main()
