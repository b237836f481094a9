"""What a client may ask of the runtime, and the limits it is held to before anything is written.

Knows sizes and names; never tokens, stores or engines.
"""

import math

import msgspec

from smysl_reasoning.errors import BadRequest

QUESTION_LIMIT_BYTES = 32 << 10
"""Of question and context together, in UTF-8."""
SEED_LIMIT = 2**63
RECALL_LIMIT = 50


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A question for a program."""

    question: str
    program: str = "solve"
    context: str = ""
    """Text that the question refers to; it is read before the question."""
    session: str | None = None
    """Id (or unique prefix, or `@last`) of a session to continue; None begins one."""
    branch: str | None = None
    """Branch of that session; None is its current one."""
    seed: int = 0
    options: dict[str, object] = {}
    """Options of the program, by name."""
    adapter: str | None = None
    """Adapter of the model for every step that names none."""
    recall: int = 0
    """Most memories that fall into the question before the run begins."""
    fresh: bool = False
    """Make every node, also those that other runs have made by the same recipe."""
    budget_tokens: int | None = None
    """Most tokens to generate, over all calls; when they are spent the run ends with what is
    there."""
    budget_calls: int | None = None
    """Most calls of the model."""
    budget_seconds: float | None = None


class DeriveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Derive anew what is stale in a branch."""

    session: str = "@last"
    branch: str | None = None
    """None is the session's current one."""
    node: str | None = None
    """Only under the question that this node belongs to; None is the latest question."""
    program: str | None = None
    """Another program than the one that derived it before."""
    seed: int | None = None
    """Another seed of the whole run."""
    options: dict[str, object] | None = None
    """Other options of the program; None are those of before."""
    budget_tokens: int | None = None
    budget_calls: int | None = None
    budget_seconds: float | None = None


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A person's words in a node's place."""

    node: str
    text: str
    branch: str | None = None


def check_text(
    text: str, what: str, limit: int = QUESTION_LIMIT_BYTES, remedy: str = "Shorten it."
) -> str:
    """`text` without white space around it. Raises `BadRequest` when it is empty, over `limit` bytes, or no text."""
    if not text.strip():
        raise BadRequest(f"{what} is empty; write something")
    check_size(text, what, limit, remedy)
    return text.strip()


def check_size(
    text: str, what: str, limit: int = QUESTION_LIMIT_BYTES, remedy: str = "Shorten it."
) -> None:
    """Raise `BadRequest` for a text that has over `limit` bytes in UTF-8, or cannot be written in it."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise BadRequest(f"{what} is not valid text: {error.reason}") from None
    if size > limit:
        raise BadRequest(f"{what} has {size} bytes; the limit is {limit}. {remedy}")


def check_request(request: RunRequest) -> None:
    """Raise `BadRequest` for what no program can run."""
    if not request.question.strip():
        raise BadRequest("the question is empty; type one, or pipe it in")
    try:
        size = len(request.question.encode()) + len(request.context.encode())
    except UnicodeEncodeError as error:
        raise BadRequest(f"the question is not valid text: {error.reason}") from None
    if size > QUESTION_LIMIT_BYTES:
        raise BadRequest(
            f"question and context have {size} bytes; the limit is {QUESTION_LIMIT_BYTES}. "
            "Shorten them."
        )
    if not 0 <= request.seed < SEED_LIMIT:
        raise BadRequest(f"seed is {request.seed}; it must be from 0 to {SEED_LIMIT - 1}")
    if not 0 <= request.recall <= RECALL_LIMIT:
        raise BadRequest(
            f"recall is {request.recall}; it must be from 0 to {RECALL_LIMIT} memories"
        )
    if request.budget_tokens is not None and request.budget_tokens < 1:
        raise BadRequest(f"the token budget is {request.budget_tokens}; it must be at least 1")
    if request.budget_calls is not None and request.budget_calls < 1:
        raise BadRequest(f"the budget of calls is {request.budget_calls}; it must be at least 1")
    seconds = request.budget_seconds
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise BadRequest(f"the time budget is {seconds} s; it must be a positive number")
