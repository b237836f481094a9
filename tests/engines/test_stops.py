import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from smysl_engines.base import AllowedTokens, BadCall, Call, Choice, Sampling
from smysl_engines.stops import KEPT, Stops, StopTexts
from smysl_engines.token_bytes import token_bytes

BUNDLED = Path(__file__).parents[2] / "models" / "zerno" / "tokenizer.json"
TEXT = "the end of the text: Привет, мир! 日本語のテキスト 🙂🙃 the end"
VOCABULARY = 400


@cache
def byte_level() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=310,
        special_tokens=["<pad>", "<end>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=1,
        show_progress=False,
    )
    made.train_from_iterator([TEXT], trainer)
    made.add_tokens([AddedToken("<think>", normalized=False), AddedToken("    ")])
    return made


@cache
def sentencepiece() -> Tokenizer:
    """As Llama's: bytes that no piece covers fall back to <0xNN>, spaces are a mark."""
    pieces = ["<s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abcdehnt.", "▁t", "he", "▁the"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    merges = [("▁", "t"), ("h", "e"), ("▁t", "he")]
    made = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=False))
    made.add_special_tokens(["<s>"])
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return made


@cache
def metaspace() -> Tokenizer:
    """As T5's and others': a list of pieces with scores."""
    pieces = [
        ("<unk>", 0.0),
        *((piece, -1.0) for piece in ["▁the", "▁", "end", "日本", "▁日", "e"]),
    ]
    made = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return made


def table_of(tokenizer: Tokenizer) -> list[bytes]:
    return token_bytes(tokenizer.to_str().encode(), VOCABULARY).table


def ids_of(text: str) -> list[int]:
    ids: list[int] = byte_level().encode(text).ids
    return ids


@pytest.fixture(scope="module")
def stops(tmp_path_factory: pytest.TempPathFactory) -> Stops:
    path = tmp_path_factory.mktemp("engine") / "tokenizer.json"
    byte_level().save(str(path))
    return Stops(path, VOCABULARY, "tiny")


def start(
    stops: Stops, *texts: str, prompt: tuple[int, ...] = (1,), position: int = 0
) -> StopTexts:
    call = Call(prompt=prompt, position=position, sampling=Sampling(stop_texts=texts))
    found = stops.texts(call)
    assert found is not None
    return found


def first(stops: StopTexts, ids: list[int]) -> tuple[int, str] | None:
    """Where a text was completed, and which."""
    for at, token in enumerate(ids):
        if (text := stops.push(token)) is not None:
            return at, text
    return None


@given(st.text())
def test_the_tokens_of_a_text_have_its_bytes(text: str) -> None:
    table = table_of(byte_level())
    assert b"".join(table[token] for token in ids_of(text)) == text.encode()


@pytest.mark.parametrize(
    ("make", "first_space"),
    # whether the tokenizer decodes the space of the very first word to nothing
    [(byte_level, True), (sentencepiece, False), (metaspace, False)],
)
@given(ids=st.lists(st.integers(0, 263), max_size=12))
@example(ids=[33, 33])  # as bytes, two spaces of which sentencepiece's decoder strips one
def test_bytes_are_what_the_tokenizer_itself_decodes(
    make: Callable[[], Tokenizer], first_space: bool, ids: list[int]
) -> None:
    tokenizer = make()
    ids = [token for token in ids if token < tokenizer.get_vocab_size()]
    text = b"".join(table_of(tokenizer)[token] for token in ids)
    try:
        expected = text.decode()
    except UnicodeDecodeError:
        return  # a text cannot be cut within a character, an output can
    decoded = tokenizer.decode(ids)
    assert decoded == (expected if first_space else expected.removeprefix(" "))


def test_the_bundled_models_tokens_have_the_text_it_decodes() -> None:
    tokenizer: Tokenizer = Tokenizer.from_file(str(BUNDLED))
    bytes_of = token_bytes(BUNDLED.read_bytes(), 4096)
    assert bytes_of.table == [
        tokenizer.decode([token]).encode() if "\ufffd" not in tokenizer.decode([token]) else mine
        for token, mine in enumerate(bytes_of.table)
    ]
    assert b"" == bytes_of.table[bytes_of.specials["<end>"]]


texts_of_few = st.text(alphabet="ab日 ", min_size=1, max_size=4)


@given(
    texts=st.lists(texts_of_few, min_size=1, max_size=6),
    output=st.lists(st.one_of(texts_of_few, st.just("<end>")), max_size=12),
)
def test_the_first_text_to_end_is_found_and_the_longest_of_those(
    stops: Stops, texts: list[str], output: list[str]
) -> None:
    ids = [token for piece in output for token in ids_of(piece)]
    table = table_of(byte_level())

    def expected() -> tuple[int, str] | None:
        told = b""
        for at, token in enumerate(ids):
            for byte in table[token]:
                told += bytes([byte])
                if ended := [text for text in texts if told.endswith(text.encode())]:
                    return at, max(ended, key=lambda text: len(text.encode()))
        return None

    assert first(start(stops, *texts), ids) == expected()


def test_a_text_may_begin_and_end_within_tokens_and_characters(stops: Stops) -> None:
    whole, inside = ids_of("the end"), ids_of("語")
    assert len(whole) < len("the end") and len(inside) > 1
    assert first(start(stops, "he e"), whole) is not None
    assert first(start(stops, "語"), inside) == (len(inside) - 1, "語")
    # their first two bytes are the same
    assert first(start(stops, "誊"), inside) is None
    assert first(start(stops, "誊", "語"), inside[:-1]) is None


@given(st.lists(texts_of_few, min_size=1, max_size=4), texts_of_few, texts_of_few)
def test_an_output_that_was_cut_off_goes_on_as_if_it_had_not_been(
    stops: Stops, texts: list[str], before: str, after: str
) -> None:
    known, rest = ids_of(before), ids_of(after)
    uncut = start(stops, *texts)
    if first(uncut, known) is not None:
        return
    prompt = (5, *ids_of("".join(texts)), 1, *known)
    cut = start(stops, *texts, prompt=prompt, position=len(known))
    assert first(cut, rest) == first(uncut, rest)


def test_what_the_prompt_says_before_the_output_counts_for_nothing(stops: Stops) -> None:
    prompt = tuple(ids_of("the en"))
    assert first(start(stops, "the end", prompt=prompt), ids_of("d")) is None
    straddling = start(stops, "the end", prompt=prompt, position=len(prompt) - 1)
    assert first(straddling, ids_of("d")) is None


def test_special_tokens_are_no_text_but_are_found_by_their_name(stops: Stops) -> None:
    end = byte_level().token_to_id("<end>")
    assert end is not None
    assert first(start(stops, "ab"), [*ids_of("a"), end, *ids_of("b")]) == (2, "ab")
    assert first(start(stops, "nd>"), [end]) is None
    assert first(start(stops, "x", "<end>"), [*ids_of("y"), end]) == (1, "<end>")
    spelt = [token for character in "<end>" for token in ids_of(character)]
    assert first(start(stops, "<end>"), spelt) == (4, "<end>")
    assert first(start(stops, "<think>"), ids_of("<think>")) == (0, "<think>")


def test_thousands_of_texts_are_told_apart(stops: Stops) -> None:
    rng = random.Random(0)
    texts = tuple("".join(rng.choices("abcde", k=12)) + f"{number:04}" for number in range(4000))
    assert sum(map(len, texts)) <= 65_536
    for number in (0, 1234, 3999):
        found = first(start(stops, *texts), ids_of("abc " + texts[number][:-1] + texts[number]))
        assert found is not None and found[1] == texts[number]


def test_sets_that_are_no_longer_kept_are_compiled_again(stops: Stops) -> None:
    for _ in range(2):
        for number in range(KEPT + 2):
            assert first(start(stops, f"n{number}"), ids_of(f"n{number}")) is not None


def test_calls_do_not_share_what_they_have_read(stops: Stops) -> None:
    one, other = start(stops, "ab"), start(stops, "ab")
    assert one.push(ids_of("a")[0]) is None
    assert other.push(ids_of("b")[0]) is None
    assert one.push(ids_of("b")[0]) == "ab"


def test_calls_without_texts_and_choices_have_nothing_to_find(stops: Stops) -> None:
    assert stops.texts(Call(prompt=(1,))) is None
    sampling = Sampling(stop_texts=("a",))
    assert stops.texts(Call(prompt=(1,), sampling=sampling, constraint=Choice(((1,),)))) is None
    allowed = Call(prompt=(1,), sampling=sampling, constraint=AllowedTokens((1,)))
    assert stops.texts(allowed) is not None


def test_the_tokenizer_may_be_replaced_under_an_open_engine(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    byte_level().save(str(path))
    opened = Stops(path, VOCABULARY, "tiny")
    path.unlink()
    assert first(start(opened, "end"), ids_of("end")) is not None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no tokenizer.json"),
        ("{", "cannot be used"),
        ('{"model": {"type": "BPE"}}', "cannot be used"),
        ('{"model": {"vocab": {"a": 0}}}', "no decoder"),
        ('{"model": {"vocab": {"a": 0}}, "decoder": {"type": "WordPiece"}}', "WordPiece"),
        ('{"model": {"vocab": {"a": 0}}, "decoder": {"type": "Sequence"}}', "cannot be used"),
        (
            '{"model": {"vocab": {"a": 0}}, "decoder": '
            '{"type": "Replace", "pattern": {"Regex": "x"}, "content": ""}}',
            "Replace",
        ),
    ],
)
def test_an_engine_without_a_usable_tokenizer_refuses_stop_texts_only(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    opened = Stops(path, VOCABULARY, "tiny")
    assert opened.texts(Call(prompt=(1,))) is None
    with pytest.raises(BadCall, match=f"'tiny' takes no stop_texts: .*{reason}.*Use stop tokens"):
        start(opened, "a")


def test_ids_beyond_the_vocabulary_and_in_its_gaps_have_no_text() -> None:
    fields = {
        "model": {"vocab": {"a": 0, "b": 3, "c": 9}},
        "decoder": {"type": "ByteLevel"},
        "added_tokens": [{"id": 8, "content": "d"}, {"id": 2, "content": "<e>", "special": True}],
    }
    found = token_bytes(json.dumps(fields).encode(), 5)
    assert (found.table, found.specials) == ([b"a", b"", b"", b"b", b""], {"<e>": 2})


def test_a_decoder_that_strips_each_token_strips_each() -> None:
    made = Tokenizer(models.BPE({"  a  ": 0, " ": 1}, []))
    made.decoder = decoders.Sequence([decoders.Strip(" ", 1, 2), decoders.Fuse()])
    assert made.decode([0]) == " a"
    assert table_of(made)[:2] == [b" a", b""]
