"""A reasoning program as one reply: the run's thoughts, then its answer.

Knows runs and their events; never an API. The run itself is the service's.
"""

from collections.abc import AsyncIterator, Sequence

from smysl_daemon.connection import House
from smysl_daemon.http.asking import (
    Ended,
    Outcome,
    Piece,
    Reason,
    Said,
    Thought,
    Total,
    Turn,
    Usage,
    Wish,
    system_of,
)
from smysl_daemon.http.failures import ApiError, refused
from smysl_daemon.http.following import Following
from smysl_daemon.http.thoughts import Thoughts
from smysl_daemon.protocol import Run, RunEnded
from smysl_daemon.service import RunHandle

SCHEMA = "schema"
SPEAKERS = {"user": "User", "assistant": "Assistant"}


def told(turns: Sequence[Turn], *, chats: bool) -> tuple[str, str, tuple[str, ...]]:
    """The question of a conversation, its context, and what is left out of both. A model that takes
    no conversations reads one question alone: system messages and earlier turns would only be
    further numbers and names to it. Raises `ApiError` 400 where nobody asks."""
    if not turns or turns[-1].role != "user" or not turns[-1].text.strip():
        raise refused("the last message must be the user's, and must say something", "messages")
    before, system = [turn for turn in turns[:-1] if turn.role != "system"], system_of(turns)
    if not chats:
        left = ["system messages"] if system.strip() else []
        left += [f"{len(before)} earlier messages"] if before else []
        return turns[-1].text, "", tuple(left)
    lines = [f"{SPEAKERS[turn.role]}: {turn.text.strip()}" for turn in before]
    context = "\n\n".join(filter(None, [system.strip(), "\n".join(lines)]))
    return turns[-1].text, context, ()


async def ask_program(
    house: House, wish: Wish, program: str, adapter: str | None, *, chats: bool
) -> "ProgramReply":
    """Begin a run; its question is durable on return. `adapter`: for the steps that name none.
    Raises what the service raises, and `ApiError` for what no program gives."""
    _check(wish)
    question, context, left_out = told(wish.turns, chats=chats)
    options = wish.extra.options | await _schema_option(house, wish, program)
    run = await house.start(
        Run(
            question=question,
            program=program,
            context=context,
            session=wish.session,
            branch=wish.extra.branch,
            seed=wish.seed or 0,
            options=options,
            adapter=adapter,
            fresh=wish.extra.fresh,
            recall=wish.extra.recall,
            budget_tokens=wish.max_tokens,
            budget_calls=wish.extra.budget_calls,
            budget_seconds=wish.extra.budget_seconds,
        )
    )
    return ProgramReply(house, run, wish, left_out)


class ProgramReply:
    """A run that was accepted."""

    def __init__(self, house: House, run: RunHandle, wish: Wish, left_out: tuple[str, ...]) -> None:
        self._run = run
        self._wish = wish
        self._left_out = left_out
        self._model = house.service.model.model
        self._following = Following(house, run, [house.counts.counted(run.program, run.events())])

    @property
    def session(self) -> str:
        return self._run.session

    async def pieces(self) -> AsyncIterator[Piece]:
        thoughts = Thoughts()
        async for _, event in self._following.items():
            if not isinstance(event, RunEnded):
                if text := thoughts.add(event):
                    yield Thought(text)
                continue
            if text := thoughts.rest():
                yield Thought(text)
            if event.outcome != "done":
                # a run that somebody stopped is nobody's mistake
                status = 409 if event.outcome == "cancelled" else 500
                raise ApiError(
                    status, f"the run was {event.outcome}: {event.message}", code=event.outcome
                )
            said, stop = _cut(_words(event), self._wish.stop)
            yield Said(said)
            yield Ended(_reason(event), stop=stop)
            yield self._total(event)

    def leave(self) -> None:
        self._following.leave()

    def _total(self, end: RunEnded) -> Total:
        usage = end.usage
        return Total(
            Usage(
                prompt_tokens=usage.prompt_tokens,
                cached_tokens=usage.cached_tokens,
                generated_tokens=usage.generated_tokens,
                # the answer is put together from what was thought
                reasoning_tokens=usage.generated_tokens,
            ),
            Outcome(
                session=end.session,
                program=self._run.program,
                model=self._model,
                verdict=end.verdict,
                answer=end.answer,
                confidence=end.confidence,
                message=end.message,
                seconds=end.seconds,
                left_out=self._left_out,
            ),
        )


def _check(wish: Wish) -> None:
    if wish.n != 1:
        raise refused(f"n is {wish.n}; a program gives one answer. Leave n out", "n")
    if wish.scores is not None:
        raise refused(
            "a program has no log-probabilities: many calls stand behind its answer. Leave logprobs "
            "out; the field smysl.confidence says how sure it is",
            "logprobs",
        )
    if wish.tools:
        raise refused("a program calls no tools of a client; leave tools out", "tools")


async def _schema_option(house: House, wish: Wish, program: str) -> dict[str, str]:
    """A program that answers under a schema has an option of that name."""
    if wish.schema is None:
        return {}
    if SCHEMA not in (await house.service.program(program)).options:
        raise refused(
            f"program {program!r} answers in plain text; leave response_format out, or ask "
            "smysl/structured or a model by itself",
            "response_format",
        )
    return {SCHEMA: wish.schema}


def _reason(end: RunEnded) -> Reason:
    return "length" if end.verdict == "budget" else "stop"


def _words(end: RunEnded) -> str:
    """Somebody who reads only the text must not mistake silence for an answer."""
    if end.answer is not None:
        return end.answer
    return f"(no answer: {end.message or 'the derivations do not agree'})"


def _cut(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """Up to the stop text that comes first."""
    found = [(text.index(stop), stop) for stop in stops if stop and stop in text]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop
