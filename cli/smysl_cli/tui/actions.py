"""Everything that a key, the last line, the palette or the help can do, each declared once.

Pure. A remapped key changes nothing but what is pressed. Where several keys stand, the first is
the one shown.
"""

from typing import Literal

import msgspec

Where = Literal[
    "everywhere", "session", "sessions", "programs", "engines", "daemon", "evals", "memory"
]


class Action(msgspec.Struct, frozen=True):
    name: str
    """What the settings call it. One of a screen other than the session's begins with the screen."""
    keys: str
    title: str
    """One or two words, for the last line and the palette."""
    help: str
    where: Where = "session"
    footer: bool = False

    @property
    def deed(self) -> str:
        """What the screen calls it."""
        return self.name.removeprefix(f"{self.where}_")


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
    Action("options", "ctrl+o", "options", "program, model, adapter, memory, seed, budget"),
    Action("editor", "ctrl+g", "editor", "write the question in $VISUAL or $EDITOR"),
    Action("new", "ctrl+n", "new", "begin a new session"),
    Action("rename", "ctrl+t", "rename", "give this session another title"),
    Action("refresh", "f5", "refresh", "read the session from the daemon again"),
    Action("recalled", "o", "to the memory", "the memory that this node recalls, on the map"),
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
    Action("memory", "f6", "memory", "what outlives sessions, as a map", "everywhere"),
    Action("evals", "f9", "evals", "what smysl-eval measured", "everywhere"),
    Action("theme", "f8", "theme", "light or dark", "everywhere"),
    Action("help", "question_mark,f1", "help", "all keys", "everywhere", footer=True),
    Action("quit", "ctrl+q", "quit", "leave; what runs goes on", "everywhere"),
    Action("sessions_open", "enter", "open", "show this session", "sessions", True),
    Action("sessions_rename", "ctrl+t", "rename", "give it another title", "sessions", True),
    Action("sessions_export", "ctrl+e", "export", "write it to a file", "sessions", True),
    Action(
        "sessions_delete", "ctrl+d", "delete", "delete it for good (asks first)", "sessions", True
    ),
    Action("programs_use", "enter", "use", "answer the next question by it", "programs", True),
    Action("programs_explain", "x", "explain", "its plan for your question", "programs", True),
    Action("engines_use", "enter", "use", "let this one answer (asks first)", "engines", True),
    Action("engines_verify", "v", "verify", "hash all files of all engines", "engines", True),
    Action("engines_build", "B", "build", "build another engine", "engines", True),
    Action("engines_stop", "C", "stop the build", "stop what is built", "engines", True),
    Action("daemon_restart", "R", "restart", "restart the daemon (asks first)", "daemon", True),
    Action("evals_by_tag", "t", "by family or tag", "count by the other", "evals", True),
    Action("evals_other", "o", "other folder", "read another folder", "evals", True),
    Action("memory_search", "slash", "search", "what would fall into words", "memory", True),
    Action("memory_add", "a", "add", "keep a text", "memory", True),
    Action("memory_edit", "e", "edit", "say something else in its place", "memory", True),
    Action("memory_pin", "P", "pin", "let it fall into every question, or no more", "memory", True),
    Action("memory_mute", "m", "mute", "let it fall into nothing, or again", "memory", True),
    Action("memory_link", "L", "link", "link it: begin at one, end at another", "memory", True),
    Action("memory_cut", "c", "cut", "cut one of its links", "memory", True),
    Action(
        "memory_forget", "delete,X", "forget", "remove it for ever (asks first)", "memory", True
    ),
    Action("memory_order", "o", "order", "the heaviest, newest or most used first", "memory"),
    Action("memory_larger", "plus,equals_sign", "larger", "less of the map, larger", "memory"),
    Action("memory_smaller", "minus", "smaller", "more of the map, smaller", "memory"),
    Action("memory_whole", "0", "whole map", "all of the map", "memory"),
    Action("memory_copy", "y", "copy", "copy its text", "memory"),
    Action("memory_refresh", "f5", "refresh", "read the memory from the daemon again", "memory"),
)
BY_NAME = {action.name: action for action in ACTIONS}
