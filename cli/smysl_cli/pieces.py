"""Files cut into pieces that can be remembered: paragraphs under their headings, or lines of JSON.

Knows text and a little Markdown; never the daemon or what becomes of a piece.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from smysl_cli.diagnostics import CommandFailed, UsageError

WORDS = 200
"""Most words of a piece of running text."""
CHARACTERS = 2000
"""Most characters: no more fits a memory, whatever the script, and where words are not spaced they are few."""
HEADING_CHARACTERS = 80
TEXT_BYTES = 8 * 1024
"""Most of one memory: the daemon's limit, checked here too so that nothing is sent in vain."""
FILE_BYTES = 64 << 20
NEWLINE = "\n"
_HEADING = re.compile(r"(#{1,6})(?:\s|$)")
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_RULE = re.compile(r"\s{0,3}([-*_])(?:\s*\1){2,}\s*$")
_LINED = re.compile(r"\s*(?:\||[-*+]\s|\d+[.)]\s|`{3}|~{3})")
"""Begins a line that stands for itself: of a table, a list, a program."""
_EMPTY_ROW = re.compile(r"\s*\|[\s|:-]*$")
_SENTENCE = re.compile(r"(?<=[.!?…。！？])[\"')\]»”]*\s+|(?<=[。！？])")


def of_file(file: Path) -> list[str]:
    """The pieces of a file, in order; `-` is standard input. Raises `UsageError` naming file and line for
    what is no text, `CommandFailed` for a file that cannot be read."""
    name = "standard input" if str(file) == "-" else str(file)
    text = _text(file, name)
    lines = file.suffix in (".jsonl", ".ndjson")
    if lines or (str(file) == "-" and text.lstrip().startswith("{")):
        return list(of_json_lines(text, name))
    return list(of_markdown(text))


def _text(file: Path, name: str) -> str:
    try:
        if str(file) == "-":
            if sys.stdin is None:
                raise UsageError("there is no standard input; name a file")
            data = sys.stdin.buffer.read(FILE_BYTES + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(FILE_BYTES + 1)
    except OSError as error:
        raise CommandFailed(f"{name} cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES:
        raise UsageError(
            f"{name} has more than {FILE_BYTES:,} bytes, the limit; import a part of it"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8 text (byte 0x{data[error.start]:02x} at position {error.start})"
        ) from None
    if "\0" in text:
        raise UsageError(f"{name} is not text (a NUL byte at position {text.index(chr(0))})")
    return text


# ------------------------------------------------------------ lines of JSON


def of_json_lines(text: str, name: str) -> Iterator[str]:
    """The field `text` of every line. Raises `UsageError` naming the line."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise UsageError(f"{name}:{number} is no JSON: {error}") from None
        said = found.get("text") if isinstance(found, dict) else None
        if not isinstance(said, str) or not said.strip():
            raise UsageError(f'{name}:{number} has no text; a line is {{"text": "..."}}')
        if (size := len(said.encode(errors="surrogatepass"))) > TEXT_BYTES:
            raise UsageError(
                f"{name}:{number} has a text of {size:,} bytes; a memory has at most {TEXT_BYTES:,}. Split it."
            )
        if "\0" in said:
            raise UsageError(f"{name}:{number} has a NUL character in its text; take it out")
        yield said.strip()


# ------------------------------------------------------------ text


def of_markdown(text: str) -> Iterator[str]:
    """Paragraphs, each with the headings that it stands under in parentheses behind it, so that beginnings
    differ; long ones in several pieces. Front matter and rules say nothing; what is fenced stays together."""
    headings: dict[int, str] = {}
    for level, block in _blocks(_body(text.splitlines())):
        if level:
            headings = {one: said for one, said in headings.items() if one < level}
            if block.strip():
                headings[level] = " ".join(block.split())[:HEADING_CHARACTERS]
            continue
        context = ": ".join(headings[one] for one in sorted(headings))
        for piece in _cut(block, CHARACTERS - len(context) - 3):
            yield f"{piece}{NEWLINE if NEWLINE in piece else ' '}({context})" if context else piece


def _body(lines: list[str]) -> list[str]:
    """Without the settings that some programs write above a text."""
    if lines and lines[0].strip() == "---":
        for place, line in enumerate(lines[1:], 1):
            if line.strip() in ("---", "..."):
                return lines[place + 1 :]
    return lines


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(0, a paragraph) or (its level, a heading), in order."""
    block: list[str] = []
    fence = ""
    for line in lines:
        if fence:
            block.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        if opened := _FENCE.match(line):
            fence = opened[1]
            block.append(line)
            continue
        if _EMPTY_ROW.match(line):
            continue
        under = line.strip()
        if len(block) == 1 and len(under) > 1 and set(under) in ({"="}, {"-"}):
            # the other way to write a heading
            yield (1 if under[0] == "=" else 2), block.pop()
            continue
        heading = _HEADING.match(line)
        if under and not heading and not _RULE.match(line):
            block.append(line)
            continue
        if block:
            yield 0, "\n".join(block)
            block = []
        if heading:
            yield len(heading[1]), line[heading.end() :].rstrip().rstrip("#")
    if block:
        yield 0, "\n".join(block)


def _cut(block: str, characters: int) -> Iterator[str]:
    """In pieces of at most `WORDS` words: between lines that stand for themselves, else between sentences."""
    said = block.strip("\n").rstrip()
    if _fits(said, characters):
        if said.strip():
            yield said.strip()
        return
    lines = said.split("\n")
    lined = any(map(_LINED.match, lines))
    gap = NEWLINE if lined else " "
    piece = ""
    for part in (
        part for unit in (lines if lined else [said]) for part in _parts(unit, characters)
    ):
        longer = f"{piece}{gap}{part}" if piece else part
        if piece and not _fits(longer, characters):
            yield piece
            piece = part
        else:
            piece = longer
    if piece:
        yield piece


def _parts(text: str, characters: int) -> Iterator[str]:
    """The whole where it fits, else its sentences; of one that is too long for a piece, as many words as fit."""
    if _fits(text, characters):
        if text.strip():
            yield text
        return
    for sentence in filter(None, (one.strip() for one in _SENTENCE.split(text))):
        if _fits(sentence, characters):
            yield sentence
            continue
        part = ""
        for word in sentence.split():
            for start in range(0, len(word), characters):
                bit = word[start : start + characters]
                longer = f"{part} {bit}" if part else bit
                if part and not _fits(longer, characters):
                    yield part
                    part = bit
                else:
                    part = longer
        if part:
            yield part


def _fits(text: str, characters: int) -> bool:
    return len(text) <= characters and len(text.split()) <= WORDS
