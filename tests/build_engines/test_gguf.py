"""GGUF files: the container byte by byte, what a file says of a model, and llama.cpp computing with it what the
checkpoint's own reference does."""

import json
import struct
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_server import LlamaServer
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from smysl_build_engines import store_app
from smysl_build_engines.build import ensure
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.errors import BadCheckpoint, BadRequest, StoreError, UnsupportedModel
from smysl_build_engines.gguf_export import export_gguf
from smysl_build_engines.gguf_file import (
    U32,
    Kinds,
    Names,
    Scores,
    TensorPlan,
    Value,
    write_header,
    write_tensor,
)
from smysl_build_engines.gguf_tokenizer import (
    BYTE,
    CONTROL,
    NORMAL,
    UNUSED,
    USER_DEFINED,
    Ends,
    describe_tokens,
)
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.reference import Reference
from smysl_build_engines.store import EngineStore
from smysl_engines.manifest import Manifest, read_manifest

TINY: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "bos_token_id": 1,
    "eos_token_id": [2, 3],
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


class Reader:
    """The format as its page describes it, read apart from the code that writes it."""

    def __init__(self, path: Path) -> None:
        self.values: dict[str, Any] = {}
        self.tensors: dict[str, np.ndarray[Any, Any]] = {}
        with path.open("rb") as file:
            assert file.read(4) == b"GGUF"
            version, tensors, values = self._take(file, "<IQQ")
            assert version == 3
            for _ in range(values):
                name = self._text(file)
                self.values[name] = self._value(file, self._take(file, "<I")[0])
            places = [
                (self._text(file), self._shape(file), *self._take(file, "<IQ"))
                for _ in range(tensors)
            ]
            start = -(-file.tell() // 32) * 32
            for name, shape, kind, offset in places:
                assert offset % 32 == 0
                file.seek(start + offset)
                dtype = np.dtype("<f4" if kind == 0 else "<f2")
                count = int(np.prod(shape))
                data = np.frombuffer(file.read(count * dtype.itemsize), dtype)
                # innermost first in the file
                self.tensors[name] = data.reshape(shape[::-1])

    def _take(self, file: BinaryIO, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, file.read(struct.calcsize(form)))

    def _text(self, file: BinaryIO) -> str:
        return file.read(self._take(file, "<Q")[0]).decode()

    def _shape(self, file: BinaryIO) -> tuple[int, ...]:
        return self._take(file, f"<{self._take(file, '<I')[0]}Q")

    def _value(self, file: BinaryIO, kind: int) -> Any:
        if kind == 8:
            return self._text(file)
        if kind == 9:
            inner, count = self._take(file, "<IQ")
            return [self._value(file, inner) for _ in range(count)]
        return self._take(file, {4: "<I", 5: "<i", 6: "<f", 7: "<?"}[kind])[0]


names = st.text(min_size=1, max_size=8)
values = st.one_of(
    st.booleans(),
    st.integers(0, 2**32 - 1).map(U32),
    st.floats(width=32, allow_nan=False),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=4).map(Names),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4).map(Kinds),
    st.lists(st.floats(width=32, allow_nan=False), max_size=4).map(Scores),
)
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


@given(
    st.dictionaries(names, values, max_size=5),
    st.dictionaries(names, st.tuples(shapes, st.sampled_from(["f32", "f16"])), max_size=4),
)
def test_what_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, Value], tensors: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("gguf") / "file.gguf"
    plans = [TensorPlan(name, shape, stored) for name, (shape, stored) in tensors.items()]
    draw = np.random.default_rng(1)
    data = {plan.name: draw.normal(size=plan.shape).astype(np.float32) for plan in plans}
    with path.open("wb") as file:
        write_header(file, metadata, plans)
        for plan in plans:
            write_tensor(
                file, plan, (data[plan.name][row : row + 1] for row in range(plan.shape[0]))
            )
    found = Reader(path)
    assert found.values == {
        name: list(value) if isinstance(value, tuple) else value for name, value in metadata.items()
    }
    for plan in plans:
        wanted = data[plan.name].astype(np.float16 if plan.stored == "f16" else np.float32)
        assert np.array_equal(found.tensors[plan.name], wanted)


def tokenizer(added: bool = True) -> Tokenizer:
    """Byte-level, with ids from 1 on for special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<pad>", "<s>", "</s>", "<eot>", *alphabet, "he", "hel", "Ġw", "lo"]
    merges = [("h", "e"), ("he", "l"), ("Ġ", "w"), ("l", "o")]
    made = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    if added:
        made.add_special_tokens([AddedToken(token, special=True) for token in tokens[:4]])
    return made


def engine_of(folder: Path, fields: dict[str, Any]) -> tuple[Path, Manifest]:
    source = write_random_model(folder / "tiny", fields)
    tokenizer().save(str(source / "tokenizer.json"))
    engine = ensure(source, EngineStore(folder / "store"))
    return source, read_manifest(engine.directory)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    return engine_of(tmp_path_factory.mktemp("built"), TINY)


def test_a_file_says_of_a_model_what_its_checkpoint_does(
    built: tuple[Path, Manifest], tmp_path: Path
) -> None:
    source, manifest = built
    (tmp_path / "new").mkdir()
    done = export_gguf(manifest, source, tmp_path / "new" / "tiny.gguf", "f32")
    assert done.source == source and done.left_out == ()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["tiny.gguf"]
    found = Reader(tmp_path / "new" / "tiny.gguf")
    said = found.values
    assert said["general.architecture"] == "llama" and said["general.name"] == "tiny"
    assert said["llama.context_length"] == 128 and said["llama.block_count"] == 2
    assert said["llama.attention.head_count_kv"] == 2
    assert said["llama.rope.freq_base"] == 10000.0
    assert said["llama.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-5)
    assert said["tokenizer.ggml.model"] == "gpt2" and said["tokenizer.ggml.pre"] == "gpt-2"
    assert said["tokenizer.ggml.eos_token_id"] == 2 and said["tokenizer.ggml.bos_token_id"] == 1
    kinds = said["tokenizer.ggml.token_type"]
    assert kinds[:5] == [CONTROL] * 4 + [NORMAL] and kinds[-1] == UNUSED
    assert len(said["tokenizer.ggml.tokens"]) == len(set(said["tokenizer.ggml.tokens"])) == 320
    weights = open_checkpoint(source).weights
    same = {"layers.1.v.weight": "blk.1.attn_v.weight", "head.weight": "output.weight"}
    for ours, theirs in same.items():
        assert np.array_equal(weights[ours], found.tensors[theirs])
    # a head's features: halves that turn together become neighbours
    q, turned = weights["layers.0.q.weight"], found.tensors["blk.0.attn_q.weight"]
    assert np.array_equal(turned[16:32:2], q[16:24]) and np.array_equal(turned[17:32:2], q[24:32])


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"num_key_value_heads": 4, "head_dim": 32, "tie_word_embeddings": True},
        {"attention_bias": True},
        {"rope_parameters": LLAMA3 | {"rope_theta": 500000.0}, "rope_theta": None},
        {
            "rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 10000.0},
            "rope_theta": None,
        },
    ],
    ids=["grouped", "tied", "biases", "llama3 positions", "linear positions"],
)
def test_llama_cpp_computes_what_the_checkpoint_says(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("xllamacpp", reason="needs the extra dev: xllamacpp")
    given = {name: value for name, value in (TINY | fields).items() if value is not None}
    source, manifest = engine_of(tmp_path, given)
    export_gguf(manifest, source, tmp_path / "tiny.gguf", "f32")
    prompt = np.random.default_rng(5).integers(0, 320, 100).tolist()
    checkpoint = open_checkpoint(source)
    logits = Reference(checkpoint.config, checkpoint.weights).forward(prompt).logits[-1]
    wanted = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
    server = LlamaServer(tmp_path / "tiny.gguf", context=128)
    try:
        body = {"prompt": prompt, "n_predict": 1, "temperature": 0.0, "n_probs": 320}
        asked = urllib.request.Request(
            f"{server.url}/completion",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked) as reply:
            told = json.load(reply)["completion_probabilities"][0]["top_logprobs"]
    finally:
        server.kill()
    found = np.array(
        [logprob for _, logprob in sorted((one["id"], one["logprob"]) for one in told)]
    )
    # llama.cpp keeps keys and values in float16
    assert len(found) == 320 and np.abs(found - wanted).max() < 0.02
    assert found.argmax() == wanted.argmax()


def sentencepiece() -> Tokenizer:
    """As Llama 2's."""
    merges = [("▁", "w"), ("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("▁", "hello")]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += [*map("".join, merges), *"▁helowrd"]
    vocabulary = {token: id for id, token in enumerate(tokens)}
    made = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.add_special_tokens([AddedToken(token, special=True) for token in tokens[:3]])
    return made


def digits() -> Tokenizer:
    made = tokenizer()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    return made


@pytest.mark.slow
@pytest.mark.parametrize("make", [tokenizer, digits, sentencepiece])
def test_llama_cpp_cuts_text_into_the_same_tokens(
    make: Callable[[], Tokenizer], tmp_path: Path
) -> None:
    pytest.importorskip("xllamacpp", reason="needs the extra dev: xllamacpp")
    source = write_random_model(tmp_path / "tiny", TINY)
    made = make()
    made.save(str(source / "tokenizer.json"))
    manifest = read_manifest(ensure(source, EngineStore(tmp_path / "store")).directory)
    export_gguf(manifest, source, tmp_path / "tiny.gguf", "f16")
    server = LlamaServer(tmp_path / "tiny.gguf", context=128)
    try:
        for text in ("hello world", "hello 1234 wé hello", "lo"):
            asked = urllib.request.Request(
                f"{server.url}/tokenize",
                json.dumps({"content": text}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(asked) as reply:
                found = json.load(reply)["tokens"]
            assert found == made.encode(text, add_special_tokens=False).ids, text
    finally:
        server.kill()


def test_only_the_checkpoint_that_the_engine_was_built_from_is_written(
    built: tuple[Path, Manifest], tmp_path: Path
) -> None:
    source, manifest = built
    target = tmp_path / "tiny.gguf"
    with pytest.raises(BadRequest, match="--source"):
        export_gguf(manifest, None, target, "f16")
    with pytest.raises(BadCheckpoint, match="--source"):
        export_gguf(manifest, tmp_path, target, "f16")
    other = write_random_model(tmp_path / "other", TINY, seed=2)
    tokenizer().save(str(other / "tokenizer.json"))
    with pytest.raises(BadCheckpoint, match="not what engine tiny"):
        export_gguf(manifest, other, target, "f16")
    assert not target.exists()
    target.write_text("mine")
    with pytest.raises(StoreError, match="exists"):
        export_gguf(manifest, source, target, "f16")
    with pytest.raises(StoreError, match="No such file"):
        export_gguf(manifest, source, tmp_path / "missing" / "tiny.gguf", "f16")
    assert target.read_text() == "mine" and {p.name for p in tmp_path.iterdir()} == {
        "other",
        "tiny.gguf",
    }


def test_models_of_another_layout_are_refused_by_what_differs(tmp_path: Path) -> None:
    for name, fields, words in (
        ("caps", {"model_type": "gemma2", "head_dim": 16, "query_pre_attn_scalar": 16}, "GGUF"),
        ("norms", {"model_type": "qwen3", "head_dim": 16}, "norms of queries and keys"),
        ("biased", {"mlp_bias": True}, "biases in its MLP"),
    ):
        source, manifest = engine_of(tmp_path / name, TINY | fields)
        with pytest.raises(UnsupportedModel, match=words):
            export_gguf(manifest, source, tmp_path / "tiny.gguf", "f16")


def test_a_number_too_large_for_half_precision_is_refused_with_the_remedy(tmp_path: Path) -> None:
    plan = TensorPlan("wide", (2,), "f16")
    with (tmp_path / "file").open("wb") as file, pytest.raises(OverflowError, match="65504"):
        write_tensor(file, plan, [np.array([1.0, 1e6], np.float32)])


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ],
            "smollm",
        ),
        (
            [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False)],
            "default",
        ),
    ],
)
def test_ways_of_splitting_text_have_llama_cpps_names(parts: list[Any], name: str) -> None:
    made = tokenizer()
    made.pre_tokenizer = pre_tokenizers.Sequence(parts)
    said = describe_tokens("here", made.to_str().encode(), 300, Ends())
    assert said.metadata["tokenizer.ggml.pre"] == name
    assert bool(said.left_out) == (name == "default")


def test_a_tokenizer_that_begins_texts_with_a_token_says_so() -> None:
    made = tokenizer()
    assert (
        describe_tokens("here", made.to_str().encode(), 300, Ends()).metadata[
            "tokenizer.ggml.add_bos_token"
        ]
        is False
    )
    made.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", 1)])
    assert (
        describe_tokens("here", made.to_str().encode(), 300, Ends()).metadata[
            "tokenizer.ggml.add_bos_token"
        ]
        is True
    )


def test_a_sentencepiece_tokenizer_keeps_its_bytes_and_its_order() -> None:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "▁a"]
    made = Tokenizer(
        models.BPE(
            {token: id for id, token in enumerate(tokens)},
            [("▁", "a")],
            unk_token="<unk>",
            byte_fallback=True,
        )
    )
    made.add_special_tokens([AddedToken("<s>", special=True), AddedToken("</s>", special=True)])
    made.add_tokens([AddedToken("own", special=False)])
    said = describe_tokens("here", made.to_str().encode(), 264, Ends(eos=2)).metadata
    kinds = said["tokenizer.ggml.token_type"]
    assert isinstance(kinds, Kinds)
    assert said["tokenizer.ggml.model"] == "llama" and "tokenizer.ggml.merges" not in said
    assert kinds[1:4] == (CONTROL, CONTROL, BYTE)
    assert kinds[262] == USER_DEFINED and kinds[263] == UNUSED


def test_other_kinds_of_tokenizers_are_refused() -> None:
    word_level = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    with pytest.raises(UnsupportedModel, match="WordLevel"):
        describe_tokens("here", word_level.to_str().encode(), 2, Ends())
    with pytest.raises(UnsupportedModel, match="here"):
        describe_tokens("here", b"[]", 2, Ends())


def test_the_program_behind_smysl_engines_writes_a_file(
    built: tuple[Path, Manifest], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, manifest = built
    store, target = source.parent / "store", tmp_path / "tiny.gguf"
    words = [
        "--format",
        "gguf",
        "--precision",
        "f32",
        "--source",
        str(source),
        "--",
        "tiny",
        str(target),
    ]
    assert store_app.main([str(store), "export", *words]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["file"] == str(target) and said["precision"] == "f32"
    assert said["size_bytes"] == target.stat().st_size
    assert store_app.main([str(store), "export", *words]) == 1
    assert "exists" in capsys.readouterr().err
