"""The engines screen: adapters, verification with its progress, another model, a build."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.widgets import Input, OptionList, RichLog, Select

from smysl_cli import external
from smysl_cli.tui.model.engines import described, facts
from smysl_daemon.client import Client
from smysl_daemon.config import load_config
from smysl_daemon.protocol import ListEngines, UseModel
from smysl_daemon.shapes import AdapterView, EngineView

ENGINE = EngineView(
    fingerprint="e" * 32,
    model="m",
    backend="onnx",
    precision="int4",
    size_bytes=1_500_000,
    loaded=False,
)


def test_an_adapter_says_its_ranks_and_where_it_sets_in() -> None:
    ranks = {"qkv": 8, "o": 8, "down": 4}
    one = AdapterView(name="careful", kind="alora", ranks=ranks, activation=(5, 17))
    assert described(one) == "careful  alora, rank 8 (qkv, o), 4 (down), sets in at tokens 5 17"
    plain = AdapterView(name="terse", kind="lora", ranks={"o": 2})
    assert described(plain) == "terse  lora, rank 2 (o)"


def test_a_damaged_engine_says_so_instead_of_being_sound() -> None:
    broken = msgspec.structs.replace(ENGINE, problem="weights.bin has changed")
    assert ("problem", "weights.bin has changed") in list(facts(broken, "sound"))
    assert ("files", "sound") in list(facts(ENGINE, "sound"))
    assert ("adapters", "none") in list(facts(ENGINE))
    unread = msgspec.structs.replace(ENGINE, model="", backend="")
    assert dict(facts(unread))["model"] == "?"


async def test_adapters_are_listed_and_files_verified_one_engine_at_a_time(
    opened: Any, own: Any
) -> None:
    with Client(own.dirs.socket) as client:
        client.ask(UseModel(model="other"))
    async with opened(own.dirs) as person:
        await person.press("f3")
        await person.until(lambda: type(person.app.screen).__name__ == "EnginesScreen")
        await person.until(lambda: "careful" in person.shown())
        assert "alora, rank 8 (qkv), 4 (o)" in " ".join(person.shown().split())
        asked: list[object] = []
        ask = person.app.requests.ask

        async def counted(message: Any, kind: Any, **options: Any) -> Any:
            if isinstance(message, ListEngines):
                asked.append(message)
                said.append(person.app.screen.query_one(OptionList).border_subtitle)
            return await ask(message, kind, **options)

        said: list[str] = []
        person.app.requests.ask = counted
        await person.press("v")
        await person.hears("1 damaged")
        assert said == ["hashing 1 of 2", "hashing 2 of 2"]
        assert asked == [ListEngines(verify=True, only=one * 32) for one in "fo"]
        await person.press("down")
        await person.until(lambda: "weights.bin is damaged" in person.shown())


async def test_another_model_answers_after_a_question(opened: Any, own: Any) -> None:
    with Client(own.dirs.socket) as client:
        client.ask(UseModel(model="other"))
    async with opened(own.dirs) as person:
        await person.until(lambda: "other" in person.shown())
        await person.press("f3")
        await person.until(lambda: "careful" in person.shown())
        await person.press("enter")
        await person.dialog("Confirm")
        await person.press("n")
        await person.press("enter")
        await person.dialog("Confirm")
        await person.press("y")
        # a prefix of a fingerprint is no name that the scripted service knows
        await person.hears("there is no such folder. Models: fake, other")
        await person.press("down", "enter")
        await person.hears("other answers already")


async def test_the_model_is_chosen_at_the_prompt_and_kept_in_the_settings(
    opened: Any, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("fake", "other")
    listed = [type("Listed", (), {"model": name})() for name in names]
    monkeypatch.setattr("smysl_cli.tui.screens.options.listed", lambda dirs: listed)
    async with opened(own.dirs) as person:
        await person.until(lambda: "solve - fake" in person.shown())
        await person.press("ctrl+o")
        dialog = await person.dialog("Form")
        dialog.query_one("#model", Select).value = "other"
        dialog.query_one("#seed", Input).focus()
        await person.press("enter")
        await person.hears("other answers new questions")
        await person.until(lambda: "solve - other" in person.shown())
        assert load_config(own.dirs.config_file).model == "other"


async def test_the_adapter_of_one_model_is_not_kept_for_another(
    opened: Any, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [type("Listed", (), {"model": name})() for name in ("fake", "other")]
    monkeypatch.setattr("smysl_cli.tui.screens.options.listed", lambda dirs: listed)
    async with opened(own.dirs) as person:
        await person.until(lambda: "solve - fake" in person.shown())
        await person.press("ctrl+o")
        dialog = await person.dialog("Form")
        dialog.query_one("#model", Select).value = "other"
        dialog.query_one("#adapter", Select).value = "careful"
        dialog.query_one("#seed", Input).focus()
        await person.press("enter")
        await person.hears("other answers, without adapter careful")
        await person.until(lambda: "solve - other" in person.shown())
        assert person.app.main.asking.adapter is None
        await person.press("ctrl+o")
        dialog = await person.dialog("Form")
        # it has none to choose from
        assert not dialog.query("#adapter")


SCRIPT = """
import sys, time
words = sys.argv[1:]
print("reads", words[-1], file=sys.stderr, flush=True)
if words[-1] == "endless":
    time.sleep(600)
print("with", words[words.index("--precision") + 1], file=sys.stderr, flush=True)
sys.exit(1 if words[-1] == "broken" else 0)
"""


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build step that says what it is told."""
    script = tmp_path / "build.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(external, "program", lambda verb: [sys.executable, str(script)])


async def build(person: Any, source: str, adapter: str = "") -> None:
    await person.press("B")
    dialog = await person.dialog("Form")
    dialog.query_one("#source", Input).value = source
    dialog.query_one("#adapter", Input).value = adapter
    dialog.query_one("#precision", Select).value = "int8"
    dialog.query_one("#name", Input).focus()
    await person.press("enter")


async def test_a_build_shows_its_progress_and_its_end(opened: Any, builder: None) -> None:
    async with opened() as person:
        await person.press("f3")
        await person.until(lambda: "careful" in person.shown())
        log = person.app.screen.query_one("#log", RichLog)
        assert "stop the build" not in person.shown()
        await build(person, "", "")
        dialog = person.app.screen
        await person.until(lambda: "say what to build" in str(dialog.query_one("#wrong").content))
        await person.press("escape")
        await build(person, "some/model", "careful")
        dialog = person.app.screen
        await person.until(lambda: "NAME=FOLDER" in str(dialog.query_one("#wrong").content))
        dialog.query_one("#adapter", Input).value = "careful=here"
        await person.press("enter")
        await person.hears("the engine is built")
        assert [line.text.strip() for line in log.lines] == ["reads some/model", "with int8"]
        await build(person, "broken")
        await person.hears("the build failed")
        await build(person, "endless")
        await person.until(lambda: any("endless" in line.text for line in log.lines))
        assert "stop the build" in person.shown()
        await person.press("B")
        await person.hears("a build goes on")
        # it goes on when the screen is left, and is found again
        await person.press("escape", "f3")
        await person.until(lambda: "reads endless" in _built(person))
        await person.press("C")
        await person.until(lambda: "failed (-15)" in _built(person))
        await person.press("escape", "f3")
        await person.until(lambda: "failed (-15)" in _built(person))


def _built(person: Any) -> str:
    for log in person.app.screen.query("#log").results(RichLog):
        return "\n".join([*(line.text.strip() for line in log.lines), str(log.border_subtitle)])
    return ""
