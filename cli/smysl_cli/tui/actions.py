"""Everything that a key, the footer, the palette or the help can do, each declared once.

Pure. A remapped key changes nothing but what is pressed. Where several keys stand, the first is
the one shown.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from smysl_daemon.errors import BadConfig

Where = Literal["everywhere", "session"]


class Action(msgspec.Struct, frozen=True):
    name: str
    """What the settings call it, and the method `action_NAME` of its screen or the app."""
    keys: str
    title: str
    """One or two words, for the footer and the palette."""
    help: str
    where: Where = "session"
    footer: bool = False


ACTIONS = (
    Action("ask", "a,slash", "ask", "go to the prompt", footer=True),
    Action("edit", "e", "edit", "say something else in this node's place", footer=True),
    Action("inject", "i", "inject", "put a note at this node", footer=True),
    Action("derive", "r", "derive", "make anew what is stale, cost first", footer=True),
    Action("fork", "f", "fork", "begin a branch at this node", footer=True),
    Action("reply", "A", "reply", "answer what the run asks you"),
    Action("why", "w", "why", "what this node rests on", footer=True),
    Action("retry", "R", "retry", "make this node again: seed, temperature, adapter, program"),
    Action("pin", "P", "pin", "hold this node as it is, or let it go"),
    Action("delete", "delete,X", "delete", "take this node out of the branch (asks first)"),
    Action("undo", "ctrl+z,U", "undo", "take the last change or run back"),
    Action("redo", "ctrl+y,ctrl+r", "redo", "do again what was undone"),
    Action("branches", "b", "branches", "choose the branch to work on"),
    Action("compare", "D", "diff", "two branches side by side"),
    Action("merge", "M", "take", "take this node as another branch shows it"),
    Action("finish", "F", "answer now", "stop thinking, answer with what is there"),
    Action("pause", "z", "pause", "hold what runs, or let it go on"),
    Action("cancel", "C", "cancel", "stop what runs; finished thoughts stay"),
    Action("export", "E", "export", "write the session to a file"),
    Action("copy", "y", "copy", "copy this node's text"),
    Action("stale", "x", "next stale", "to the next stale node"),
    Action("parent", "p", "parent", "to the node this one hangs under"),
    Action("previous", "left_square_bracket", "previous branch", "to the branch before this one"),
    Action("next", "right_square_bracket", "next branch", "to the branch after this one"),
    Action("fold", "space", "fold", "fold what hangs under this node away, or show it"),
    Action("fold_all", "Z", "fold all", "fold all branches away, or show them"),
    Action("thinking", "t", "thinking", "show what the model thought before it spoke, or fold it"),
    Action("raw", "m", "as written", "show the text as written, or as Markdown"),
    Action("pane_left", "h", "pane left", "to the pane on the left"),
    Action("pane_right", "l", "pane right", "to the pane on the right"),
    Action("options", "ctrl+o", "options", "program, model, adapter, seed, budget of the question"),
    Action("editor", "ctrl+g", "editor", "write the question in $VISUAL or $EDITOR"),
    Action("new", "ctrl+n", "new", "begin a new session"),
    Action("rename", "ctrl+t", "rename", "give this session another title"),
    Action("refresh", "f5", "refresh", "read the session from the daemon again"),
    Action(
        "sessions",
        "ctrl+s",
        "sessions",
        "find, open, rename, export or delete a session",
        "everywhere",
        footer=True,
    ),
    Action("programs", "f2", "programs", "ways of reasoning", "everywhere"),
    Action("engines", "ctrl+l,f3", "engines", "compiled models", "everywhere"),
    Action("daemon", "f4", "daemon", "the process that holds the model", "everywhere"),
    Action("evals", "f9", "evals", "what smysl-eval measured", "everywhere"),
    Action("theme", "f8", "theme", "light or dark", "everywhere"),
    Action("help", "question_mark,f1", "help", "all keys", "everywhere", footer=True),
    Action("quit", "ctrl+q", "quit", "leave; what runs goes on", "everywhere"),
)
BY_NAME = {action.name: action for action in ACTIONS}


def keymap(settings: Mapping[str, str]) -> dict[str, str]:
    """The keys in force by action. Raises `BadConfig` for an action that does not exist and for
    a key that two actions share."""
    for name, keys in settings.items():
        if name not in BY_NAME:
            raise BadConfig(f"tui.keys.{name}: no such action; they are {', '.join(BY_NAME)}")
        if not all(key.strip() for key in keys.split(",")):
            raise BadConfig(f'tui.keys.{name} = "{keys}": write a key, or several with commas')
    chosen = {key.strip(): name for name, keys in settings.items() for key in keys.split(",")}
    found: dict[str, str] = {}
    for action in ACTIONS:
        if action.name in settings:
            found[action.name] = ",".join(key.strip() for key in settings[action.name].split(","))
            continue
        # a key that the person gave to another action is that action's
        left = [key for key in action.keys.split(",") if key not in chosen]
        found[action.name] = ",".join(left)
    owner: dict[str, str] = {}
    for name, keys in found.items():
        for key in filter(None, keys.split(",")):
            if key in owner:
                raise BadConfig(f"tui.keys: {key!r} is both {owner[key]} and {name}")
            owner[key] = name
    return found


def shown_keys(keys: str) -> str:
    """Keys as people write them."""
    names = {
        "slash": "/",
        "question_mark": "?",
        "left_square_bracket": "[",
        "right_square_bracket": "]",
        "delete": "Del",
        "space": "Space",
    }
    said = []
    for key in filter(None, keys.split(",")):
        parts = key.split("+")
        last = names.get(parts[-1], parts[-1])
        if last.startswith("f") and last[1:].isdigit():
            last = last.upper()
        if len(parts) > 1 and len(last) == 1:
            last = last.upper()
        said.append("+".join([*(part.capitalize() for part in parts[:-1]), last]))
    return ", ".join(said)
