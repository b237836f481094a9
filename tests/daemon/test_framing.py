import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_daemon.errors import BadMessage, FrameTooLarge
from smysl_daemon.framing import (
    HEADER,
    MAX_FRAME,
    FrameBuffer,
    client_messages,
    encode,
    payload_length,
)
from smysl_daemon.protocol import ClientMessage, ListSessions, Run, Show

messages = st.one_of(
    st.builds(
        Run,
        question=st.text(),
        context=st.text(),
        seed=st.integers(0, 2**63 - 1),
        options=st.dictionaries(st.text(), st.integers(0, 9) | st.text() | st.none()),
        budget_seconds=st.none() | st.floats(min_value=0.001, max_value=1e9),
    ),
    st.builds(Show, id=st.text()),
    st.builds(ListSessions, limit=st.integers(1, 1000)),
)


@given(st.lists(messages), st.integers(1, 50))
def test_messages_survive_any_cutting_of_the_byte_stream(
    sent: list[ClientMessage], step: int
) -> None:
    stream = b"".join(encode(message) for message in sent)
    buffer = FrameBuffer()
    decoder = client_messages()
    got = [
        decoder.decode(payload)
        for start in range(0, len(stream), step)
        for payload in buffer.feed(stream[start : start + step])
    ]
    assert got == sent
    assert not buffer.partial


@given(st.binary(max_size=300))
def test_any_payload_is_a_message_or_a_bad_message(payload: bytes) -> None:
    try:
        message = client_messages().decode(payload)
    except BadMessage as error:
        assert "not a message" in str(error)
    else:
        assert encode(message)[HEADER.size :] != b""


@given(st.integers(MAX_FRAME + 1, 2**32 - 1))
def test_a_length_over_the_cap_is_refused_before_any_payload_is_read(length: int) -> None:
    with pytest.raises(FrameTooLarge, match=f"{MAX_FRAME:,}"):
        payload_length(HEADER.pack(length))


def test_a_message_over_the_cap_is_refused_by_its_sender() -> None:
    with pytest.raises(FrameTooLarge, match="at most"):
        encode(Run(question="x" * MAX_FRAME))


def test_a_wrong_field_is_named() -> None:
    import msgspec

    payload = msgspec.msgpack.encode({"type": "list_sessions", "limit": 0})
    with pytest.raises(BadMessage, match="limit"):
        client_messages().decode(payload)


def test_the_end_of_a_stream_inside_a_frame_is_seen() -> None:
    buffer = FrameBuffer()
    assert list(buffer.feed(encode(Show(id="x"))[:-1])) == []
    assert buffer.partial
