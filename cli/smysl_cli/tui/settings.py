"""The `[tui]` table of `config.toml`, checked.

Knows settings; never widgets.
"""

import msgspec

from smysl_cli.tui.keys import keymap
from smysl_daemon.config import Dirs, load_config


class Settings(msgspec.Struct, frozen=True):
    dark: bool
    keys: dict[str, str]
    """By action, all of them."""


def load_settings(dirs: Dirs) -> Settings:
    """Raises `BadConfig` that names file, key and value."""
    found = load_config(dirs.config_file).tui
    return Settings(dark=found.theme == "dark", keys=keymap(found.keys))
