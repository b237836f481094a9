"""A training learns, survives a kill, and publishes a checkpoint that computes what was trained."""

from pathlib import Path
from random import Random

import pytest
import torch
from tokenizers import Tokenizer

from smysl_forge import checkpoint, rollout, stream
from smysl_forge import tokenizer as tokenizers
from smysl_forge.drills import drill, repeats
from smysl_forge.example import Example
from smysl_forge.examples import check_example, derivation, examples, step_checks
from smysl_forge.families import families, problems
from smysl_forge.model import Llama, Shape
from smysl_forge.problem import Problem
from smysl_forge.train import Recipe, Training, loss_of, rate
from smysl_reasoning.dialects.native import NativeDialect, Thought, read

SMALL = Shape(
    vocab_size=700, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, head_dim=16, max_position_embeddings=160,
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    texts = [p.question for p in problems(families()["chain_sum"], 0, 60)]
    return tokenizers.train(texts * 3, SMALL.vocab_size)


@pytest.fixture(scope="module")
def dialect(tokenizer: Tokenizer) -> NativeDialect:
    return NativeDialect(tokenizer)


def some(count: int) -> list[Problem]:
    return list(problems(families()["products"], 0, count))


def batch_of(dialect: NativeDialect, count: int) -> stream.Batch:
    rng = Random(1)
    return stream.padded([e for p in some(count) for e in examples(dialect, p, rng)])


def test_of_a_question_only_what_repeats_in_it_is_learnt(dialect: NativeDialect) -> None:
    for problem in some(20):
        prompt, body = derivation(dialect, problem, read(problem.question))
        assert prompt[-1] == dialect.ids["<solve>"] and body[0] == dialect.ids["<plan>"]
        for example in examples(dialect, problem, Random(2)):
            assert example.learnt[-1] and len(example.ids) == len(example.learnt)
            if example.ids[: len(prompt)] == prompt and sum(example.learnt) > 1:
                assert example.learnt[: len(prompt)] == repeats(prompt)
                assert all(example.learnt[len(prompt) : len(prompt) + len(body)])


def test_a_repeat_is_a_pair_of_tokens_seen_before() -> None:
    a, b, c = 200, 201, 202
    assert repeats([a, b, c, a, b, a, c]) == [False, False, False, False, True, False, False]


def test_a_drill_can_be_answered_from_what_stands_before_it() -> None:
    rng = Random(5)
    for _ in range(50):
        example = drill(rng, range(200, 400))
        for i, learnt in enumerate(example.learnt):
            if learnt:
                assert example.ids[i] in example.ids[:i]


def test_a_graded_derivation_teaches_its_verdict_alone(dialect: NativeDialect) -> None:
    example = check_example(dialect, [1, 2, 3], right=False)
    assert example.ids[-2:] == [dialect.ids["<check>"], dialect.no]
    assert example.learnt == [False] * 4 + [True]


def test_a_slip_is_also_judged_where_it_happens(dialect: NativeDialect) -> None:
    (problem,) = problems(families()["sharing"], 3, 1)
    question = read(problem.question)
    wrong = [*problem.thoughts]
    wrong[0] = Thought("step", "n0 + n0 + n0")
    slipped, right = step_checks(dialect, problem, question, wrong)
    begun = dialect.question(question, "solve") + dialect.plan(problem.plan)
    for example, first, verdict in (
        (slipped, wrong[0], dialect.no),
        (right, problem.thoughts[0], dialect.yes),
    ):
        line = dialect.thought(first, len(question.quantities))
        assert example.ids == [*begun, *line, *dialect.check(), verdict]
        assert example.learnt == [False] * (len(example.ids) - 1) + [True]


def test_a_derivation_that_only_ends_too_soon_has_no_slip_in_a_step(
    dialect: NativeDialect,
) -> None:
    problem = next(p for p in problems(families()["sharing"], 0, 50) if p.plan.steps > 1)
    early = [problem.thoughts[0], Thought("answer", "n0")]
    assert list(step_checks(dialect, problem, read(problem.question), early)) == []


def test_the_direct_form_teaches_no_derivation(dialect: NativeDialect) -> None:
    for problem in some(20):
        (example,) = examples(dialect, problem, Random(3), forms="direct")
        assert dialect.ids["<solve>"] not in example.ids
        answer = dialect.direct(problem.answer)
        assert example.ids[-len(answer) :] == answer


def test_direct_answers_are_graded_by_what_they_say(dialect: NativeDialect) -> None:
    torch.manual_seed(0)
    model = Llama(SMALL).eval()
    graded = rollout.roll_direct(model, dialect, some(3))
    assert [g.problem for g in graded] == some(3) and not any(g.right for g in graded)


def test_batches_hold_every_example_once_within_the_token_limit() -> None:
    rng = Random(0)
    pool = [Example([i + 1] * rng.randint(1, 60), [True] * 1) for i in range(300)]
    pool = [Example(e.ids, [True] * len(e.ids)) for e in pool]
    made = list(stream.batches(pool, 512, rng))
    assert sorted(int(row[0]) for batch in made for row in batch.ids) == list(range(1, 301))
    assert all(
        batch.ids.size <= 512 and batch.ids.shape[1] % stream.MULTIPLE == 0 for batch in made
    )


def test_padding_does_not_change_the_loss(dialect: NativeDialect) -> None:
    torch.manual_seed(0)
    model = Llama(SMALL)
    batch = batch_of(dialect, 4)
    ids, learnt = torch.from_numpy(batch.ids), torch.from_numpy(batch.learnt)
    wider = torch.nn.functional.pad(ids, (0, 16)), torch.nn.functional.pad(learnt, (0, 16))
    assert loss_of(model, ids, learnt).item() == pytest.approx(
        loss_of(model, *wider).item(), rel=1e-5
    )


def test_sampling_with_a_cache_equals_running_the_whole_sequence(dialect: NativeDialect) -> None:
    torch.manual_seed(1)
    model = Llama(SMALL).eval()
    prompts = [dialect.question(read(p.question), "solve") for p in some(3)]
    completions = rollout.sample(model, prompts, dialect, 0.0, 0, longest=12)
    for prompt, completion in zip(prompts, completions, strict=True):
        ids = list(prompt)
        for token in completion:
            with torch.inference_mode():
                logits = model.logits(model.hidden(torch.tensor([ids])))[0, -1]
            assert int(logits.argmax()) == token
            ids.append(token)


def test_a_training_learns_and_goes_on_where_it_was(tmp_path: Path, tokenizer: Tokenizer) -> None:
    recipe = Recipe(shape=SMALL, circuits=False, minutes=60, threads=1)
    said: list[str] = []
    training = Training(tmp_path, recipe, tokenizer, said.append)
    batch = batch_of(training.dialect, 24)
    ids, learnt = torch.from_numpy(batch.ids), torch.from_numpy(batch.learnt)
    losses = [training.step(ids, learnt, 1.0) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]
    training.save()
    again = Training(tmp_path, recipe, tokenizer, said.append)
    assert again.progress == training.progress
    assert "resumed at step 30" in said[-1]
    assert again.step(ids, learnt, 1.0) == pytest.approx(training.step(ids, learnt, 1.0), rel=1e-3)


def test_a_budget_of_tokens_ends_a_training_however_long_it_took(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    recipe = Recipe(shape=SMALL, circuits=False, minutes=600, budget=10_000)
    training = Training(tmp_path, recipe, tokenizer, lambda line: None)
    shares = []
    for tokens in (0, 2_500, 10_000):
        training.progress.tokens = tokens
        shares.append(training.share())
    assert shares == [0, 0.25, 1]
    training.progress.seconds = 600 * 60 * 0.5
    training.progress.tokens = 0
    assert training.share() == 0.5


def test_a_published_checkpoint_loads_to_the_same_function(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    torch.manual_seed(2)
    model = Llama(SMALL)
    checkpoint.publish(tmp_path, model, tokenizer, torch.float32)
    loaded, _ = checkpoint.load(tmp_path)
    ids = torch.arange(1, 40)[None]
    assert torch.allclose(model.hidden(ids), loaded.hidden(ids), atol=1e-6)


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    recipe = Recipe()
    assert rate(0.0, recipe) < 0.1 and rate(0.3, recipe) == 1.0 and rate(1.0, recipe) == 0.0
    falling = [rate(0.4 + 0.06 * i, recipe) for i in range(11)]
    assert falling == sorted(falling, reverse=True)


def test_a_derivation_of_the_teacher_is_graded_right(dialect: NativeDialect) -> None:
    for problem in some(10):
        _, body = derivation(dialect, problem, read(problem.question))
        assert rollout.concluded(dialect, problem, body) == problem.answer
        assert rollout.concluded(dialect, problem, body[:-2]) is None


def test_a_training_goes_on_from_a_published_model(tmp_path: Path, tokenizer: Tokenizer) -> None:
    torch.manual_seed(3)
    base = Llama(SMALL)
    checkpoint.publish(tmp_path / "base", base, tokenizer, torch.float32)
    training = Training(
        tmp_path / "next", Recipe(shape=SMALL, circuits=False), tokenizer, lambda line: None
    )
    training.start_from(tmp_path / "base")
    ids = torch.arange(1, 40)[None]
    assert torch.allclose(training.model.hidden(ids), base.hidden(ids), atol=1e-6)
    unlike = tokenizers.train(["something else"] * 5, SMALL.vocab_size)
    other = Training(
        tmp_path / "unlike", Recipe(shape=SMALL, circuits=False), unlike, lambda line: None
    )
    with pytest.raises(ValueError, match="another tokenizer"):
        other.start_from(tmp_path / "base")
    other = Training(tmp_path / "other", Recipe(), tokenizer, lambda line: None)
    with pytest.raises(ValueError, match="the recipe asks for"):
        other.start_from(tmp_path / "base")
