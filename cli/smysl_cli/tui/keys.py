"""Which keys are in force: those of the actions, with what the settings say otherwise.

Pure. Knows names of keys; never a terminal.
"""

import string
import unicodedata
from collections import defaultdict
from collections.abc import Mapping

from smysl_cli.tui.actions import ACTIONS, BY_NAME, Action
from smysl_daemon.errors import BadConfig

NO_KEY = "no_key"
"""What no keyboard sends, for an action whose keys were all given to others: without any, Textual
would leave it those that it had."""
WALKING = frozenset(
    "j,k,d,u,g,G,up,down,pageup,pagedown,home,end,enter,escape,tab,shift+tab".split(",")
)
"""Keys of the session's panes, which come before those of actions."""
ON_THE_MAP = frozenset([*WALKING, "h", "l", "left", "right"])
"""Keys of the memory's panes."""


def walked(key: str, height: int) -> int:
    """By how many lines a key goes down (negative: up) in a pane of this height; 0 for another key."""
    page = max(height, 2)
    match key:
        case "down" | "j":
            return 1
        case "up" | "k":
            return -1
        case "pagedown":
            return page - 1
        case "pageup":
            return 1 - page
        case "d":
            return page // 2
        case "u":
            return -(page // 2)
    return 0


def keymap(settings: Mapping[str, str]) -> dict[str, str]:
    """The keys in force by action, without spaces; of some, none. Raises `BadConfig` for an action
    that does not exist, for a key that two actions of a screen are given, and for one that the
    screen takes for itself.

    A key that an action is given is no longer that of another one on the same screen. One of a
    screen goes before one that works everywhere, and is taken from it there alone."""
    given = {name: _checked(name, keys) for name, keys in settings.items()}
    owners: defaultdict[str, list[Action]] = defaultdict(list)
    for name, keys in given.items():
        action = BY_NAME[name]
        for key in keys:
            for other in owners[key]:
                if _meet(action, other):
                    raise BadConfig(f"tui.keys: {key!r} is both {other.name} and {name}")
            owners[key].append(action)
    found: dict[str, str] = {}
    for action in ACTIONS:
        keys = given.get(action.name) or [
            key
            for key in action.keys.split(",")
            if not any(other.where in ("everywhere", action.where) for other in owners[key])
        ]
        found[action.name] = ",".join(keys)
    return found


def _checked(name: str, keys: str) -> list[str]:
    if name not in BY_NAME:
        import difflib  # for a mistake only

        nearest = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0)[0]
        raise BadConfig(
            f"tui.keys.{name}: no such action; the nearest is {nearest} "
            "(all stand in brackets on the screen that ? shows)"
        )
    found = list(dict.fromkeys(_key_name(key.strip()) for key in keys.split(",")))
    if not all(found):
        raise BadConfig(f'tui.keys.{name} = "{keys}": write a key, or several with commas')
    where = BY_NAME[name].where
    for key in found:
        if where == "sessions" and _writes(key):
            raise BadConfig(
                f'tui.keys.{name} = "{keys}": what is typed there is searched for; '
                "write a key with ctrl or a function key"
            )
        if where in ("session", "everywhere") and key in WALKING:
            raise BadConfig(
                f'tui.keys.{name} = "{keys}": {key} walks through the thoughts; write another key'
            )
        if where == "memory" and key in ON_THE_MAP:
            raise BadConfig(
                f'tui.keys.{name} = "{keys}": {key} walks through the memory; write another key'
            )
    return found


def _meet(one: Action, other: Action) -> bool:
    """Whether both work on some screen."""
    return one.where == other.where or "everywhere" in (one.where, other.where)


_FRIENDLY = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""Characters that terminals call otherwise than Unicode does."""


def _key_name(key: str) -> str:
    """A sign by its name, as the terminal tells it: `question_mark` for `?`."""
    if len(key) != 1 or key.isalnum():
        return key
    name = unicodedata.name(key, key).lower().replace("-", "_").replace(" ", "_")
    return _FRIENDLY.get(name, name)


_SIGNS = {_key_name(sign): sign for sign in string.punctuation}


def _writes(key: str) -> bool:
    """Whether a key writes something where text is typed."""
    return len(key) == 1 or key == "space" or key in _SIGNS


_NAMES = {"delete": "Del", "space": "Space", "pageup": "PageUp", "pagedown": "PageDown"}


def shown_keys(keys: str) -> str:
    """Keys as people write them."""
    said = []
    for key in filter(None, keys.split(",")):
        *parts, last = key.split("+")
        last = _NAMES.get(last) or _SIGNS.get(last) or last
        last = last if len(last) == 1 else last[0].upper() + last[1:]
        if parts and len(last) == 1:
            last = last.upper()
        said.append("+".join([*(part.capitalize() for part in parts), last]))
    return ", ".join(said)
