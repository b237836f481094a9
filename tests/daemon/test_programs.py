"""Programs, modules and plans as clients see them, over a runtime whose engine is scripted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from module_by_path import thinker_module
from native_dialect import native_dialect

from smysl_daemon.errors import Code
from smysl_daemon.local import LocalService
from smysl_daemon.protocol import (
    PROGRAMS_LIMIT_BYTES,
    Answer,
    Cancel,
    CheckPrograms,
    DaemonStatus,
    Derive,
    ErrorReply,
    Explain,
    Explained,
    GetStatus,
    NodeFinished,
    NodeStarted,
    ProgramFile,
    Run,
    RunEnded,
    Show,
)
from smysl_daemon.service import SessionShown
from smysl_daemon.shapes import PlanView, RecipeView, SpentView
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 12 apples and gives 5 to Anna. How many has he?"
MINE = """\
name = "mine"
summary = "the answer at once"
source = "a paper"

[[step]]
name = "guess"
module = "direct"
inputs = { question = "question" }

[[step]]
name = "all"
module = "vote"
inputs = { others = "guess" }

[[step]]
name = "verdict"
module = "verify"
inputs = { choice = "all" }

[[step]]
name = "answer"
module = "answer"
inputs = { choice = "all", verdict = "verdict" }
"""
OUTER = MINE.replace(
    'module = "direct"\ninputs = { ', 'program = "part"\ninputs = { asked = "question" }\n#'
)
PART = """\
name = "part"
summary = "of others"
inputs = { asked = "question" }

[[step]]
name = "one"
module = "candidate"
inputs = { question = "asked" }
"""
ASKS = """\
name = "asks"
summary = "asks the person first"

[[step]]
name = "back"
module = "ask"
inputs = { question = "question" }
options = { text = "Which Tom?" }

[[step]]
name = "more"
module = "candidate"
inputs = { question = "question" }
when = "back.text == 'the tall one'"

""" + MINE.partition("\n\n")[2].replace('others = "guess"', 'others = ["guess", "more"]')


@pytest.fixture(scope="module")
def dialect() -> NativeDialect:
    return native_dialect()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The person's own programs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


Make = Callable[..., LocalService]


@pytest.fixture
async def make(dialect: NativeDialect, tmp_path: Path, folder: Path) -> AsyncIterator[Make]:
    """Services by the seconds that a token takes."""
    store = Store.open(tmp_path / "smysl.db")
    made = []

    def service(seconds_per_token: float, adapters: tuple[str, ...] = ()) -> LocalService:
        engine = ScriptedEngine(
            thinker_module().Thinker(dialect),
            context=1024,
            seconds_per_token=seconds_per_token,
            adapters=adapters,
        )
        library = Library(MODULES, [folder])
        runtime = Runtime(engine=engine, dialect=dialect, store=store, library=library)
        made.append(LocalService(runtime, engine, store, tmp_path))
        return made[-1]

    yield service
    for one in made:
        one.check()
        store.check()
        await one.close()


@pytest.fixture
def service(make: Make) -> LocalService:
    return make(0.0)


def given(text: str, name: str = "mine", file: str = "") -> ProgramFile:
    return ProgramFile(name=name, file=file or f"some/{name}.toml", text=text)


async def test_a_plan_keeps_every_field_and_an_analysis_adds_what_it_came_to(
    service: LocalService,
) -> None:
    plan = await service.explain(Explain(question=QUESTION, options={"samples": 2}))
    assert isinstance(plan, PlanView) and (plan.program, plan.dialect) == ("solve", "native")
    assert {step.name for step in plan.steps} >= {"plan", "greedy", "samples"}
    assert plan.actual is None and [step.ran for step in plan.steps] == [None] * len(plan.steps)
    assert plan.most.calls == sum(step.estimate.calls for step in plan.steps)
    assert [one.name for one in plan.passes][:2] == ["parse", "type"]
    assert await service.sessions(9) == ()
    ran = await service.explain(Explain(question=QUESTION, options={"samples": 2}, analyze=True))
    assert ran.actual is not None and ran.session is not None
    spent = [step.actual for step in ran.steps if step.actual is not None]
    assert ran.actual.calls == sum(one.calls for one in spent) > 0
    assert (await service.show(Show(id=ran.session))).session
    packed = msgspec.msgpack.encode(ran)
    assert msgspec.msgpack.decode(packed, type=PlanView) == ran
    with pytest.raises(BadRequest, match="no option"):
        await service.explain(Explain(question=QUESTION, options={"sample": 2}))


async def test_an_analysis_that_is_cancelled_leaves_nothing_running(make: Make) -> None:
    slow = make(0.02)
    work = asyncio.create_task(slow.explain(Explain(question=QUESTION, analyze=True)))
    while not await slow.sessions(1):
        await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    shown = await slow.show(Show())
    while isinstance(shown, SessionShown) and shown.session.state == "running":
        await asyncio.sleep(0.01)
        shown = await slow.show(Show())
    assert isinstance(shown, SessionShown) and shown.session.state == "ended"
    slow.check()


async def test_a_fresh_run_makes_what_others_have_made(service: LocalService) -> None:
    async def calls(**options: Any) -> int:
        handle = await service.start(Run(question=QUESTION, program="solve", **options))
        *_, end = [event async for event in handle.events()]
        assert isinstance(end, RunEnded) and end.outcome == "done"
        return end.usage.calls

    first = await calls()
    assert await calls() == 0 < first
    assert await calls(fresh=True) == first


async def test_a_budget_of_calls_ends_a_run(service: LocalService) -> None:
    handle = await service.start(Run(question=QUESTION, budget_calls=1))
    *_, end = [event async for event in handle.events()]
    assert isinstance(end, RunEnded) and end.verdict == "budget" and end.usage.calls <= 1
    handle = await service.derive(Derive(budget_calls=2, seed=5))
    *_, end = [event async for event in handle.events()]
    assert isinstance(end, RunEnded) and end.verdict == "budget"


async def test_a_run_and_a_plan_are_of_the_adapter_that_was_asked_for(make: Make) -> None:
    service = make(0.0, ("bold", "steady"))
    handle = await service.start(Run(question=QUESTION, adapter="bold"))
    assert [event async for event in handle.events()]
    shown = await service.show(Show())
    assert isinstance(shown, SessionShown)
    recipes = [one.recipe for one in shown.nodes if isinstance(one.recipe, RecipeView)]
    # what exact rules made is under none
    assert {(bool(one.sampling), one.adapter) for one in recipes} == {(True, "bold"), (False, None)}
    plan = await service.explain(Explain(question=QUESTION, adapter="steady"))
    assert {step.adapter for step in plan.steps} == {"steady"}
    for refused in (
        service.start(Run(question=QUESTION, adapter="brave")),
        service.explain(Explain(question=QUESTION, adapter="brave")),
    ):
        with pytest.raises(BadRequest, match="has no adapter 'brave'; it has: bold, steady"):
            await refused


async def test_a_file_counts_from_the_moment_it_is_written(
    service: LocalService, folder: Path
) -> None:
    file = folder / "mine.toml"
    with pytest.raises(BadRequest, match="no program 'mine'"):
        await service.program("mine")
    file.write_text(MINE)
    names = [one.name for one in (await service.programs()).programs]
    assert "mine" in names and "solve" in names
    handle = await service.start(Run(question=QUESTION, program="mine"))
    assert [event async for event in handle.events()]
    file.write_text(MINE.replace("the answer at once", "changed"))
    assert (await service.program("mine")).summary == "changed"
    assert (await service.explain(Explain(question=QUESTION, program="mine"))).program == "mine"
    file.write_text(MINE.replace('"vote"', '"votes"'))
    found = await service.programs()
    assert "mine" not in [one.name for one in found.programs]
    (problem,) = found.problems
    assert problem.startswith(f"{file}:10: step 'all': there is no module 'votes'")
    with pytest.raises(ProgramError, match="mine.toml:10"):
        await service.start(Run(question=QUESTION, program="mine"))
    file.unlink()
    assert (await service.programs()).problems == ()
    (folder / "solve.toml").write_text(MINE.replace('"mine"', '"solve"'))
    assert (await service.program("solve")).source == str(folder / "solve.toml")
    (folder / "solve.toml").unlink()
    assert (await service.program("solve")).source == "built-in"


async def test_a_program_is_shown_whole(service: LocalService, folder: Path) -> None:
    (folder / "mine.toml").write_text(MINE)
    shown = await service.program("mine")
    assert (shown.text, shown.follows, shown.gives) == (MINE, "a paper", "outcome")
    assert shown.runnable and shown.inputs == {"question": "question"}
    assert [(one.name, one.gives) for one in shown.steps][:2] == [
        ("guess", "derivation"),
        ("all", "choice"),
    ]
    solve = await service.program("solve")
    assert solve.options["samples"].maximum == 32 and solve.options["samples"].help


async def test_files_are_checked_with_each_other_and_nothing_is_kept(
    service: LocalService,
) -> None:
    request = CheckPrograms(files=(given(OUTER), given(PART, "part")))
    outer, part = await service.check_programs(request)
    assert outer.problem is None and part.problem is None
    assert outer.program is not None and part.program is not None
    assert outer.program.steps[0].program == "part" and outer.program.runnable
    assert (part.program.gives, part.program.runnable) == ("derivation", False)
    (without,) = await service.check_programs(CheckPrograms(files=(given(OUTER),)))
    assert without.problem is not None and "no program 'part'" in without.problem
    alone = (await service.check_programs(CheckPrograms(files=(given(MINE),))))[0]
    assert alone.problem is None and alone.program is not None
    assert alone.program.name == "mine" and alone.warning is None
    assert "mine" not in [one.name for one in (await service.programs()).programs]
    assert (await service.programs()).problems == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "some/mine.toml: "),
        (MINE.replace('"vote"', '"votes"'), "some/mine.toml:10: step 'all': there is no module"),
        (MINE.replace('"mine"', '"other"'), "name the file so"),
        (MINE.replace('module = "vote"', 'program = "mine"'), "contains itself"),
        (MINE.replace("summary", "sumary"), "some/mine.toml: "),
        ("", "some/mine.toml: "),
    ],
)
async def test_a_mistake_names_the_file(service: LocalService, text: str, said: str) -> None:
    (found,) = await service.check_programs(CheckPrograms(files=(given(text),)))
    assert found.program is None and found.problem is not None
    assert said in found.problem and "\n" not in found.problem


async def test_what_the_loaded_model_lacks_is_a_warning(service: LocalService) -> None:
    text = MINE.replace('module = "direct"', 'module = "direct"\nadapter = "careful"')
    (found,) = await service.check_programs(CheckPrograms(files=(given(text),)))
    assert found.problem is None and found.warning is not None
    assert "no adapter 'careful'" in found.warning


async def test_too_much_and_twice_the_same_are_refused(service: LocalService) -> None:
    large = "#" * (PROGRAMS_LIMIT_BYTES // 2 + 1)
    with pytest.raises(BadRequest, match="1,048,576"):
        await service.check_programs(CheckPrograms(files=(given(large), given(large, "b"))))
    twice = CheckPrograms(files=(given(MINE), given(MINE, file="other/mine.toml")))
    with pytest.raises(BadRequest, match="other/mine.toml would both be"):
        await service.check_programs(twice)


async def test_modules_and_schema_are_what_the_parser_has(service: LocalService) -> None:
    found = {one.name: one for one in await service.modules()}
    assert set(found) == set(MODULES)
    assert found["vote"].inputs["others"].many and found["vote"].inputs["main"].optional
    assert set(found["candidate"].dialects) == MODULES["candidate"].dialects
    schema = await service.program_schema()
    assert "ProgramText" in str(schema) and "$schema" in schema


async def test_a_run_waits_for_its_person(service: LocalService, folder: Path) -> None:
    (folder / "asks.toml").write_text(ASKS)
    handle = await service.start(Run(question=QUESTION, program="asks"))
    node = None
    texts = []
    async for event in handle.events():
        if isinstance(event, NodeStarted) and event.node.kind == "question":
            node = event.node.id
            with pytest.raises(BadRequest, match="no run waits"):
                await service.answer(Answer(node="zzz", text="x"))
            await asyncio.sleep(0)
            answered = await service.answer(Answer(node=node[:8] + node[8:14], text="the tall one"))
            assert answered.session == handle.session
        if isinstance(event, NodeFinished) and event.node.id == node:
            texts.append(event.node.text)
    assert texts == ["Which Tom?\nthe tall one"]


# ------------------------------------------------------------ over the socket


async def test_a_cancelled_analysis_has_one_end_and_frees_its_place(serve: Any) -> None:
    async with serve(max_runs=1) as running:
        peer, other = await running.peer(), await running.peer()
        peer.send(Explain(question="a slow one", analyze=True))
        while not running.service.known:
            await asyncio.sleep(0.01)
        other.send(Explain(question="x", analyze=True))
        refused = await other.receive()
        assert isinstance(refused, ErrorReply) and refused.code is Code.BUSY
        other.send(Explain(question="x"))
        assert isinstance(await other.receive(), Explained)
        peer.send(Cancel())
        end = await peer.receive()
        assert isinstance(end, ErrorReply) and end.code is Code.CANCELLED
        assert running.service.cancelled == 1
        peer.send(Explain(question="x", analyze=True))
        explained = await peer.receive()
        assert isinstance(explained, Explained) and isinstance(explained.plan.actual, SpentView)
        peer.send(GetStatus())
        status = await peer.receive()
        assert isinstance(status, DaemonStatus) and status.runs == 0


async def test_an_analysis_whose_client_left_is_stopped(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Explain(question="a slow one", analyze=True))
        while not running.service.known:
            await asyncio.sleep(0.01)
        peer.writer.close()
        async with asyncio.timeout(30):
            while not running.service.cancelled:
                await asyncio.sleep(0.01)


async def test_a_stop_ends_an_analysis_with_an_answer(serve: Any) -> None:
    async with serve(drain_s=0.1) as running:
        peer = await running.peer()
        peer.send(Explain(question="a slow one", analyze=True))
        while not running.service.known:
            await asyncio.sleep(0.01)
        running.server.stop()
        end = await peer.receive()
        assert isinstance(end, ErrorReply) and end.code is Code.STOPPING
