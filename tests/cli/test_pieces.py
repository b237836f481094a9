"""Files become pieces that can be remembered: nothing is lost, nothing is too long."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli import pieces
from smysl_cli.diagnostics import CommandFailed, UsageError

GUIDE = """\
---
title: of no interest
---
Before any heading.

# The farm #
Anna keeps hens.
They have names.

---

Prices
------
An egg costs 2 dollars.

```sh
# no heading

echo hens
```

### Deep
- one
- two

# Another
##
The end.
"""


def test_paragraphs_stand_behind_their_headings() -> None:
    assert list(pieces.of_markdown(GUIDE)) == [
        "Before any heading.",
        "Anna keeps hens.\nThey have names.\n(The farm)",
        "An egg costs 2 dollars. (The farm: Prices)",
        "```sh\n# no heading\n\necho hens\n```\n(The farm: Prices)",
        "- one\n- two\n(The farm: Prices: Deep)",
        "The end. (Another)",
    ]


def test_a_rule_is_no_heading_and_a_tag_is_none_either() -> None:
    assert list(pieces.of_markdown("#hens\n\n* * *\n\n***\neggs\n")) == ["#hens", "eggs"]


def test_a_front_matter_that_does_not_end_is_text() -> None:
    assert list(pieces.of_markdown("---\ntitle: x\n")) == ["title: x"]


def test_a_fence_that_does_not_end_goes_to_the_end() -> None:
    assert list(pieces.of_markdown("```\n# a\n\nb")) == ["```\n# a\n\nb"]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentence = "The hen lays one egg and then it sleeps."
    found = list(pieces.of_markdown("# Hens\n" + " ".join([sentence] * 100)))
    assert len(found) > 1
    for piece in found:
        said = piece.removesuffix(" (Hens)")
        assert said != piece and set(said.split(". ")) <= {sentence, sentence.rstrip(".")}
        assert len(said.split()) <= pieces.WORDS


def test_a_long_table_is_cut_between_its_rows() -> None:
    rows = [f"| row {i}. | It has words of its own. |" for i in range(60)]
    found = list(pieces.of_markdown("\n".join(["| | |", "|---|:-:|", *rows])))
    assert len(found) > 1
    assert "\n".join(found).split("\n") == rows


words = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=400)


@given(st.lists(words, max_size=20))
def test_every_piece_fits_a_memory(parts: list[str]) -> None:
    for piece in pieces.of_markdown("\n\n".join(parts)):
        assert piece.strip() and len(piece.encode()) <= pieces.TEXT_BYTES


@given(
    st.lists(
        st.sampled_from(["hen.", "egg", "a-b", "x" * 3000, "\n", "\n- b", "| c", "\n\n"]),
        max_size=300,
    )
)
def test_no_word_is_lost(parts: list[str]) -> None:
    text = " ".join(parts)
    together = "".join("".join(piece.split()) for piece in pieces.of_markdown(text))
    assert together == "".join(text.split())


def test_lines_of_json_give_their_text() -> None:
    text = '{"text": " a ", "more": 1}\n\n{"text": "b\\u2028c"}\n'
    assert list(pieces.of_json_lines(text, "x.jsonl")) == ["a", "b\u2028c"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"text": "a"}\n{"text": }\n', "x.jsonl:2 is no JSON"),
        ('{"txt": "a"}', 'x.jsonl:1 has no text; a line is {"text": "..."}'),
        ('{"text": 3}', "x.jsonl:1 has no text"),
        ('["a"]', "x.jsonl:1 has no text"),
        ('\n{"text": "  "}', "x.jsonl:2 has no text"),
        ('{"text": "a\\u0000b"}', "x.jsonl:1 has a NUL character in its text; take it out"),
        ('{"text": "%s"}' % ("x" * 9000), "9,000 bytes; a memory has at most 8,192. Split it."),
    ],
)
def test_a_line_that_is_no_memory_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        list(pieces.of_json_lines(text, "x.jsonl"))


def test_files_that_are_no_text_are_refused_with_their_name(tmp_path: Path) -> None:
    binary = tmp_path / "a.md"
    binary.write_bytes(b"abc\xff\xfe")
    with pytest.raises(UsageError, match=r"a\.md is not UTF-8 text \(byte 0xff at position 3\)"):
        pieces.of_file(binary)
    nul = tmp_path / "b.txt"
    nul.write_bytes(b"ab\0c")
    with pytest.raises(UsageError, match="a NUL byte at position 2"):
        pieces.of_file(nul)
    with pytest.raises(CommandFailed, match="No such file"):
        pieces.of_file(tmp_path / "c.txt")
    with pytest.raises(CommandFailed, match="Is a directory"):
        pieces.of_file(tmp_path)


def test_a_mark_of_byte_order_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"\xef\xbb\xbf# A\nb")
    assert pieces.of_file(file) == ["b (A)"]
