"""What happens when the worker process dies, hangs, or cannot load the artefact."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smysl_engines.base import Call, Choice, EngineClosed, EngineError, Sampling
from smysl_engines.load import open_engine
from smysl_engines.manifest import CorruptEngine
from smysl_engines.tensorrt_llm import dispatch
from smysl_engines.tensorrt_llm.connection import OutOfMemory, WorkerDied, WrongMachine
from smysl_engines.tensorrt_llm.dispatch import Dispatcher
from smysl_engines.tensorrt_llm.engine import TensorRTEngine
from smysl_engines.tensorrt_llm.frames import (
    Abort,
    Ended,
    Facts,
    Frames,
    FromWorker,
    Generate,
    Load,
    Ready,
    encode,
    from_worker,
)
from smysl_engines.tensorrt_llm.process import WorkerProcess

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0
PROMPT = tuple(range(100, 140))
LONG = Call(prompt=PROMPT, sampling=Sampling(max_tokens=400))
SHORT = Call(prompt=PROMPT, sampling=Sampling(max_tokens=4))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"  # nobody may be there to collect it


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():
            await asyncio.sleep(0.01)


async def test_a_killed_worker_fails_the_running_calls_and_the_next_one_starts_another(
    machine: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(monkeypatch)
    engine = machine.open(machine.artefact(max_batch=2))
    try:
        expected = await ask(engine, SHORT)
        first = engine.worker
        streams = [engine.submit(LONG) for _ in range(2)]
        waiting = asyncio.ensure_future(ask(engine, SHORT))
        begun = [aiter(stream) for stream in streams]
        for each in begun:
            await anext(each)
        os.kill(first, signal.SIGKILL)
        for each in begun:
            with pytest.raises(WorkerDied, match="SIGKILL.*the next call starts another"):
                async for _ in each:
                    pass
        # one that had not begun is not hurt
        assert (await waiting).ids == expected.ids
        assert (await ask(engine, SHORT)).ids == expected.ids
        assert engine.worker not in (None, first)
        assert not alive(first)
        assert engine.stats().finished["failed"] == 2
    finally:
        engine.close()


async def test_a_worker_that_dies_idle_is_replaced_by_the_next_call(
    machine: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(monkeypatch)
    engine = machine.open(machine.artefact())
    try:
        os.kill(engine.worker, signal.SIGKILL)
        await until(lambda: engine.worker is None)
        assert (await ask(engine, SHORT)).finish.generated_tokens == 4
    finally:
        engine.close()


async def test_calls_fail_by_name_where_no_new_worker_can_be_started(
    machine: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(monkeypatch)
    engine = machine.open(machine.artefact())
    try:
        machine.set(monkeypatch, "oom")
        os.kill(engine.worker, signal.SIGKILL)
        await until(lambda: engine.worker is None)
        with pytest.raises(OutOfMemory, match="nvidia-smi"):
            await ask(engine, SHORT)
        # and run again when there is room
        machine.set(monkeypatch)
        assert (await ask(engine, SHORT)).finish.reason == "length"
    finally:
        engine.close()


async def test_a_worker_that_does_not_end_what_was_given_up_is_killed(
    machine: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(monkeypatch)
    monkeypatch.setattr(dispatch, "DRAIN_S", 0.2)
    engine = machine.open(machine.artefact(), "deaf,slow")
    try:
        first = engine.worker
        stream = engine.submit(LONG)
        events = []
        async for event in stream:
            events.append(event)
            stream.cancel()
        assert events[-1].reason == "cancelled"
        await until(lambda: engine.worker != first)
        assert (await ask(engine, SHORT)).finish.reason == "length"
    finally:
        engine.close()


async def test_a_worker_that_says_nothing_is_killed_and_its_calls_fail_by_name(
    machine: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(monkeypatch)
    monkeypatch.setattr(dispatch, "SILENCE_S", 0.3)
    engine = machine.open(machine.artefact(), "dead")
    try:
        with pytest.raises(WorkerDied, match="said nothing for 0.3 s and was killed.*Ask again"):
            await ask(engine, SHORT)
        monkeypatch.setattr(dispatch, "SILENCE_S", PATIENCE_S)
        assert (await ask(engine, SHORT)).finish.reason == "length"
    finally:
        engine.close()


def test_a_request_that_is_given_up_before_it_has_begun_is_not_computed(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(monkeypatch)
    process = WorkerProcess()
    process.socket.settimeout(PATIENCE_S)
    frames, arrived = Frames(), list[FromWorker]()

    def receive() -> FromWorker:
        while not arrived:
            data = process.socket.recv(1 << 16)
            assert data, "the worker ended"
            arrived.extend(from_worker.decode(body) for body in frames.feed(data))
        return arrived.pop(0)

    try:
        assert isinstance(receive(), Facts)
        load = Load(
            kind=machine.kind,
            directory=str(machine.artefact()),
            options={},
            vocabulary=4096,
            context=512,
            max_batch=8,
            kv_tokens=None,
            adapters=0,
            max_rank=None,
            modules=(),
            guided=False,
        )
        process.socket.sendall(encode(load))
        assert isinstance(receive(), Ready)
        before = len(machine.noted())
        # in one piece, so that both are read at once
        both = Generate(id=1, prompt=PROMPT, max_tokens=400), Abort(1)
        process.socket.sendall(b"".join(encode(each) for each in both))
        end = receive()
        assert isinstance(end, Ended) and end.reason == "cancelled"
        assert len(machine.noted()) == before
    finally:
        process.end(1.0)


def test_closing_ends_a_start_and_who_waits_for_it() -> None:
    begun, given_up = threading.Event(), threading.Event()
    failed: list[Exception] = []

    async def connect() -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    def make(*_: Any) -> Any:
        raise AssertionError("no call was given")

    dispatcher = Dispatcher(connect, make, 1)

    def opens() -> None:
        try:
            dispatcher.open()
        except EngineClosed as error:
            failed.append(error)

    opening = threading.Thread(target=opens, daemon=True)
    opening.start()
    assert begun.wait(PATIENCE_S)
    dispatcher.close()
    assert given_up.is_set()
    opening.join(PATIENCE_S)
    assert len(failed) == 1


async def test_what_a_dead_worker_leaves_running_is_ended_too(
    machine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMYSL_FAKE_CHILD", str(tmp_path / "child"))
    engine = machine.open(machine.artefact(), "child")
    try:
        child = int((tmp_path / "child").read_text())
        assert alive(child)
        os.kill(engine.worker, signal.SIGKILL)
        await until(lambda: engine.worker is None and not alive(child))
    finally:
        engine.close()


async def test_closing_ends_everything_and_leaves_no_process(machine: Any) -> None:
    engine = machine.open(machine.artefact())
    worker = engine.worker
    running = engine.submit(LONG)
    begun = aiter(running)
    await anext(begun)
    engine.close()
    ends = [event async for event in begun]
    assert ends[-1].reason == "cancelled"
    assert not alive(worker)
    with pytest.raises(EngineClosed, match="open it again"):
        engine.submit(SHORT)
    engine.close()


async def test_numbers_that_are_none_fail_the_call_alone(machine: Any, ask: Any) -> None:
    engine = machine.open(machine.artefact(), "nan")
    try:
        with pytest.raises(EngineError, match="not a number"):
            await ask(engine, Call(prompt=PROMPT, constraint=Choice(((5,), (6,)))))
        assert engine.worker is not None
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tensorrt_llm": "1.1.0"}, "built for TensorRT-LLM 1.1.0; here is"),
        ({"compute_capability": "8.9"}, "built for compute capability 8.9; here is 12.0"),
    ],
)
def test_an_artefact_of_another_machine_is_refused_with_the_command_that_rebuilds_it(
    machine: Any, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(WrongMachine, match=f"{said}.*Rebuild it here: smysl build"):
        machine.open(machine.artefact(**changed))


def test_a_compiled_engine_is_refused_on_another_card(machine: Any) -> None:
    artefact = machine.artefact(gpu="NVIDIA GeForce RTX 5090")
    if machine.kind == "engine":
        with pytest.raises(WrongMachine, match="5090; here is NVIDIA RTX PRO 6000"):
            machine.open(artefact)
    else:
        machine.open(artefact).close()


def test_a_card_that_is_full_is_named_with_what_to_do(machine: Any) -> None:
    with pytest.raises(OutOfMemory, match="CUDA out of memory.*nvidia-smi"):
        machine.open(machine.artefact(), "oom")


def test_a_python_without_the_library_says_what_to_install(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(WrongMachine, match="which is not installed"):
        TensorRTEngine(machine.artefact())


def test_the_worker_needs_no_more_of_a_python_than_msgspec_and_numpy(
    machine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = Path(msgspec.__file__).parents[1]
    for path in packages.iterdir():
        if path.name.partition(".")[0] in ("msgspec", "numpy"):
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    # of which our own environment is made, without what is installed in it
    base = getattr(sys, "_base_executable", sys.executable)
    # it got as far as looking for the library
    with pytest.raises(WrongMachine, match="which is not installed"):
        TensorRTEngine(machine.artefact(), python=base)


def test_a_python_that_is_not_there_is_named_with_its_variable(
    machine: Any, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="SMYSL_TENSORRT_LLM_PYTHON"):
        machine.open(machine.artefact(), python=str(tmp_path / "python"))


def test_a_model_that_takes_too_long_to_load_is_given_up(machine: Any) -> None:
    with pytest.raises(EngineError, match="did not load .* within 0.001 s"):
        machine.open(machine.artefact(), start_s=0.001)


def test_a_damaged_artefact_is_refused(machine: Any) -> None:
    artefact = machine.artefact()
    (artefact / "tokenizer.json").write_text("{}")
    with pytest.raises(CorruptEngine, match="tokenizer.json has changed"):
        machine.open(artefact)


async def test_an_option_the_version_does_not_have_is_refused(machine: Any) -> None:
    artefact = machine.artefact(options={"sampler_type": "auto", "max_num_tokens": 4096})
    if machine.contract == "main":
        with pytest.raises(EngineError, match="sampler_type"):
            machine.open(artefact)
    else:
        # what an engine was built with is in it
        machine.open(artefact).close()


async def test_options_of_a_checkpoint_reach_the_library(machine: Any, ask: Any) -> None:
    options = {
        "max_num_tokens": 4096,
        "enable_chunked_prefill": True,
        "kv_cache_config": {"dtype": "auto", "free_gpu_memory_fraction": 0.5},
        "cuda_graph_config": {"max_batch_size": 8, "enable_padding": True},
    }
    engine = machine.open(machine.artefact(options=options), kv_bytes=1 << 30, max_batch=4)
    try:
        assert engine.info.max_batch == 4
        assert (await ask(engine, SHORT)).finish.reason == "length"
    finally:
        engine.close()


async def test_an_echo_is_refused_where_the_engine_gives_no_logits_of_a_prompt(
    machine: Any, ask: Any
) -> None:
    call = Call(prompt=PROMPT, echo=True, sampling=Sampling(max_tokens=0))
    engine = machine.open(machine.artefact(context_logits=False))
    try:
        if machine.kind == "engine":
            with pytest.raises(EngineError, match="gather_context_logits"):
                await ask(engine, call)
        else:
            assert len((await ask(engine, call)).finish.prompt_logprobs) == len(PROMPT) - 1
        assert (await ask(engine, SHORT)).finish.reason == "length"
    finally:
        engine.close()


async def test_an_adapter_of_too_high_a_rank_fails_its_call_alone(machine: Any, ask: Any) -> None:
    engine = machine.open(machine.artefact(max_rank=4))
    try:
        high = msgspec.structs.replace(SHORT, adapter="verify")
        with pytest.raises(EngineError, match="rank 8 is greater than max_lora_rank 4"):
            await ask(engine, high)
        low = msgspec.structs.replace(SHORT, adapter="plan")
        assert (await ask(engine, low)).finish.reason == "length"
    finally:
        engine.close()


def test_an_engine_is_opened_by_the_backend_its_manifest_names(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(monkeypatch)
    artefact = machine.artefact()
    engine = open_engine(artefact, max_batch=3)
    assert isinstance(engine, TensorRTEngine) and engine.info.max_batch == 3
    engine.close()
    with pytest.raises(EngineError, match="cannot be deterministic"):
        open_engine(artefact, deterministic=True)
