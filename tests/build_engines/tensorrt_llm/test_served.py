"""What a build publishes is what the daemon's engine loads and runs: both sides on the contract fake."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_tensorrt_llm.site import write_site
from tensorrt_builds import with_card

from smysl_build_engines.adapters import merge
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.reference import Reference
from smysl_build_engines.tensorrt_llm.command import run
from smysl_build_engines.tensorrt_llm.prepare import Asked
from smysl_build_engines.tensorrt_llm.spawn import Spawner
from smysl_engines.base import Call, Delta, Engine, EngineError, Sampling
from smysl_engines.load import open_engine
from smysl_engines.tensorrt_llm.artefact import Kind

pytestmark = pytest.mark.slow
PROMPT = (5, 9, 40)
COUNT = 8


def build(asked: Asked, version: str, tmp_path: Path, patch: pytest.MonkeyPatch) -> Path:
    """The artefact's directory; from then on this process's children find the fake."""
    site = write_site(
        tmp_path / "site", version, SMYSL_FAKE_KEPT=str(tmp_path), OPENBLAS_NUM_THREADS="1"
    )
    spawner = Spawner("contract_toolkit:Toolkit", site)
    (answer,) = run(asked, lambda line: None, spawner=spawner, gpus=with_card)
    for name, value in site.items():
        patch.setenv(name, value)
    return Path(answer["directory"])


async def said(engine: Engine, adapter: str | None) -> tuple[int, ...]:
    sampling = Sampling(max_tokens=COUNT)
    stream = engine.submit(Call(prompt=PROMPT, adapter=adapter, sampling=sampling))
    found: list[int] = []
    async for each in stream:
        if isinstance(each, Delta):
            found += each.ids
    return tuple(found)


def expected(model: Path, adapter: Path | None) -> tuple[int, ...]:
    checkpoint = open_checkpoint(model)
    if adapter is not None:
        checkpoint = merge(checkpoint, open_adapter("plan", adapter, checkpoint))
    reference = Reference(checkpoint.config, checkpoint.weights)
    tokens: list[int] = []
    for _ in range(COUNT):
        tokens.append(int(reference.forward([*PROMPT, *tokens]).logits[-1].argmax()))
    return tuple(tokens)


@pytest.mark.parametrize(
    ("version", "kind"), [("1.2.1", "engine"), ("1.2.1", "checkpoint"), ("main", "checkpoint")]
)
async def test_a_built_artefact_says_what_its_checkpoint_and_its_adapter_say(
    version: str,
    kind: Kind,
    ask: Callable[..., Asked],
    model: Path,
    adapters: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = ask(artefact=kind, adapters=(("plan", adapters["plan"]),), how="runtime")
    engine = open_engine(build(asked, version, tmp_path, monkeypatch))
    try:
        assert engine.info.adapters == ("plan",)
        assert await said(engine, None) == expected(model, None)
        assert await said(engine, "plan") == expected(model, adapters["plan"])
    finally:
        engine.close()


def test_an_artefact_of_another_version_is_refused_with_the_command_that_rebuilds_it(
    ask: Callable[..., Asked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = build(ask(), "1.2.1", tmp_path, monkeypatch)
    for name, value in write_site(tmp_path / "later", "main").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EngineError, match="was built for TensorRT-LLM 1.2.1.*Rebuild it here"):
        open_engine(directory)
