"""Rewrites the command line before it is parsed: the default verb, and `-o KEY VALUE`.

Pure: words in, words out.
"""

from collections.abc import Collection, MutableMapping, Sequence

from smysl_cli.diagnostics import UsageError

OPTION_FLAGS = ("-o", "--option")
GLOBAL = ("--help", "-h", "--version", "--install-completion", "--show-completion")
"""Options that no verb has."""
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
    if first in verbs or first in GLOBAL:
        return list(words)
    if first.startswith(("--install-completion", "--show-completion")):
        return list(words)
    if len(words) <= 3 and not first.startswith("-") and " " not in first:
        import difflib  # 2 ms, for words that may be mistyped

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


def completed_as_asked(environ: MutableMapping[str, str]) -> None:
    """Let the shell's completion see the default verb, too: `smysl -p <Tab>` is `smysl ask -p <Tab>`.
    Changes the variables by which shells ask."""
    for name in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS"):
        program, space, rest = environ.get(name, "").partition(" ")
        first = rest.split(" ")[0]
        if not first.startswith("-") or first in GLOBAL or first == "--":
            continue
        environ[name] = f"{program}{space}ask {rest}"
        if name == "COMP_WORDS" and environ.get("COMP_CWORD", "").isdecimal():
            environ["COMP_CWORD"] = str(int(environ["COMP_CWORD"]) + 1)


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
