"""A question as it is asked: its nodes, what a model is told of it with its notes, and whether that fits.

Knows dialects, nodes and limits; never a store, a program or a run.
"""

from collections.abc import Callable, Sequence

from smysl_engines.base import EngineInfo
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.native import Question, TooManyQuantities
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.graph import Graph
from smysl_reasoning.modules.base import Asked
from smysl_reasoning.nodes import Edge, Node
from smysl_reasoning.notes import told
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.workbench import LINE_TOKENS


def ask(request: RunRequest, session: str, new_id: Callable[[], str]) -> tuple[Node | None, Node]:
    """The nodes of a new question: its context, where it has one, and itself."""
    context = None
    if request.context.strip():
        context = Node(
            id=new_id(),
            session=session,
            kind="context",
            text=request.context.strip(),
            status="done",
        )
    node = Node(
        id=new_id(),
        session=session,
        kind="question",
        text=request.question.strip(),
        inputs=(Edge("context", context.id),) if context else (),
        status="done",
    )
    return context, node


def context_of(node: Node, graph: Graph) -> Node | None:
    """The context that a question has in a branch."""
    found = None
    for edge in node.inputs:
        if edge.role == "context" and edge.node in graph:
            found = graph.node(edge.node)
    return found


def question_of(dialect: Dialect, node: Node, context: Node | None) -> Question:
    """A question with its context before it, as the dialect reads them. Raises what `Dialect.read` raises."""
    return dialect.read(f"{context.text}\n{node.text}" if context else node.text)


def asked_as(dialect: Dialect, node: Node, graph: Graph, context: Node | None = None) -> Asked:
    """A question as the modules take it, with its context and what is put at both."""
    context = context_of(node, graph) or context
    question = question_of(dialect, node, context)
    about = [one.id for one in (context, node) if one and one.id in graph]
    notes = tuple(placed.node.text for id in about for placed in graph.notes(id))
    return Asked(node, question, context, notes, told(dialect, question, notes))


def check_room(dialect: Dialect, info: EngineInfo, text: str) -> None:
    """Raise `BadRequest` for a question that the model cannot take."""
    try:
        question = dialect.read(text)
    except TooManyQuantities as error:
        raise BadRequest(str(error)) from None
    length = dialect.length(question)
    limit = info.context - 2 * LINE_TOKENS
    if length > limit:
        raise BadRequest(
            f"the question has {length} tokens; {info.model} takes {limit}, so that there is room to reason. "
            "Shorten it."
        )


def fits(dialect: Dialect, info: EngineInfo, question: Question, notes: Sequence[str]) -> bool:
    """Whether the model can be told the question with these notes."""
    try:
        check_room(dialect, info, told(dialect, question, notes).text)
    except (BadRequest, TooManyQuantities):
        return False
    return True
