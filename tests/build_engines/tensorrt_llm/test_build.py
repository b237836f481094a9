"""Builds whose TensorRT-LLM is numpy: what is published, what it says of itself, and what is left when
something goes wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tensorrt_builds import CARD, HELPERS, quantised_copy, spawner_with, with_card, write_model

from smysl_build_engines.errors import BadRequest, BuildError, VerificationFailed
from smysl_build_engines.store import EngineStore
from smysl_build_engines.store_app import survey
from smysl_build_engines.tensorrt_llm.command import facts, run
from smysl_build_engines.tensorrt_llm.errors import OutOfGpuMemory, ToolkitFailed
from smysl_build_engines.tensorrt_llm.prepare import Asked
from smysl_build_engines.tensorrt_llm.spawn import Spawner
from smysl_build_engines.tensorrt_llm.toolkit import Probe
from smysl_engines.manifest import load_manifest
from smysl_engines.tensorrt_llm.artefact import mismatch, read

Ask = Callable[..., Asked]
pytestmark = pytest.mark.slow
PATIENCE_S = 120.0


def make(asked: Asked, spawner: Spawner) -> list[Any]:
    return run(asked, lambda line: None, spawner=spawner, gpus=with_card)


def directory_of(answer: Any) -> Path:
    return Path(answer["directory"])


def left_in(store: Path) -> set[str]:
    return {path.name for path in store.iterdir()} if store.exists() else set()


@pytest.fixture(scope="module")
def fields(adapters: dict[str, Path]) -> dict[str, Any]:
    """What the shared engine was asked with."""
    return {"batch": 4, "context": 128, "adapters": tuple(adapters.items()), "how": "runtime"}


@pytest.fixture(scope="module")
def shared(model: Path, fields: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The answer to a build, for tests that only look: each build starts three processes."""
    store = tmp_path_factory.mktemp("shared") / "engines"
    asked = Asked(source=model, name="tiny", store=store, as_json=True, **fields)
    (answer,) = make(asked, spawner_with())
    return answer


@pytest.fixture
def again(shared: Any, fields: dict[str, Any], ask: Ask, tmp_path: Path) -> Ask:
    """Asks for the shared engine in a store that has it, for tests that change the store."""
    shutil.copytree(directory_of(shared).parent, tmp_path / "engines")
    return lambda **more: ask(**(fields | more))


def test_an_engine_is_published_with_what_it_is_bound_to(shared: Any) -> None:
    manifest = load_manifest(directory_of(shared))
    assert (manifest.backend, manifest.precision) == ("tensorrt-llm", "bf16")
    artefact = read(directory_of(shared))
    assert (artefact.kind, artefact.tensorrt_llm, artefact.tensorrt) == (
        "engine",
        "1.2.1",
        "10.14.1",
    )
    assert (artefact.gpu, artefact.compute_capability) == (CARD.name, "12.0")
    assert (artefact.context, artefact.max_batch) == (128, 4)
    assert artefact.options["build_config"]["max_seq_len"] == 128
    assert "build_config" not in artefact.load_options
    assert set(artefact.base) == {"config.json", "model.safetensors", *_passed_on()}


def _passed_on() -> set[str]:
    return {"tokenizer.json", "chat_template.jinja"}


def test_the_engine_directory_has_what_the_daemon_reads_beside_the_engine(shared: Any) -> None:
    names = {path.name for path in directory_of(shared).iterdir()}
    assert names >= {"manifest.json", "tensorrt_llm.json", "config.json", "rank0.engine"}
    assert names >= _passed_on()


def test_the_self_check_is_recorded_for_the_base_and_each_adapter(shared: Any) -> None:
    check = read(directory_of(shared)).self_check
    assert check is not None and set(check.adapters) == {"plan", "verify"}
    for parity in (check.base, *check.adapters.values()):
        assert (parity.prompts, parity.tokens) == (4, 64)
        assert parity.greedy_agreement == 1.0 and parity.first_difference is None
        assert abs(parity.drift) < 1e-4
    # one text cannot be the likeliest under three different models
    perplexities = {round(p.perplexity_reference, 6) for p in check.adapters.values()}
    assert len({*perplexities, round(check.base.perplexity_reference, 6)}) == 3


def test_adapters_chosen_call_by_call_lie_flat_and_keep_their_numbers(
    shared: Any, adapters: dict[str, Path]
) -> None:
    directory = directory_of(shared)
    artefact = read(directory)
    assert [(a.name, a.int_id, a.rank) for a in artefact.adapters] == [
        ("plan", 1, 4),
        ("verify", 2, 2),
    ]
    assert artefact.max_rank == 4
    for adapter in artefact.adapters:
        for name, file in adapter.files.items():
            assert (directory / file).read_bytes() == (adapters[adapter.name] / name).read_bytes()
    assert not list(directory.glob("adapter*.safetensors"))
    lora = artefact.options["lora_config"]
    assert lora["lora_target_modules"] == [
        *("attn_q", "attn_k", "attn_v", "attn_dense"),
        *("mlp_h_to_4h", "mlp_gate", "mlp_4h_to_h"),
    ]


def test_merged_adapters_become_an_engine_each(
    ask: Ask, spawner: Spawner, adapters: dict[str, Path]
) -> None:
    answers = make(ask(adapters=tuple(adapters.items()), how="merged"), spawner)
    assert [answer["model"] for answer in answers] == ["tiny+plan", "tiny+verify"]
    for answer in answers:
        artefact = read(directory_of(answer))
        (adapter,) = artefact.adapters
        assert (adapter.how, adapter.files) == ("merged", {})
        assert artefact.base_hash == read(directory_of(answers[0])).base_hash
        # merging rounds to 16 bits, which the reference does not
        assert artefact.self_check is not None and 0 < abs(artefact.self_check.base.drift) < 0.02
    hashes = {read(directory_of(answer)).adapters[0].hash for answer in answers}
    assert len(hashes) == 2


def test_a_newer_library_gets_a_checkpoint_and_resolved_options(
    ask: Ask, adapters: dict[str, Path], model: Path
) -> None:
    probe = Probe(tensorrt_llm="1.4.0rc1", has_checkpoint=True)
    newer = spawner_with(SMYSL_FAKE_PROBE=msgspec.json.encode(probe).decode())
    (answer,) = make(ask(adapters=(("plan", adapters["plan"]),), batch=3), newer)
    directory = directory_of(answer)
    artefact = read(directory)
    assert (artefact.kind, artefact.tensorrt) == ("checkpoint", None)
    weights = (directory / "model.safetensors").read_bytes()
    assert weights == (model / "model.safetensors").read_bytes()
    assert artefact.load_options == artefact.options
    assert artefact.options["cuda_graph_config"]["max_batch_size"] == 3
    assert not {"build_config", "quant_config", "dtype"} & set(artefact.options)
    assert artefact.self_check is not None and "plan" in artefact.self_check.adapters


def test_a_merged_checkpoint_holds_the_merged_weights_alone(
    ask: Ask, spawner: Spawner, adapters: dict[str, Path], model: Path
) -> None:
    asked = ask(adapters=(("plan", adapters["plan"]),), how="merged", artefact="checkpoint")
    (answer,) = make(asked, spawner)
    directory = directory_of(answer)
    assert (directory / "model.safetensors").read_bytes() != (
        model / "model.safetensors"
    ).read_bytes()
    assert not list(directory.glob("adapter-*"))


def test_a_quantised_source_is_checked_against_the_checkpoint_it_was_made_of(
    ask: Ask, spawner: Spawner, model: Path, tmp_path: Path
) -> None:
    small = quantised_copy(model, tmp_path / "small", "NVFP4")
    with pytest.raises(BadRequest, match="--reference DIR"):
        make(ask(source=small), spawner)
    (answer,) = make(ask(source=small, reference=model), spawner)
    artefact = read(directory_of(answer))
    assert (artefact.precision, artefact.kv_precision) == ("nvfp4", "fp8")
    assert artefact.self_check is not None
    assert artefact.options["quant_config"] == {
        "quant_algo": "NVFP4",
        "kv_cache_quant_algo": "FP8",
    }


def test_a_reference_of_another_shape_is_refused(
    ask: Ask, spawner: Spawner, model: Path, tmp_path: Path
) -> None:
    small = quantised_copy(model, tmp_path / "small", "FP8")
    other = write_model(tmp_path / "other", num_hidden_layers=1)
    with pytest.raises(BadRequest, match="is not what"):
        make(ask(source=small, reference=other), spawner)


def test_the_same_build_again_finds_the_artefact_and_other_sizes_do_not(
    again: Ask, shared: Any, spawner: Spawner
) -> None:
    (found,) = make(again(), spawner)
    assert (shared["reused"], found["reused"]) == (False, True)
    assert found["fingerprint"] == shared["fingerprint"]
    (larger,) = make(again(batch=16, self_check="off"), spawner)
    assert not larger["reused"]
    (forced,) = make(again(batch=16, self_check="off", force=True), spawner)
    assert not forced["reused"]


def test_an_artefact_that_was_never_checked_does_not_stand_in_for_one_that_is(
    ask: Ask, spawner: Spawner
) -> None:
    (unseen,) = make(ask(self_check="off"), spawner)
    artefact = read(directory_of(unseen))
    manifest = load_manifest(directory_of(unseen))
    assert artefact.self_check is None and manifest.verification.positions == 0
    (checked,) = make(ask(), spawner)
    assert not checked["reused"]
    assert read(directory_of(checked)).self_check is not None


def test_an_artefact_of_another_version_of_the_library_is_built_again(again: Ask) -> None:
    probe = Probe(tensorrt_llm="1.2.2", tensorrt="10.14.1", has_engine=True, has_checkpoint=True)
    later = spawner_with(SMYSL_FAKE_PROBE=msgspec.json.encode(probe).decode())
    (second,) = make(again(self_check="off"), later)
    assert not second["reused"]
    reason = mismatch(read(directory_of(second)), facts(probe, CARD))
    assert reason is None


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("oom", OutOfGpuMemory, "ran out of memory on the card.*--batch"),
        ("error", ToolkitFailed, "quant_algo is not supported"),
        ("die", ToolkitFailed, "killed by SIGKILL"),
        ("empty", ToolkitFailed, "saved no engine"),
        ("folder", ToolkitFailed, "a folder 'lora'"),
        ("wrong", VerificationFailed, "is not the model that was built"),
        ("silent", ToolkitFailed, "0 log-probabilities came for 16 tokens"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_the_store_clean(
    ask: Ask, tmp_path: Path, fault: str, error: type[BuildError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        make(ask(), spawner_with(fault))
    assert "othing was published" in str(caught.value)
    assert left_in(tmp_path / "engines") == {".lock"}


def test_a_build_that_fails_leaves_the_engine_that_was_there(
    again: Ask, shared: Any, tmp_path: Path
) -> None:
    with pytest.raises(ToolkitFailed):
        make(again(force=True), spawner_with("die"))
    (engine,) = survey(tmp_path / "engines", verify=True)
    assert (engine.fingerprint, engine.problem) == (shared["fingerprint"], None)


KILLED = """
import signal
import sys
from pathlib import Path
from tensorrt_builds import spawner_with, with_card
from smysl_build_engines.tensorrt_llm.command import run
from smysl_build_engines.tensorrt_llm.prepare import Asked
# who runs the tests may ignore interrupts, and so would we
signal.signal(signal.SIGINT, signal.default_int_handler)
asked = Asked(source=Path(sys.argv[1]), name="tiny", store=Path(sys.argv[2]))
run(asked, print, spawner=spawner_with("hang", SMYSL_FAKE_STARTED=sys.argv[3]), gpus=with_card)
"""


def test_a_build_killed_while_the_library_works_takes_its_process_along_and_the_next_one_cleans_up(
    ask: Ask, spawner: Spawner, model: Path, tmp_path: Path
) -> None:
    started, store = tmp_path / "started", tmp_path / "engines"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(model), str(store), str(started)],
        env={**os.environ, "PYTHONPATH": str(HELPERS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    child = int(wait_for(started))
    process.kill()
    process.wait(PATIENCE_S)
    wait_until_gone(child)
    assert survey(store, verify=True) == []
    (answer,) = make(ask(), spawner)
    assert left_in(store) == {".lock", answer["fingerprint"]}


def test_an_interrupt_ends_the_library_and_leaves_nothing(model: Path, tmp_path: Path) -> None:
    started, store = tmp_path / "started", tmp_path / "engines"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(model), str(store), str(started)],
        env={**os.environ, "PYTHONPATH": str(HELPERS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    child = int(wait_for(started))
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_S)
    wait_until_gone(child)
    assert left_in(store) == {".lock"}


def wait_for(path: Path) -> str:
    until = time.monotonic() + PATIENCE_S
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < until, f"nobody wrote {path}"
        time.sleep(0.02)
    return path.read_text()


def wait_until_gone(process: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "ZX":
            return
        time.sleep(0.02)
    raise AssertionError(f"process {process} has not ended")


def test_a_stored_artefact_is_checked_again(again: Ask, spawner: Spawner) -> None:
    (answer,) = make(again(verify=True), spawner)
    assert answer["self_check"]["base"]["greedy_agreement"] == 1.0
    with pytest.raises(VerificationFailed):
        make(again(verify=True), spawner_with("wrong"))


def test_the_store_lists_verifies_exports_imports_and_deletes_it(
    again: Ask, shared: Any, tmp_path: Path
) -> None:
    store, tar = tmp_path / "engines", tmp_path / "tiny.tar"
    (listed,) = survey(store, verify=True)
    assert (listed.backend, listed.precision, listed.problem) == ("tensorrt-llm", "bf16", None)
    call_store(store, "export", "tiny", str(tar))
    call_store(store, "delete", shared["fingerprint"])
    assert survey(store, verify=False) == []
    call_store(store, "import", str(tar))
    directory = store / shared["fingerprint"]
    assert read(directory) == msgspec.convert(shared["artefact"], type(read(directory)))
    # a file that changed is found out, an adapter's too
    (directory / "adapter-plan.weights").write_bytes(b"other")
    (damaged,) = survey(store, verify=True)
    assert damaged.problem is not None and "adapter-plan.weights has changed" in damaged.problem


def call_store(store: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "smysl_build_engines.store_app", str(store), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_builds_take_turns_with_others_of_the_store(
    again: Ask, spawner: Spawner, tmp_path: Path
) -> None:
    store = EngineStore(tmp_path / "engines")
    with store.lock(), store.staging() as staging:
        assert staging.parent == store.folder
    (found,) = make(again(), spawner)
    assert found["reused"]
