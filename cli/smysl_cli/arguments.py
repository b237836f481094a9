"""Rewrites the command line before it is parsed: the default verb, and `-o KEY VALUE`.

Pure: words in, words out.
"""

import difflib
from collections.abc import Collection, Sequence

from smysl_cli.diagnostics import UsageError

OPTION_FLAGS = ("-o", "--option")
SWITCHES = frozenset(
    ("-q", "--quiet", "-v", "--verbose", "-u", "--usage", "--json", "--stream", "--no-stream")
)
"""Options of `ask` without a value: people write them before the verb too."""


def with_verb(words: Sequence[str], verbs: Collection[str], *, piped: bool) -> list[str]:
    """Put `ask` in front unless a verb or a global option is there.

    A single word that looks like a mistyped verb is refused rather than asked. `piped` says that
    standard input is not a terminal, so no words at all still hold a question.
    """
    if not words:
        return ["ask"] if piped else ["--help"]
    first = words[0]
    if first in verbs or first in ("--help", "-h", "--version"):
        return list(words)
    if first.startswith(("--install-completion", "--show-completion")):
        return list(words)
    if len(words) <= 3 and not first.startswith("-") and " " not in first:
        near = difflib.get_close_matches(first, verbs, n=1, cutoff=0.75)
        if near:
            asked = " ".join(words)
            raise UsageError(
                f"no command {first!r}; did you mean `smysl {near[0]}`? "
                f"To ask it as a question: smysl ask {asked!r}"
            )
    flags = next((i for i, word in enumerate(words) if word not in SWITCHES), len(words))
    said = words[flags + 1 :] if words[flags : flags + 1] == ["ask"] else words[flags:]
    return ["ask", *words[:flags], *said]


def with_pairs(words: Sequence[str]) -> list[str]:
    """Turn `-o KEY VALUE` into `-o KEY=VALUE`, which parses without knowing how many words an
    option takes. `-o KEY=VALUE` is taken as it is, and nothing changes after `--`."""
    out: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*out, word, *left]
        out.append(word)
        if word in OPTION_FLAGS and left:
            key = left.pop(0)
            if "=" not in key and left:
                key = f"{key}={left.pop(0)}"
            out.append(key)
    return out
