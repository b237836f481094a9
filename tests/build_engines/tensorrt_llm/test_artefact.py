"""What an artefact is bound to: loading it elsewhere is refused with the command that rebuilds it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smysl_engines.manifest import CorruptEngine, FileEntry
from smysl_engines.tensorrt_llm.artefact import (
    BoundAdapter,
    MachineFacts,
    TensorRTArtefact,
    lay_out_adapters,
    mismatch,
    read,
    write,
)

ENTRY = FileEntry(3, "00" * 32)
ADAPTER = BoundAdapter(
    name="plan",
    int_id=1,
    rank=8,
    how="runtime",
    modules=("attn_q",),
    source={"adapter_config.json": ENTRY},
    files={"adapter_config.json": "adapter-plan.json"},
)
ENGINE = TensorRTArtefact(
    kind="engine",
    model="qwen",
    base={"config.json": ENTRY},
    adapters=(ADAPTER,),
    precision="fp8",
    kv_precision="fp8",
    options={"max_batch_size": 4, "build_config": {"max_seq_len": 8}, "dtype": "bfloat16"},
    tensorrt_llm="1.2.1",
    tensorrt="10.14.1",
    gpu="NVIDIA RTX PRO 6000",
    compute_capability="12.0",
    context=4096,
    max_batch=4,
    self_check=None,
)
CHECKPOINT = msgspec.structs.replace(ENGINE, kind="checkpoint", tensorrt=None)
MACHINE = MachineFacts(
    tensorrt_llm="1.2.1",
    tensorrt="10.14.1",
    has_engine_backend=True,
    gpu="NVIDIA RTX PRO 6000",
    compute_capability="12.0",
)


def changed(**fields: Any) -> MachineFacts:
    return msgspec.structs.replace(MACHINE, **fields)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write(tmp_path, ENGINE)
    assert read(tmp_path) == ENGINE


def test_the_machine_it_was_built_on_may_load_it() -> None:
    assert mismatch(ENGINE, MACHINE) is None
    assert mismatch(CHECKPOINT, changed(tensorrt=None, has_engine_backend=False)) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tensorrt_llm": "1.2.0"}, "TensorRT-LLM 1.2.1; here is 1.2.0"),
        ({"tensorrt": "10.15.1"}, "TensorRT 10.14.1; here is 10.15.1"),
        ({"tensorrt": None}, "TensorRT 10.14.1; here is none"),
        ({"compute_capability": "9.0"}, "compute capability 12.0; here is 9.0"),
        (
            {"gpu": "NVIDIA GeForce RTX 5090"},
            "NVIDIA RTX PRO 6000; here is NVIDIA GeForce RTX 5090",
        ),
        ({"has_engine_backend": False}, "cannot load any"),
    ],
)
def test_an_engine_on_another_machine_is_refused_with_the_command_that_rebuilds_it(
    fields: dict[str, Any], words: str
) -> None:
    reason = mismatch(ENGINE, changed(**fields))
    assert reason is not None and words in reason
    assert reason.endswith(
        "smysl build SOURCE --backend tensorrt-llm --precision fp8 --adapter plan=DIR --adapters "
        "runtime --name qwen --context 4096 --batch 4 --force"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tensorrt_llm": None}, "needs TensorRT-LLM 1.2.1, which is not installed"),
        ({"gpu": None, "compute_capability": None}, "needs an NVIDIA GPU"),
    ],
)
def test_what_no_rebuild_helps_against_says_what_does(fields: dict[str, Any], words: str) -> None:
    reason = mismatch(ENGINE, changed(**fields))
    assert reason is not None and words in reason and "Rebuild" not in reason


def test_a_checkpoint_goes_to_another_card_of_its_kind_and_no_further() -> None:
    assert mismatch(CHECKPOINT, changed(gpu="NVIDIA GeForce RTX 5090")) is None
    assert mismatch(CHECKPOINT, changed(compute_capability="9.0")) is not None
    assert mismatch(CHECKPOINT, changed(tensorrt_llm="1.4.0")) is not None


def test_a_merged_artefact_is_rebuilt_under_its_base_s_name() -> None:
    merged = msgspec.structs.replace(ADAPTER, how="merged", files={})
    artefact = msgspec.structs.replace(ENGINE, model="qwen+plan", adapters=(merged,))
    reason = mismatch(artefact, changed(tensorrt_llm="1"))
    assert reason is not None and "--adapters merged --name qwen --context" in reason


def test_an_engine_is_loaded_without_what_it_was_built_with() -> None:
    assert ENGINE.load_options == {"max_batch_size": 4}
    assert CHECKPOINT.load_options == CHECKPOINT.options


def test_adapters_are_laid_out_as_their_loader_wants_them(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "adapter-plan.json").write_text("{}")
    made = lay_out_adapters(tmp_path / "engine", ENGINE, tmp_path / "links")
    assert (made["plan"] / "adapter_config.json").read_text() == "{}"
    assert ENGINE.adapter("plan") == ADAPTER and ENGINE.adapter("other") is None


def test_another_adapter_has_another_hash() -> None:
    other = msgspec.structs.replace(
        ADAPTER, source={"adapter_config.json": FileEntry(3, "11" * 32)}
    )
    assert ADAPTER.hash != other.hash


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "its format is 2"),
        ({"kind": "other"}, "cannot be read"),
        ({"context": "long"}, "cannot be read"),
    ],
)
def test_a_damaged_description_is_refused(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    write(tmp_path, ENGINE)
    path = tmp_path / "tensorrt_llm.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CorruptEngine, match=f"{words}.*--backend tensorrt-llm"):
        read(tmp_path)


def test_a_description_that_points_outside_its_folder_is_refused(tmp_path: Path) -> None:
    outside = msgspec.structs.replace(ADAPTER, files={"adapter_config.json": "../secret"})
    write(tmp_path, msgspec.structs.replace(ENGINE, adapters=(outside,)))
    with pytest.raises(CorruptEngine, match="outside its directory"):
        read(tmp_path)


def test_a_missing_description_is_damage(tmp_path: Path) -> None:
    with pytest.raises(CorruptEngine, match="cannot be read"):
        read(tmp_path)
