"""The bundled model twice: on TensorRT-LLM's contract fake, of either version, and on ONNX Runtime."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from fake_tensorrt_llm.artefacts import write_artefact
from fake_tensorrt_llm.site import write_site
from peft_adapter import ATTENTION, write_adapter

from smysl_build_engines.adapters import with_bank
from smysl_build_engines.build import build, plan
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.store import EngineStore
from smysl_engines.base import Call, Delta, Engine, Finish, Likeliest
from smysl_engines.onnx import OnnxEngine
from smysl_engines.tensorrt_llm.artefact import Kind
from smysl_engines.tensorrt_llm.engine import TensorRTEngine

MODEL = Path(__file__).parents[3] / "models" / "zerno"
CONTRACTS: dict[str, Kind] = {"1.2.1": "engine", "main": "checkpoint"}


class Answer(NamedTuple):
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    top: tuple[Likeliest, ...]
    finish: Finish


async def answer(engine: Engine, call: Call) -> Answer:
    ids, logprobs, top = list[int](), list[float](), list[Likeliest]()
    finish: Finish | None = None
    async for event in engine.submit(call):
        if isinstance(event, Delta):
            ids += event.ids
            logprobs += event.logprobs
            top += event.top
        else:
            assert finish is None
            finish = event
    assert finish is not None
    return Answer(tuple(ids), tuple(logprobs), tuple(top), finish)


@pytest.fixture(scope="session")
def ask() -> Callable[[Engine, Call], Any]:
    """Iterate a call to its end."""
    return answer


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    at = tmp_path_factory.mktemp("adapters")
    return {
        "plan": write_adapter(at / "plan", MODEL, ATTENTION, rank=4, seed=1),
        "verify": write_adapter(at / "verify", MODEL, ATTENTION, rank=8, seed=2),
    }


@pytest.fixture(scope="session")
def onnx(
    adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OnnxEngine]:
    checkpoint = open_checkpoint(MODEL)
    bank = [open_adapter(name, folder, checkpoint) for name, folder in adapters.items()]
    banked = with_bank(checkpoint, bank)
    wanted = plan(banked, name="zerno", precision="fp32")
    store = EngineStore(tmp_path_factory.mktemp("store"))
    engine = OnnxEngine(build(banked, wanted, store, lambda line: None).directory)
    yield engine
    engine.close()


class Machine:
    """A Python with the fake of one version, and artefacts for it."""

    def __init__(self, root: Path, contract: str, adapters: dict[str, Path]) -> None:
        self.root, self.contract, self.kind = root, contract, CONTRACTS[contract]
        self._adapters = adapters
        self.environment = write_site(root / "site", contract)
        self.calls = root / "calls.jsonl"
        self._made = 0

    def artefact(self, **fields: Any) -> Path:
        """A new one, with both adapters; `fields` as `write_artefact` takes them."""
        self._made += 1
        folder = self.root / f"artefact-{self._made}"
        return write_artefact(
            folder, MODEL, self.contract, self.kind, **({"adapters": self._adapters} | fields)
        )

    def open(self, artefact: Path, fault: str = "", **options: Any) -> TensorRTEngine:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables(fault).items():
                patch.setenv(name, value)
            return TensorRTEngine(artefact, **options)

    def variables(self, fault: str = "") -> dict[str, str]:
        return self.environment | {
            "SMYSL_FAKE_FAULT": fault,
            "SMYSL_FAKE_CALLS": str(self.calls),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def set(self, patch: pytest.MonkeyPatch, fault: str = "") -> None:
        """For a worker that is started later."""
        for name, value in self.variables(fault).items():
            patch.setenv(name, value)

    def noted(self) -> list[dict[str, Any]]:
        """What the library was asked, oldest first."""
        lines = self.calls.read_bytes().splitlines() if self.calls.exists() else []
        return [msgspec.json.decode(line) for line in lines]


@pytest.fixture(scope="session", params=CONTRACTS)
def machine(
    request: pytest.FixtureRequest,
    adapters: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Machine:
    return Machine(tmp_path_factory.mktemp("machine"), request.param, adapters)


@pytest.fixture(scope="session")
def engine(machine: Machine) -> Iterator[TensorRTEngine]:
    """Shared: tests leave it as they found it."""
    engine = machine.open(machine.artefact())
    yield engine
    engine.close()
    assert engine.stats().running == engine.stats().waiting == 0
