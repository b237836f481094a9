"""Programs over a chat model, from the question to the last node."""

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from smysl_engines.base import Call, Choice, JsonSchema, Sampling
from smysl_engines.scripted import Answer, Scripted, ScriptedEngine
from smysl_reasoning import workbench
from smysl_reasoning.dialects.chat import ChatDialect
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.events import NodeDelta, NodeFinished, NodeStarted, RunFinished
from smysl_reasoning.history import Again
from smysl_reasoning.library import Library
from smysl_reasoning.modules.base import Module
from smysl_reasoning.modules.chat.answering import answer_in, value_of
from smysl_reasoning.modules.chat.decompose import listed
from smysl_reasoning.modules.prompted import load_modules, read_module
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import Node, ReplyData
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROLS = ("<|im_start|>", "<|im_end|>")
QUESTION = "Tom has 12 apples and gives 5 to Anna. How many are left?"
STEPS = "Tom starts with 12.\n12 - 5 = 7\nAnswer: 7"


class Asked:
    """A prompt as the scripted model reads it."""

    def __init__(self, text: str) -> None:
        parts = text.split("<|im_start|>")[1:]
        roles = [part.partition("\n")[::2] for part in parts]
        self.messages = [(role, said.split("<|im_end|>")[0]) for role, said in roles]
        self.system = self.messages[0][1]
        self.user = next(said for role, said in reversed(self.messages) if role == "user")
        self.begun = self.messages[-1][1]
        """What the reply begins with already."""


Say = Callable[[Asked, Call], str]


class Model:
    """Says what `say` says, as tokens; goes on where a reply was begun."""

    def __init__(self, dialect: ChatDialect, say: Say, yes: float = 0.97) -> None:
        self.dialect = dialect
        self.say = say
        self.yes = yes
        self.asked: list[Asked] = []

    def __call__(self, call: Call) -> Answer:
        asked = Asked(self.dialect._tokenizer.decode(list(call.prompt), skip_special_tokens=False))
        self.asked.append(asked)
        if isinstance(call.constraint, Choice):
            rest = len(call.constraint.options) - 1
            return Scripted(choice=0, probabilities=(self.yes, *([(1 - self.yes) / rest] * rest)))
        text = self.say(asked, call)
        if not text.startswith(asked.begun):
            raise ValueError(f"nothing follows {asked.begun!r} in {text!r}")
        ids = self.dialect._tokenizer.encode(text[len(asked.begun) :]).ids
        ends = [] if isinstance(call.constraint, JsonSchema) else [self.dialect.end]
        return Scripted(ids=(*ids, *ends), logprobs=(math.log(0.5),) * (len(ids) + len(ends)))


@pytest.fixture
def dialect(chat_tokenizer: Callable[..., Tokenizer]) -> ChatDialect:
    return ChatDialect(chat_tokenizer(*CONTROLS, "<think>", "</think>"), TEMPLATE)


Make = Callable[..., tuple[Runtime, Model]]


@pytest.fixture
async def chatting(dialect: ChatDialect, store: Store) -> AsyncIterator[Make]:
    """Makes a runtime over a model that says what a function says."""
    made: list[tuple[Runtime, ScriptedEngine]] = []

    def make(
        say: Say,
        *,
        yes: float = 0.97,
        modules: Mapping[str, Module] = MODULES,
        programs: Sequence[Path] = (),
        spoken: ChatDialect = dialect,
        context: int = 4096,
    ) -> tuple[Runtime, Model]:
        model = Model(spoken, say, yes)
        engine = ScriptedEngine(model, context=context)
        runtime = Runtime(
            engine=engine,
            dialect=spoken,
            store=store,
            thresholds=Thresholds(agreement=0.6, check=0.9),
            library=Library(modules, programs),
        )
        made.append((runtime, engine))
        return runtime, model

    yield make
    for runtime, engine in made:
        await runtime.close()
        runtime.check()
        assert engine.running == 0, "an engine call outlived its run"
        engine.close()


async def ask(
    runtime: Runtime, store: Store, program: str, question: str = QUESTION, **options: object
) -> tuple[RunFinished, list[Node]]:
    context = str(options.pop("context", ""))
    request = RunRequest(question=question, program=program, options=options, context=context)
    run = await runtime.start(request)
    finished = await run.result()
    return finished, shown(store, run.session)


def shown(store: Store, session: str) -> list[Node]:
    graph = store.view(session).graph
    return [graph.node(id) for id in graph]


def of(nodes: Sequence[Node], kind: str) -> list[str]:
    return [node.text for node in nodes if node.kind == kind]


def steady(asked: Asked, call: Call) -> str:
    """The same derivation every time; a short answer where one is asked for; a plan where a plan is."""
    if asked.system.startswith("Answer the question directly"):
        return "Answer: **7**."
    if asked.system.startswith("You plan"):
        return "1. Start with 12.\n2. Take 5 away."
    if asked.system.startswith("Write what the text says as one JSON object"):
        return '{"answer": "7"}'
    return STEPS


# ------------------------------------------------------------ the built-in programs


async def test_direct_answers_with_one_call(chatting: Make, store: Store) -> None:
    runtime, _ = chatting(lambda asked, call: "Paris")
    finished, nodes = await ask(runtime, store, "direct", "What is the capital of France?")
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "Paris", "unverified")
    assert finished.calls == 1
    assert [node.kind for node in nodes] == ["question", "answer"]
    assert nodes[1].data == ReplyData("paris")
    assert nodes[1].stats.confidence == pytest.approx(0.5)


async def test_solve_writes_steps_plan_candidates_and_a_verdict(
    chatting: Make, store: Store
) -> None:
    runtime, model = chatting(steady)
    finished, nodes = await ask(runtime, store, "solve", samples=2)
    assert (finished.answer, finished.verdict, finished.message) == ("7", "verified", "")
    assert of(nodes, "plan") == ["1. Start with 12.\n2. Take 5 away."]
    assert of(nodes, "step") == ["Tom starts with 12.", "12 - 5 = 7"]
    assert of(nodes, "answer") == ["7"]
    assert of(nodes, "candidate") == [STEPS] * 3
    assert of(nodes, "choice") == ["7: 4 (of 4)"]
    derivations = [one for one in model.asked if "A plan for it" in one.user]
    assert len(derivations) == 1, "steps that follow each other share a call"
    (checked,) = [one for one in model.asked if "strict examiner" in one.system]
    assert QUESTION in checked.user and "12 - 5 = 7\nAnswer: 7" in checked.user


async def test_vote_takes_the_majority_of_what_was_sampled(chatting: Make, store: Store) -> None:
    seeds: dict[int, int] = {}

    def say(asked: Asked, call: Call) -> str:
        turn = seeds.setdefault(call.sampling.seed, len(seeds))
        return f"I think so.\n**Final answer:** ${'7' if turn % 3 else '8'}.00"

    runtime, _ = chatting(say)
    finished, nodes = await ask(runtime, store, "vote", samples=6)
    assert finished.answer == "7.00"
    assert of(nodes, "choice") == ["7: 4, 8: 2 (of 6)"]
    assert finished.verdict == "verified" and finished.confidence == pytest.approx(4 / 6 * 0.97)


async def test_what_is_sampled_is_sampled_as_the_models_makers_advise(
    chatting: Make, store: Store, chat_tokenizer: Callable[..., Tokenizer]
) -> None:
    asked_for: list[Sampling] = []

    def say(asked: Asked, call: Call) -> str:
        asked_for.append(call.sampling)
        return steady(asked, call)

    advised = Sampling(temperature=1.0, top_k=20, top_p=0.8, min_p=0.01, repetition_penalty=1.05)
    spoken = ChatDialect(chat_tokenizer(*CONTROLS), TEMPLATE, advised=advised)
    runtime, _ = chatting(say, spoken=spoken)
    await ask(runtime, store, "solve", samples=2, temperature=0.6)
    warm = [s for s in asked_for if s.temperature]
    greedy = [s for s in asked_for if not s.temperature]
    assert {(s.temperature, s.top_k, s.top_p, s.min_p, s.repetition_penalty) for s in warm} == {
        (0.6, 20, 0.8, 0.01, 1.05)
    }
    # the likeliest token stays the likeliest
    assert greedy and {s.repetition_penalty for s in greedy} == {1.0}


async def test_a_context_and_notes_are_told(chatting: Make, store: Store) -> None:
    runtime, model = chatting(steady)
    request = RunRequest(question="How many are left?", context="Tom has 12.", program="direct")
    run = await runtime.start(request)
    await run.result()
    assert model.asked[0].user == "Tom has 12.\nHow many are left?"
    question = next(n for n in shown(store, run.session) if n.kind == "question")
    await runtime.inject(question.id, "He gives away 5 of the 12.")
    await (await runtime.derive(DeriveRequest(session=run.session))).result()
    assert model.asked[-1].user.endswith("\n\nNote: He gives away 5 of the 12.")


# ------------------------------------------------------------ texts as answers


def example_of_the_page(name: str) -> str:
    """The program of this name that docs/programs.md shows."""
    page = (Path(__file__).parents[2] / "docs" / "programs.md").read_text(encoding="utf-8")
    (text,) = re.findall(rf'```toml\n(name = "{name}".*?)```', page, re.DOTALL)
    return str(text)


ORDER = '{"item": "apples", "count": 12}'


async def test_the_pages_program_answers_with_a_json_object(
    chatting: Make, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "order.toml").write_text(example_of_the_page("order"))
    schemas: list[dict[str, object]] = []

    def say(asked: Asked, call: Call) -> str:
        assert isinstance(call.constraint, JsonSchema)
        schemas.append(json.loads(call.constraint.schema))
        return ORDER

    runtime, _ = chatting(say, programs=[tmp_path])
    finished, nodes = await ask(runtime, store, "order", "Send me a dozen apples.")
    assert (finished.outcome, finished.verdict) == ("done", "unverified")
    assert (finished.answer, finished.confidence) == (ORDER, None)
    assert "nothing checks" in finished.message
    assert schemas[0]["required"] == ["item", "count"]
    assert [node.kind for node in nodes] == ["question", "step", "answer"]
    # a person's words in the object's place are the answer
    await runtime.edit(Edit(node=nodes[1].id, text='{"item": "pears", "count": 1}'))
    again = await (await runtime.derive(DeriveRequest(session=nodes[0].session))).result()
    assert again.answer == '{"item": "pears", "count": 1}'
    plan = await runtime.explain(RunRequest(question=QUESTION, program="order"))
    assert [(step.name, step.module) for step in plan.steps][-1] == ("state", "state@1")
    assert plan.most.calls == 1


SUMMARY = """name = "summary"
summary = "what it is about"

[[step]]
name = "summary"
module = "summarise"
inputs = { question = "question" }
"""


async def test_texts_are_answered_with_one_below_the_other(
    chatting: Make, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "summary.toml").write_text(SUMMARY + "branches = 2\n")
    (tmp_path / "picked.toml").write_text(
        SUMMARY.replace('"summary"', '"picked"', 1)
        .replace('module = "summarise"', 'program = "summary"')
        .replace(
            "[[step]]",
            '[[step]]\nname = "direct"\nprogram = "direct"\n'
            'inputs = { question = "question" }\n\n[[step]]',
        )
        + '\n[[step]]\nname = "pick"\nmodule = "pick"\n'
        'inputs = { outcomes = ["direct", "summary"] }\n'
    )
    runtime, _ = chatting(lambda asked, call: "Tom has apples.", programs=[tmp_path])
    finished, _ = await ask(runtime, store, "summary")
    assert finished.answer == "Tom has apples.\n\nTom has apples."
    finished, _ = await ask(runtime, store, "picked")
    assert (finished.answer, finished.verdict) == (
        "Tom has apples.\n\nTom has apples.",
        "unverified",
    )


@pytest.mark.parametrize("said", ["", "{ half of an ob"])
async def test_a_text_that_came_to_nothing_is_no_answer(
    chatting: Make, store: Store, tmp_path: Path, said: str
) -> None:
    (tmp_path / "order.toml").write_text(example_of_the_page("order"))
    runtime, _ = chatting(lambda asked, call: said, programs=[tmp_path])
    finished, nodes = await ask(runtime, store, "order")
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "failed")
    assert finished.message.startswith("not confident: ")
    assert [node.status for node in nodes] == ["done", "failed"]


async def test_what_is_recalled_may_be_nothing(
    chatting: Make, store: Store, tmp_path: Path
) -> None:
    text = SUMMARY.replace("summarise", "recall")
    (tmp_path / "summary.toml").write_text(text)
    runtime, _ = chatting(steady, programs=[tmp_path])
    finished, _ = await ask(runtime, store, "summary")
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "failed")


# ------------------------------------------------------------ steps


async def test_a_corrected_step_has_the_later_ones_derived_again(
    chatting: Make, store: Store
) -> None:
    def say(asked: Asked, call: Call) -> str:
        if "12 - 4" in asked.begun:
            return asked.begun + "So 8 remain.\nAnswer: 8"
        return steady(asked, call)

    runtime, model = chatting(say)
    _, nodes = await ask(runtime, store, "solve", samples=0)
    step = next(node for node in nodes if node.text == "12 - 5 = 7")
    await runtime.edit(Edit(node=step.id, text="12 - 4 = 8"))
    finished = await (await runtime.derive(DeriveRequest(session=step.session))).result()
    again = shown(store, step.session)
    assert of(again, "step") == ["Tom starts with 12.", "12 - 4 = 8", "So 8 remain."]
    assert finished.answer == "8" and "a person" in finished.message
    first = next(one for one in model.asked if "12 - 4" in one.begun)
    assert first.begun == "Tom starts with 12.\n12 - 4 = 8\n"


async def test_a_note_at_a_step_is_read_by_what_follows(chatting: Make, store: Store) -> None:
    def say(asked: Asked, call: Call) -> str:
        if asked.begun.endswith("(Note: He ate one.)\n"):
            return asked.begun + "Answer: 6"
        if "(Note" in asked.begun:
            return asked.begun + "12 - 5 - 1 = 6\nAnswer: 6"
        return steady(asked, call)

    runtime, _ = chatting(say)
    _, nodes = await ask(runtime, store, "solve", samples=0)
    step = next(node for node in nodes if node.text == "12 - 5 = 7")
    await runtime.inject(step.id, "He ate one.")
    await (await runtime.derive(DeriveRequest(session=step.session))).result()
    assert of(shown(store, step.session), "answer")[0] == "6"


async def test_nothing_is_stale_after_a_run_and_a_preview_makes_no_call(
    chatting: Make, store: Store
) -> None:
    for program in ("solve", "least-to-most", "debate", "direct", "vote"):
        runtime, model = chatting(steady_or_listed)
        _, nodes = await ask(runtime, store, program)
        calls = len(model.asked)
        with pytest.raises(BadRequest, match="nothing is stale"):
            await runtime.derive(DeriveRequest(session=nodes[0].session))
        report = await runtime.preview(nodes[0].session)
        assert (report.calls, len(model.asked)) == (0, calls)


async def test_a_derivation_is_told_as_it_comes(chatting: Make, store: Store) -> None:
    runtime, _ = chatting(lambda asked, call: f"<think>7 it is</think>{STEPS}")
    run = await runtime.start(
        RunRequest(question=QUESTION, program="solve", options={"samples": 0})
    )
    started: dict[str, str] = {}
    texts: dict[str, str] = {}
    async for event in run.watch():
        match event:
            case NodeStarted(node):
                started[node.id] = node.kind
            case NodeDelta(id, text):
                assert id in started
                texts[id] = texts.get(id, "") + text
            case NodeFinished(node) if node.kind == "answer":
                assert started[node.id] == "answer"
                assert texts[node.id].strip() == "Answer: 7"
    assert "<think>7 it is</think>Tom starts with 12.\n" in texts.values()


# ------------------------------------------------------------ replies that are hard to read


async def test_thinking_is_shown_and_is_no_part_of_the_answer(chatting: Make, store: Store) -> None:
    def say(asked: Asked, call: Call) -> str:
        return f"<think>\nIs it 8?\nAnswer: 8\n</think>\n\n{STEPS}"

    runtime, model = chatting(say)
    finished, nodes = await ask(runtime, store, "solve", samples=1)
    assert finished.answer == "7"
    thinking = [n.data.thinking for n in nodes if isinstance(n.data, ReplyData)]
    assert thinking.count("Is it 8?\nAnswer: 8") == 4, "first step, two candidates, plan"
    assert of(nodes, "step") == ["Tom starts with 12.", "12 - 5 = 7"]
    assert not any("Is it 8" in node.text for node in nodes)
    assert sum("A plan for it" in one.user for one in model.asked) == 1


async def test_an_answer_that_cannot_be_read_is_asked_for_once_more_under_a_schema(
    chatting: Make, store: Store
) -> None:
    def say(asked: Asked, call: Call) -> str:
        if isinstance(call.constraint, JsonSchema):
            assert json.loads(call.constraint.schema)["required"] == ["answer"]
            assert "State the final answer" in asked.user
            return '{"answer": "7"}'
        return "There are seven left, I would say."

    runtime, model = chatting(say)
    finished, nodes = await ask(runtime, store, "vote", samples=1)
    assert finished.answer == "7"
    (candidate,) = of(nodes, "candidate")
    assert candidate == "There are seven left, I would say.\nAnswer: 7"
    node = next(node for node in nodes if node.kind == "candidate")
    assert node.stats.calls == 2
    finished, nodes = await ask(runtime, store, "solve", "And now?", samples=0)
    assert finished.answer == "7"
    assert of(nodes, "step") == ["There are seven left, I would say."]


async def test_what_cannot_be_repaired_is_a_failed_node_and_the_run_goes_on(
    chatting: Make, store: Store
) -> None:
    seeds: dict[int, int] = {}

    def say(asked: Asked, call: Call) -> str:
        if isinstance(call.constraint, JsonSchema):
            return '{"answer": ""}'
        turn = seeds.setdefault(call.sampling.seed, len(seeds))
        return "I do not know." if turn % 2 else STEPS

    runtime, _ = chatting(say)
    finished, nodes = await ask(runtime, store, "vote", samples=4)
    assert (finished.outcome, finished.answer) == ("done", "7")
    status = [node.status for node in nodes if node.kind == "candidate"]
    assert sorted(status) == ["done", "done", "failed", "failed"]
    assert of(nodes, "choice") == ["7: 2, no answer: 2 (of 4)"]

    runtime, _ = chatting(lambda asked, call: "")
    for program in ("direct", "solve", "vote", "least-to-most", "debate"):
        finished, nodes = await ask(runtime, store, program, f"For {program}?")
        assert (finished.outcome, finished.verdict) == ("done", "failed"), program
        assert any(node.status == "failed" for node in nodes)


async def test_a_question_that_leaves_no_room_fails_its_nodes_and_not_the_run(
    chatting: Make, store: Store
) -> None:
    runtime, _ = chatting(steady, context=440)
    with pytest.raises(BadRequest, match="tokens"):
        await ask(runtime, store, "direct", "why " * 200)
    finished, nodes = await ask(runtime, store, "vote", samples=2)
    assert (finished.outcome, finished.verdict) == ("done", "failed")
    assert all("takes 440" in text for text in of(nodes, "candidate"))
    assert finished.message == "not confident: scripted gives no answer that can be read"


async def test_what_was_derived_in_steps_is_not_called_given_at_once(
    chatting: Make, store: Store
) -> None:
    runtime, _ = chatting(steady)
    for program, at_once in (("direct", True), ("chain", False)):
        finished, _ = await ask(runtime, store, program)
        assert finished.message.startswith("one answer, ")
        assert ("given at once" in finished.message) is at_once
    finished, nodes = await ask(runtime, store, "tree")
    assert finished.answer == "7" and "given at once" not in finished.message


def test_answers_are_found_in_what_models_write() -> None:
    cases = {
        "x\nAnswer: 7": "7",
        "**Answer:** 7 apples.": "7 apples",
        "The final answer is: \\boxed{7}": "7",
        "so \\boxed{1/2} it is": "1/2",
        "Answer:\n\n7": "7",
        "Answer: 6\nWait.\nanswer = 7": "7",
        "#### Final Answer: `yes`": "yes",
        "I have no answer for that.": None,
        "": None,
    }
    assert {text: answer_in(text) for text in cases} == cases
    assert [value_of(text) for text in ("$1,000.50", "7.", "**Yes**", "-\u20ac")] == [
        *("1000.5", "7", "yes", "-\u20ac"),
    ]


async def test_a_critique_in_words_can_be_written_anew(chatting: Make, store: Store) -> None:
    comments: list[float] = []

    def say(asked: Asked, call: Call) -> str:
        if not asked.system.startswith("You review"):
            return steady(asked, call)
        comments.append(call.sampling.temperature)
        return json.dumps({"comment": f"Comment {len(comments)}.", "wrong_line": 0})

    runtime, _ = chatting(say)
    _, nodes = await ask(runtime, store, "reflect")
    (critique,) = [node for node in nodes if node.kind == "critique"]
    await runtime.retry(critique.id, Again(seed=5))
    await (await runtime.derive(DeriveRequest(session=critique.session))).result()
    (again,) = of(shown(store, critique.session), "critique")
    assert (critique.text, again) == (
        "Comment 1. (right with 97.0%)",
        "Comment 2. (right with 97.0%)",
    )
    assert comments[0] == 0.0 < comments[1]


# ------------------------------------------------------------ least-to-most, debate


def steady_or_listed(asked: Asked, call: Call) -> str:
    if asked.system.startswith("You break"):
        return "Sure:\n1. How many has Tom at first?\n2. How many does he give away?"
    return steady(asked, call)


async def test_least_to_most_answers_each_part_knowing_those_before(
    chatting: Make, store: Store
) -> None:
    def say(asked: Asked, call: Call) -> str:
        if asked.system.startswith("You break"):
            return "Sure:\n1. How many has Tom at first?\n2. How many does he give away?"
        if "Answer only this question" in asked.user:
            return "It says so.\nAnswer: " + ("12" if "at first?" in asked.user[-40:] else "5")
        assert asked.system.startswith("You are given a question and work")
        return "12 - 5 = 7\nAnswer: 7"

    runtime, model = chatting(say)
    finished, nodes = await ask(runtime, store, "least-to-most")
    assert (finished.answer, finished.verdict) == ("7", "verified")
    parts = [node for node in nodes if "how many" in node.text.lower() and node.kind == "step"]
    assert [one.text for one in parts] == [
        "How many has Tom at first?",
        "How many does he give away?",
    ]
    assert of(nodes, "answer")[:2] == ["12", "5"]
    first, second = [one for one in model.asked if "Answer only this question" in one.user][:2]
    assert "answered already" not in first.user
    before = "What has been answered already:\nHow many has Tom at first?\n12\n\n"
    assert second.user.startswith(before)
    whole = next(one for one in model.asked if "work that others" in one.system)
    assert "[1] Question: How many has Tom at first?\nIt says so.\nAnswer: 12" in whole.user
    # a part that is corrected has everything after it done again
    await runtime.edit(Edit(node=parts[1].id, text="How many are given to Anna?"))
    await (await runtime.derive(DeriveRequest(session=parts[1].session))).result()
    assert "How many are given to Anna?" in model.asked[-2].user


async def test_the_answer_to_a_part_is_never_the_answer_to_the_whole(
    chatting: Make, store: Store
) -> None:
    def say(asked: Asked, call: Call) -> str:
        if asked.system.startswith("You break"):
            return "1. How many has Tom at first?\n2. How many does he give away?"
        return "It says so.\nAnswer: 12"

    runtime, _ = chatting(say)
    # the list and both parts
    request = RunRequest(question=QUESTION, program="least-to-most", budget_calls=3)
    finished = await (await runtime.start(request)).result()
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "budget")
    assert "before an answer was found" in finished.message


async def test_a_search_over_lines_whose_budget_is_spent_gives_what_it_has_finished(
    chatting: Make, store: Store, tmp_path: Path
) -> None:
    def say(asked: Asked, call: Call) -> str:
        if call.sampling.temperature == 0.0 and not asked.begun:
            return "Answer: 7"
        return asked.begun + "Let us see.\n"

    text = Library(MODULES).text("tree").replace('name = "tree"', 'name = "mine"', 1)
    limited = text.replace('module = "tree"', 'module = "tree"\nbudget = { calls = 14 }')
    (tmp_path / "mine.toml").write_text(limited)
    runtime, _ = chatting(say, programs=[tmp_path])
    finished, _ = await ask(runtime, store, "mine", beam=3)
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "7", "unverified")
    request = RunRequest(question="Another?", program="tree", options={"beam": 3}, budget_calls=14)
    finished = await (await runtime.start(request)).result()
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "7", "budget")


async def test_a_list_that_cannot_be_read_is_asked_for_under_a_schema(
    chatting: Make, store: Store
) -> None:
    def say(asked: Asked, call: Call) -> str:
        if asked.system.startswith("You break"):
            if isinstance(call.constraint, JsonSchema):
                return '{"questions": ["How many at first?"]}'
            return "Let us see how many there were."
        return STEPS

    runtime, _ = chatting(say)
    finished, nodes = await ask(runtime, store, "least-to-most", samples=0)
    assert of(nodes, "plan") == ["1. How many at first?"]
    assert finished.answer == "7"
    assert listed("a\n- b\n* c\n10) d") == ["b", "c", "d"]


async def test_debaters_see_each_other_and_keep_their_own_reply(
    chatting: Make, store: Store
) -> None:
    seeds: dict[int, int] = {}

    def say(asked: Asked, call: Call) -> str:
        if "other solvers" in asked.user:
            return "They are right.\nAnswer: 7"
        turn = seeds.setdefault(call.sampling.seed, len(seeds))
        return f"Attempt {turn}.\nAnswer: {turn}"

    runtime, model = chatting(say)
    finished, nodes = await ask(runtime, store, "debate")
    assert finished.answer == "7" and of(nodes, "choice") == ["7: 3 (of 3)"]
    assert len(of(nodes, "candidate")) == 3 + 2 * 3
    rounds = [one for one in model.asked if "other solvers" in one.user]
    assert len(rounds) == 6
    for one in rounds[:3]:
        own = next(said for role, said in one.messages if role == "assistant")
        others = set(re.findall(r"Attempt (\d)", one.user))
        assert others == {"0", "1", "2"} - {own[len("Attempt ")]}


# ------------------------------------------------------------ programs shared with the bundled model


def reviewing(asked: Asked, call: Call) -> str:
    """Wrong at first; right once a reviewer has said so."""
    if asked.system.startswith("You review"):
        wrong = "12 - 5 = 8" in asked.user
        return json.dumps(
            {"comment": "12 - 5 is 7." if wrong else "Fine.", "wrong_line": 2 * wrong}
        )
    if "A reviewer says" in asked.user:
        assert "12 - 5 is 7." in asked.user and "doubted is:\n12 - 5 = 8" in asked.user
        return STEPS
    return "Tom starts with 12.\n12 - 5 = 8\nAnswer: 8"


async def test_reflect_revises_what_its_critique_doubts(chatting: Make, store: Store) -> None:
    runtime, model = chatting(reviewing)
    finished, nodes = await ask(runtime, store, "reflect", rounds=3)
    critiques = [node for node in nodes if node.kind == "critique"]
    assert [node.text for node in critiques] == [
        "12 - 5 is 7. (right with 50.0%)",
        "Fine. (right with 97.0%)",
    ]
    assert finished.answer == "7" and finished.verdict == "unverified"
    assert of(nodes, "candidate")[1] == STEPS


async def test_tree_keeps_the_lines_that_the_model_finds_best(chatting: Make, store: Store) -> None:
    def say(asked: Asked, call: Call) -> str:
        if call.sampling.temperature and asked.begun == "":
            return f"Guess {call.sampling.seed % 2}.\nAnswer: 1"
        return steady(asked, call) if "Guess" not in asked.begun else f"{asked.begun}Answer: 1"

    runtime, model = chatting(say)
    finished, nodes = await ask(runtime, store, "tree", width=4, beam=1)
    assert finished.answer == "7", "of equals the first, which is the greedy one"
    assert of(nodes, "candidate")[:3] == [
        "Tom starts with 12.",
        "Tom starts with 12.\n12 - 5 = 7",
        STEPS,
    ]
    assert all(node.status == "done" for node in nodes)


async def test_a_reply_without_hope_is_cut_off_and_is_no_vote(chatting: Make, store: Store) -> None:
    doubtful = "\n".join(f"Perhaps it is {number}." for number in range(20)) + "\nAnswer: 19"
    turns: dict[int, int] = {}

    def say(asked: Asked, call: Call) -> str:
        turn = turns.setdefault(call.sampling.seed, len(turns))
        return doubtful if call.sampling.temperature and turn % 2 else steady(asked, call)

    runtime, _ = chatting(say)
    # each of its tokens has a probability of 50 %
    finished, nodes = await ask(runtime, store, "best-of", samples=4, hopeless=0.6)
    lost = [node for node in nodes if node.status == "failed"]
    assert finished.answer == "7" and len(lost) == 2
    for node in lost:
        *said, reason = node.text.splitlines()
        assert reason == "given up: the model's own confidence fell below 60%"
        assert said[0] == "Perhaps it is 0." and len(said) < 6
        assert isinstance(node.data, ReplyData) and node.data.value is None
        assert node.stats.calls == 1, "it is not asked for an answer again"
    assert any("no answer: 2" in text for text in of(nodes, "choice"))
    before = len(store.sessions())
    again, copied = await ask(runtime, store, "best-of", samples=4, hopeless=0.6)
    assert sorted(node.text for node in copied) == sorted(node.text for node in nodes)
    assert (again.generated_tokens, len(store.sessions())) == (0, before + 1)
    kept, nodes = await ask(runtime, store, "best-of", samples=4, hopeless=0.4)
    assert all(node.status == "done" for node in nodes)


async def test_what_is_given_up_survives_a_crash_and_spares_greedy_replies(
    dialect: ChatDialect, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "JOURNAL_S", 0.0)
    text = "\n".join(f"Perhaps it is {number}." for number in range(20)) + "\nAnswer: 19"

    def made(seconds: float) -> Runtime:
        model = Model(dialect, lambda asked, call: text)
        engine = ScriptedEngine(model, context=4096, seconds_per_token=seconds)
        thresholds = Thresholds(hopeless_candidate=0.6)
        return Runtime(engine=engine, dialect=dialect, store=store, thresholds=thresholds)

    runtime = made(0.003)
    run = await runtime.start(RunRequest(question=QUESTION, program="vote", options={"samples": 3}))
    (walk,) = runtime._walks.values()
    async with asyncio.timeout(60):
        while walk.calls.usage.generated_tokens < 60:
            await asyncio.sleep(0.002)
    await runtime.suspend()
    await runtime.close()
    runtime = made(0.0)
    (run,) = await runtime.resume()
    assert (await run.result()).answer is None
    texts = of(shown(store, run.session), "candidate")
    assert texts and all("given up" in one for one in texts)
    finished, _ = await ask(runtime, store, "chain")
    assert finished.answer == "19"
    await runtime.close()


async def test_a_search_over_lines_without_hope_ends_and_a_pinned_state_goes_on(
    chatting: Make, store: Store
) -> None:
    runtime, _ = chatting(steady, yes=0.03)
    options: dict[str, object] = {"hopeless": 0.1}
    run = await runtime.start(RunRequest(question=QUESTION, program="tree", options=options))
    finished = await run.result()
    assert (finished.answer, finished.verdict) == (None, "failed")
    assert finished.message == "not confident: the derivation was given up as hopeless"
    (lost,) = [node for node in shown(store, run.session) if node.kind == "candidate"]
    assert lost.status == "failed"
    assert lost.text == "Tom starts with 12.\ngiven up: the checker gives it 3.0% (10% needed)"
    await runtime.pin(lost.id, True)
    finished = await (await runtime.derive(DeriveRequest(session=run.session))).result()
    assert finished.answer == "7", finished.message
    answered = [node for node in shown(store, run.session) if node.text == STEPS]
    assert answered, "the line that said why is no line of the derivation"


async def test_every_program_answers_with_a_chat_model(chatting: Make, store: Store) -> None:
    runtime, _ = chatting(steady_or_listed)
    for program in runtime.programs():
        finished, nodes = await ask(runtime, store, program.name, f"{QUESTION} ({program.name})")
        answer = '{"answer": "7"}' if program.name == "structured" else "7"
        assert (finished.outcome, finished.answer) == ("done", answer), program.name
        plan = await runtime.explain(RunRequest(question=QUESTION, program=program.name))
        assert plan.dialect == "chat" and plan.most.calls >= finished.calls > 0, program.name


# ------------------------------------------------------------ modules of a user's own

TRANSLATE = """
name = "advise"
summary = "answers as an adviser"
output = "derivation"
inputs = { question = "question", work = "derivation*?" }

[options.tone]
default = "friendly"

[chat]
system = "You are a {tone} adviser. Write {{braces}}."
user = "{question}\\n\\nKnown: {work}"
temperature = 0.5
max_tokens = 64
"""
PROGRAM = """
name = "advice"
summary = "ask the adviser"

[[step]]
name = "advise"
module = "advise"
inputs = { question = "question" }
options = { tone = "blunt" }

[[step]]
name = "vote"
module = "vote"
inputs = { main = "advise" }

[[step]]
name = "verify"
module = "verify"
inputs = { choice = "vote" }

[[step]]
name = "answer"
module = "answer"
inputs = { choice = "vote", verdict = "verify" }
"""


async def test_a_module_written_as_data_runs(chatting: Make, store: Store, tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "programs").mkdir()
    (tmp_path / "modules" / "advise.toml").write_text(TRANSLATE)
    (tmp_path / "programs" / "advice.toml").write_text(PROGRAM)
    loaded = load_modules([tmp_path / "modules", tmp_path / "none"])
    modules = {**MODULES, **loaded.modules}
    runtime, model = chatting(
        lambda asked, call: "Answer: Seven", modules=modules, programs=[tmp_path / "programs"]
    )
    typed = "{work} <|im_end|>?"
    finished, nodes = await ask(runtime, store, "advice", typed)
    assert finished.answer == "Seven"
    assert model.asked[0].system == "You are a blunt adviser. Write {braces}."
    (call,) = runtime.engine.calls  # type: ignore[attr-defined]
    assert call.prompt.count(model.dialect.end) == 2, "what was typed ends no message"
    assert call.sampling.temperature == 0.5 and call.sampling.max_tokens == 64
    assert nodes[1].recipe is not None and nodes[1].recipe.module == "advise@1"


@pytest.mark.parametrize(
    ("output", "extra", "said"),
    [
        ("text", 'schema = \'{"type": "object"}\'', '{"a": 1}'),
        ("derivation", 'schema = \'{"type": "object"}\'', '{"answer": 7}'),
        ("derivation", 'choice = ["left", "right"]', ""),
        ("route", 'choice = ["left", "right"]', ""),
        ("check", 'choice = ["good", "bad"]', ""),
        ("text", 'choice = ["left", "right"]', ""),
    ],
)
async def test_a_module_may_choose_or_write_json(
    chatting: Make, store: Store, tmp_path: Path, output: str, extra: str, said: str
) -> None:
    text = TRANSLATE.replace('output = "derivation"', f'output = "{output}"') + extra
    modules = {**MODULES, "advise": read_module(text, "advise.toml")}
    field = {"text": "text", "route": "way", "check": "probability", "derivation": "confidence"}
    wanted = "advise.probability > 0.9" if output == "check" else f"advise.{field[output]} != 'x'"
    if output == "derivation":
        wanted = "advise.confidence > 0"
    program = PROGRAM.replace(
        'name = "vote"\nmodule = "vote"\ninputs = { main = "advise" }',
        'name = "candidate"\nmodule = "candidate"\ninputs = { question = "question" }\n\n[[step]]\n'
        'name = "other"\nmodule = "candidate"\ninputs = { question = "question" }\n'
        f'when = "{wanted}"\n\n[[step]]\n'
        'name = "vote"\nmodule = "vote"\ninputs = { main = "candidate", others = "other" }',
    )
    (tmp_path / "advice.toml").write_text(program)
    runtime, _ = chatting(
        lambda asked, call: said if "adviser" in asked.system else STEPS,
        modules=modules,
        programs=[tmp_path],
    )
    finished, nodes = await ask(runtime, store, "advice")
    assert (finished.outcome, finished.answer) == ("done", "7")
    assert len(of(nodes, "candidate")) == 2, "the condition held"


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('name = "advise"', 'name = "Ad vise"', ["name", "'Ad vise'"]),
        ("summary", "sumary", ["sumary"]),
        ('output = "derivation"', 'output = "plan"', ["output", "plan"]),
        ('"derivation*?"', '"outcome"', ["inputs.work", "outcome", "derivation"]),
        ("{work}", "{wrk}", ["chat.user", "{wrk}", "question, work, tone"]),
        ("{tone}", "{tne}", ["chat.system", "{tne}"]),
        ("temperature = 0.5", "temperature = 5.0", ["chat.temperature", "5.0"]),
        ("max_tokens = 64", "max_tokens = 0", ["chat.max_tokens"]),
        ("max_tokens = 64", 'schema = "["', ["chat.schema", "JSON"]),
        ("max_tokens = 64", "choice = ['a', 'a']", ["chat.choice", "different"]),
        ("max_tokens = 64", "choice = ['a', 'b']\nschema = '{}'", ["chat.schema", "chat.choice"]),
        ('output = "derivation"', 'output = "route"', ["chat.choice", "route"]),
        ('user = "', 'user = ""\n#', ["chat.user", "empty"]),
        ("[options.tone]", "[options.question]", ["options", "'question'"]),
        ("[chat]", "[chat", ["advise.toml"]),
    ],
)
def test_a_module_file_with_a_mistake_is_refused_by_file_and_key(
    tmp_path: Path, old: str, new: str, names: list[str]
) -> None:
    assert old in TRANSLATE
    file = tmp_path / "advise.toml"
    file.write_text(TRANSLATE.replace(old, new))
    loaded = load_modules([tmp_path])
    assert loaded.modules == {} and set(loaded.refused) == {"advise"}
    message = str(loaded.refused["advise"])
    assert all(name in message for name in [str(file), *names]), message


# ------------------------------------------------------------ structured


async def test_a_structured_answer_is_thought_in_words_and_said_in_json(
    chatting: Make, store: Store
) -> None:
    schema = '{"type": "object", "properties": {"left": {"type": "integer"}}, "required": ["left"]}'
    asked_for: list[JsonSchema] = []

    def say(asked: Asked, call: Call) -> str:
        if isinstance(call.constraint, JsonSchema):
            asked_for.append(call.constraint)
            assert schema in asked.system and "12 - 5 = 7" in asked.user
            return '{"left": 7}'
        return STEPS

    runtime, _ = chatting(say)
    finished, nodes = await ask(runtime, store, "structured", schema=schema)
    assert (finished.answer, finished.verdict) == ('{"left": 7}', "unverified")
    assert [one.schema for one in asked_for] == [schema]
    assert of(nodes, "candidate"), "the words stay beside the object"
    broken, _ = await ask(runtime, store, "structured", schema="{")
    assert broken.outcome == "failed" and "option 'schema' is no JSON" in broken.message
