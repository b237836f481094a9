"""Long replies in frames, long requests put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_daemon import parts
from smysl_daemon.errors import TooMuchToImport
from smysl_daemon.framing import MAX_FRAME, encode
from smysl_daemon.parts import PART_BYTES, Upload, cut, cut_bytes, node_cost
from smysl_daemon.protocol import SessionPart
from smysl_daemon.shapes import EdgeView, NodeView, SessionView

SESSION = SessionView(
    id="s" * 20, title="t", created="2026", program="solve", nodes=1, answer=None, verdict=None
)


@given(st.lists(st.integers(1, PART_BYTES)))
def test_parts_hold_everything_in_order_and_only_the_last_is_last(costs: list[int]) -> None:
    made = list(cut(costs, lambda cost: cost))
    assert [one for part, _ in made for one in part] == costs
    assert [more for _, more in made] == [True] * (len(made) - 1) + [False]
    assert all(sum(part) <= PART_BYTES for part, _ in made)


@given(st.integers(0, 3), st.integers(0, 2))
def test_bytes_are_cut_without_loss(parts: int, rest: int) -> None:
    data = bytes(parts * PART_BYTES + rest)
    made = list(cut_bytes(data))
    assert b"".join(part for part, _ in made) == data
    assert [more for _, more in made] == [True] * (len(made) - 1) + [False]


@pytest.mark.parametrize("letter", ["x", "\x01", "\N{GRINNING FACE}"])
def test_a_node_takes_no_more_bytes_than_it_is_counted_for(letter: str) -> None:
    said = letter * 32_000
    node = NodeView(
        id="n" * 20,
        kind="candidate",
        text=said,
        data={"type": "candidate", "thoughts": [["step", said]]},
        inputs=tuple(EdgeView("candidate", "n" * 20) for _ in range(100)),
    )
    frame = encode(SessionPart(session=SESSION, nodes=(node,), more=False))
    assert len(frame) <= node_cost(node) + 512 <= MAX_FRAME


def test_an_upload_is_taken_once_and_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = Upload()
    upload.add(b"ab")
    upload.add(b"c")
    assert len(upload) == 3 and upload.take() == b"abc" and upload.take() == b""
    monkeypatch.setattr(parts, "IMPORT_LIMIT", 3)
    upload.add(b"abc")
    with pytest.raises(TooMuchToImport, match="3 bytes, the limit"):
        upload.add(b"d")
    assert len(upload) == 0
