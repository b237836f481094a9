"""Another model answers while the daemon serves: what runs ends with its own, what is new gets the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from module_by_path import thinker_module
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from smysl_build_engines.random_model import SMALL, write_random_model
from smysl_daemon import fleet
from smysl_daemon.config import Config, OpenAIConfig, find_dirs
from smysl_daemon.errors import BadConfig, NotOnThisDaemon, Stopping
from smysl_daemon.fleet import Fleet
from smysl_daemon.loading import Loader, Meant, Opened
from smysl_daemon.local import LocalService, open_local_service
from smysl_daemon.memory_plan import memory_plan
from smysl_daemon.models import Models
from smysl_daemon.protocol import Run, RunEnded, Show, UseModel
from smysl_daemon.service import SessionShown
from smysl_daemon.shapes import RecipeView
from smysl_daemon.unloading import UnloadingEngine
from smysl_engines.scripted import ScriptedEngine
from smysl_engines.shelf import NoSuchEngine
from smysl_reasoning.dialects.native import SPECIALS, NativeDialect
from smysl_reasoning.errors import EngineUnusable
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 12 apples and gives 5 to Anna. How many has he?"
SETTINGS = Config(unload_minutes=60)


def tokenizer() -> Tokenizer:
    tokens = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in SPECIALS]
    )
    return made


class Shelf(Loader):
    """Scripted engines by name; "slow" takes its time for each token, "broken" has no tokenizer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open_now: dict[str, int] = {}
        self.opened_ever: list[str] = []
        self.gate = asyncio.Event()
        """An engine named "late" is opened when it is set."""
        self.dialect = NativeDialect(tokenizer())

    def configure(self, config: Config) -> None:
        self.settings = config

    def meant(self, name: str) -> Meant:
        if name == "none":
            raise BadConfig("model 'none': there is no such thing")
        (self.folder / name).mkdir(exist_ok=True)
        text = "{}" if name == "broken" else tokenizer().to_str()
        (self.folder / name / "tokenizer.json").write_text(text)
        return Meant(name, None, self.folder / name)

    async def opened(self, meant: Meant) -> Opened:
        assert meant.directory is not None
        if meant.setting == "late":
            await self.gate.wait()
        return Opened(meant.directory, self.lend(meant.setting))

    def lend(self, name: str) -> UnloadingEngine:
        reopen = partial(self._scripted, name)
        return UnloadingEngine(reopen(), reopen, idle_s=3600)

    def _scripted(self, name: str) -> ScriptedEngine:
        shelf = self

        class Counted(ScriptedEngine):
            def close(self) -> None:
                shelf.open_now[name] -= 1
                super().close()

        self.open_now[name] = self.open_now.get(name, 0) + 1
        self.opened_ever.append(name)
        return Counted(
            thinker_module().Thinker(self.dialect),
            context=1024,
            model=name,
            fingerprint=name,
            seconds_per_token=0.005 if name == "slow" else 0.0,
        )


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
async def service(shelf: Shelf, tmp_path: Path) -> AsyncIterator[LocalService]:
    store = Store.open(tmp_path / "smysl.db")
    first = shelf.lend("slow")
    runtime = Runtime(engine=first, dialect=shelf.dialect, store=store)
    made = Models(runtime, shelf, Fleet(first, idle_s=3600), "slow")
    service = LocalService(runtime, first, store, tmp_path, made)
    yield service
    await service.close()
    assert set(shelf.open_now.values()) <= {0}


async def ask(service: LocalService, question: str = QUESTION) -> RunEnded:
    return await end_of(await service.start(Run(question=question, fresh=True)))


async def end_of(handle: Any) -> RunEnded:
    events = [event async for event in handle.events()]
    assert isinstance(events[-1], RunEnded)
    return events[-1]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


async def engines_of(service: LocalService, session: str) -> set[str]:
    """Fingerprints of whatever made the session's nodes."""
    shown = await service.show(Show(id=session))
    assert isinstance(shown, SessionShown)
    made = {node.recipe.engine for node in shown.nodes if isinstance(node.recipe, RecipeView)}
    return made - {"exact"}  # what is computed needs no model


async def test_what_runs_ends_with_its_model_and_what_is_new_gets_the_other(
    service: LocalService, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "RETIRED_IDLE_S", 0.05)
    running = await service.start(Run(question=QUESTION, fresh=True))
    used = await service.use(UseModel(model="quick"))
    assert (used.model, used.before, used.setting) == ("quick", "slow", "quick")
    assert service.model.model == "quick" and service.model.fingerprint == "quick"
    new = await ask(service)
    assert new.answer == "60" and await engines_of(service, new.session) == {"quick"}
    assert shelf.open_now["slow"] == 1  # the first run is still at it
    old = await end_of(running)
    assert (old.outcome, old.answer) == ("done", "60")
    assert await engines_of(service, old.session) == {"slow"}
    await until(lambda: shelf.open_now["slow"] == 0)  # and then its memory is free
    stats = service.stats()
    assert stats.loaded and stats.finished["stop"] > 0 and stats.running == 0


async def test_a_model_that_comes_back_is_not_opened_twice(
    service: LocalService, shelf: Shelf
) -> None:
    before = (await ask(service)).usage.calls
    for model in ("quick", "slow", "slow"):
        await service.use(UseModel(model=model))
    assert shelf.opened_ever == ["slow", "quick"]
    assert await engines_of(service, (await ask(service)).session) == {"slow"}
    # what an engine has done stays counted, whichever answers
    assert sum(service.stats().finished.values()) == 2 * before


async def test_a_model_that_cannot_be_had_changes_nothing(
    service: LocalService, shelf: Shelf
) -> None:
    with pytest.raises(BadConfig, match="no such thing"):
        await service.use(UseModel(model="none"))
    with pytest.raises(EngineUnusable, match=r"tokenizer\.json cannot be used"):
        await service.use(UseModel(model="broken"))
    assert shelf.open_now == {"slow": 1, "broken": 0}
    assert service.model.model == "slow" and (await ask(service)).answer == "60"


async def test_changes_come_one_after_the_other(service: LocalService) -> None:
    names = ("quick", "third", "quick", "fourth")
    used = await asyncio.gather(*[service.use(UseModel(model=name)) for name in names])
    assert [one.setting for one in used] == list(names)
    assert service.model.model == "fourth"


async def test_a_run_that_insists_on_a_model_never_gets_another(service: LocalService) -> None:
    await service.use(UseModel(model="quick"))

    async def insist(number: int) -> set[str]:
        request = Run(question=QUESTION, fresh=True, model="quick", seed=number)
        try:
            run = await service.start(request)
        except NotOnThisDaemon:
            return set()
        assert service.model.model == "quick"  # what the client is told
        return await engines_of(service, (await end_of(run)).session)

    async def insist_again(first: int) -> list[set[str]]:
        return [await insist(first + each) for each in range(5)]

    async def change() -> None:
        for name in ("third", "quick") * 40:
            await service.use(UseModel(model=name))

    changing = asyncio.create_task(change())
    several = await asyncio.gather(*map(insist_again, range(0, 80, 5)))
    await changing
    found = [one for some in several for one in some]
    assert {"quick"} in found and all(one <= {"quick"} for one in found)


async def test_a_client_that_leaves_does_not_stop_the_change(
    service: LocalService, shelf: Shelf
) -> None:
    asking = asyncio.create_task(service.use(UseModel(model="late")))
    await asyncio.sleep(0.01)
    asking.cancel()
    shelf.gate.set()
    await until(lambda: service.model.model == "late")


async def test_a_stop_gives_up_a_change_in_progress(shelf: Shelf, service: LocalService) -> None:
    asking = asyncio.create_task(service.use(UseModel(model="late")))
    await asyncio.sleep(0.01)
    await service.close()
    for asked in (asking, service.use(UseModel(model="quick"))):
        with pytest.raises(Stopping, match="takes no other model"):
            await asked


async def test_a_changed_setting_is_followed_once(
    service: LocalService, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Config(model="quick", openai=OpenAIConfig(name="other"))
    service.reconfigure(settings)
    assert shelf.settings == settings  # before anything is opened
    await until(lambda: service.model.model == "quick")
    await service.use(UseModel(model="third"))
    service.reconfigure(Config(model="quick", unload_minutes=1))  # as it was in the file before
    await asyncio.sleep(0.02)
    assert service.model.model == "third"
    service.reconfigure(Config(model="none"))
    await until(lambda: "the model stays third" in caplog.text)
    assert service.model.model == "third"


async def test_a_setting_that_failed_is_tried_again_at_the_next_reload(
    service: LocalService, caplog: pytest.LogCaptureFixture
) -> None:
    service.reconfigure(Config(model="none"))
    await until(lambda: "the model stays slow" in caplog.text)
    service.reconfigure(Config(model="none"))
    await until(lambda: caplog.text.count("the model stays slow") == 2)


async def test_what_a_client_saves_is_what_the_file_said_last(service: LocalService) -> None:
    await service.use(UseModel(model="quick", saved=True))
    service.reconfigure(Config(model="quick"))
    await asyncio.sleep(0.02)
    assert service.model.model == "quick"
    service.reconfigure(Config(model="slow"))  # edited back to what it was at the start
    await until(lambda: service.model.model == "slow")


async def test_a_service_of_one_engine_says_so(shelf: Shelf, tmp_path: Path) -> None:
    store, engine = Store.open(tmp_path / "other.db"), shelf.lend("quick")
    runtime = Runtime(engine=engine, dialect=shelf.dialect, store=store)
    service = LocalService(runtime, engine, store, tmp_path)
    with pytest.raises(NotOnThisDaemon, match="has one model"):
        await service.use(UseModel(model="slow"))
    await service.close()


def _check_plan(root: Path) -> None:
    """What a service may have: everything that an engine takes, and what building it again takes."""
    dirs = find_dirs()
    plan = memory_plan(dirs, Config(model="other"))
    assert plan.fingerprint in {path.name for path in dirs.engines.iterdir()}
    assert plan.weights_bytes > (dirs.engines / plan.fingerprint / "weights.bin").stat().st_size / 2
    assert plan.build_bytes > (root / "models" / "other" / "model.safetensors").stat().st_size
    parts = plan.weights_bytes + plan.rows_bytes + plan.blocks_bytes + plan.runtime_bytes
    assert plan.high_bytes == parts + plan.build_bytes < plan.max_bytes
    # of the store alone: nothing builds it here
    assert memory_plan(dirs, Config(model="zerno")).build_bytes == 0
    fewer = memory_plan(dirs, Config(model="other", max_batch=1, kv_megabytes=1))
    assert fewer.rows_bytes < plan.rows_bytes and fewer.blocks_bytes < plan.blocks_bytes
    with pytest.raises(BadConfig, match="is a server"):
        memory_plan(dirs, Config(model="http://127.0.0.1:1/v1"))
    with pytest.raises(NoSuchEngine):
        memory_plan(dirs, Config(model="gpt"))


@pytest.mark.slow
async def test_models_of_the_folder_and_engines_of_the_store_are_found_built_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG", "DATA", "CACHE", "RUNTIME", "MODELS"):
        monkeypatch.setenv(f"SMYSL_{name}_DIR", str(tmp_path / name.lower()))
    made = tokenizer()
    for name, width in (("zerno", 64), ("other", 32)):
        shape = msgspec.structs.replace(
            SMALL,
            vocab_size=made.get_vocab_size(),
            num_hidden_layers=1,
            hidden_size=width,
            intermediate_size=64,
        )
        write_random_model(tmp_path / "models" / name, shape)
        (tmp_path / "models" / name / "tokenizer.json").write_text(made.to_str())
    said: list[str] = []
    service = await open_local_service(find_dirs(), SETTINGS, said.append)
    try:
        first = service.model
        used = await service.use(UseModel(model="other"))
        assert used.model == "other" and used.setting == "other" != first.model
        assert "building the engine other (once)" in said
        assert (await ask(service)).outcome == "done"
        # of the store alone, by name and by fingerprint
        (tmp_path / "models" / "zerno" / "config.json").rename(tmp_path / "gone.json")
        for name in ("zerno", first.fingerprint[:10]):
            used = await service.use(UseModel(model=name))
            assert used.fingerprint == first.fingerprint
        assert used.setting == first.fingerprint
        path = str(tmp_path / "models" / "other")
        assert (await service.use(UseModel(model=path))).setting == path
        _check_plan(tmp_path)
        with pytest.raises(BadConfig, match="Models: other.*no engine 'gpt'.*there: other, zerno"):
            await service.use(UseModel(model="gpt"))
        with pytest.raises(BadConfig, match="there is no /nowhere/config.json") as caught:
            await service.use(UseModel(model="/nowhere"))
        assert "engine" not in str(caught.value)
    finally:
        await service.close()
    # what `setting` says is what the next daemon begins with
    again = await open_local_service(find_dirs(), Config(model=first.fingerprint), said.append)
    assert again.model == first
    await again.close()
