"""`smysl-forge`: starts the commands, or says how to install what they need.

Knows the extra's name; the commands are in `app`.
"""

import sys

EXTRA = "smysl[forge]"
NEEDED = frozenset({"reasoning_gym", "safetensors", "torch"})
"""What the extra brings."""


def main() -> None:
    """Entry point of `smysl-forge`."""
    try:
        from smysl_forge.app import main as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in NEEDED:
            raise
        print(
            f"smysl-forge: training and its fields need more packages: pip install '{EXTRA}', or in a checkout "
            f"pip install -e '.[forge]' (no module {error.name!r})",
            file=sys.stderr,
        )
        sys.exit(1)
    run()
