"""The tools: each is one request to the daemon, and a run tells how it goes while it goes.

Knows the MCP library and the daemon's messages; never engines or reasoning. What the daemon refuses
becomes a tool error with the daemon's own words, which name the value, the limit and the remedy.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

import anyio
import msgspec
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from msgspec import UNSET
from pydantic import Field

from smysl_cli.mcp.line import Line, daemon_line
from smysl_cli.result import Collector
from smysl_cli.text import fit, one_line
from smysl_daemon.errors import DaemonError, RequestRefused
from smysl_daemon.memory_protocol import (
    AddMemories,
    LinkMemories,
    MemoriesAdded,
    MemoryChanged,
    MemoryPulls,
    MemoryShown,
    SearchMemory,
    ShowMemory,
)
from smysl_daemon.protocol import (
    Accepted,
    Answer,
    Answered,
    Changed,
    Derive,
    Edit,
    HitList,
    Inject,
    ListPrograms,
    ListSessions,
    NodeDelta,
    NodeFinished,
    NodeShown,
    NodeStarted,
    Preview,
    Previewed,
    ProgramList,
    Run,
    RunEnded,
    Search,
    SessionList,
    SessionPart,
    Show,
    Undo,
    Why,
    WhyPart,
)
from smysl_daemon.shapes import NodeView
from smysl_daemon.version import VERSION

INSTRUCTIONS = """
smysl reasons on this machine. `ask` runs a reasoning program; every thought is a node that stays
editable: `show` a session, `edit` a wrong step or `inject` a note, then `derive` what rests on the
change. `add_memory` keeps what should outlive a session; `ask` with `recall` lets what was kept fall
into its question. Verdicts: verified, unverified, failed (not confident), budget. Ids may be shortened
to a unique beginning; @last is the last session.
"""
PROGRESS_WIDTH = 200
"""Characters of a thought in a progress message."""
R = TypeVar("R")
Told = dict[str, Any]

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
Session = Annotated[str, Field(description="A session's id, its unique beginning, or @last.")]
Node = Annotated[str, Field(description="A node's id, or its unique beginning.")]
Branch = Annotated[str | None, Field(description="A branch; none is the current one.")]
Budget = Annotated[int | None, Field(ge=1)]
Seconds = Annotated[float | None, Field(gt=0)]

server: MCPServer[Any] = MCPServer(
    name="smysl",
    title="smysl, a local reasoning runtime",
    instructions=" ".join(INSTRUCTIONS.split()),
    version=VERSION,
    log_level="WARNING",
)


def serve() -> None:
    """Until standard input ends."""
    server.run("stdio")


@asynccontextmanager
async def _line() -> AsyncIterator[Line]:
    """A connection whose failures are tool errors."""
    try:
        async with daemon_line() as line:
            yield line
    except RequestRefused as error:
        raise ToolError(f"{error.code.value}: {error}") from None
    except (DaemonError, OSError) as error:
        raise ToolError(f"{type(error).__name__}: {' '.join(str(error).split())}") from None


def _expected(reply: object, kind: type[R]) -> R:
    if not isinstance(reply, kind):
        raise ToolError(f"unexpected {type(reply).__name__} from the daemon")
    return reply


def _told(value: object) -> Told:
    said = msgspec.to_builtins(value)
    assert isinstance(said, dict)
    said.pop("type", None)
    return said


# ------------------------------------------------------------ runs


@server.tool(annotations=WRITES)
async def ask(
    question: Annotated[str, Field(description="What is asked.")],
    context: Annotated[str, Field(description="Text that the question refers to.")] = "",
    program: Annotated[str, Field(description="How to reason; see list_programs.")] = "solve",
    options: Annotated[dict[str, Any] | None, Field(description="Of the program.")] = None,
    adapter: Annotated[str | None, Field(description="An adapter of the model.")] = None,
    session: Annotated[str | None, Field(description="Continue this one; none begins one.")] = None,
    seed: Annotated[int, Field(ge=0, description="The same seed gives the same nodes.")] = 0,
    recall: Annotated[
        int | None,
        Field(ge=0, le=20, description="Most memories that fall into it; none is as configured."),
    ] = None,
    budget_tokens: Budget = None,
    budget_calls: Budget = None,
    budget_seconds: Seconds = None,
    *,
    tell: Context[Any, Any],
) -> Told:
    """Run a reasoning program on a question. Gives the answer, whether it is verified, and the
    thoughts behind it as nodes."""
    request = Run(
        question=question,
        context=context,
        program=program,
        options=options or {},
        adapter=adapter,
        session=session,
        seed=seed,
        recall=recall,
        budget_tokens=budget_tokens,
        budget_calls=budget_calls,
        budget_seconds=budget_seconds,
    )
    return await _follow(request, tell)


@server.tool(annotations=WRITES)
async def derive(
    session: Session = "@last",
    node: Annotated[str | None, Field(description="Only under this node's question.")] = None,
    branch: Branch = None,
    budget_tokens: Budget = None,
    budget_calls: Budget = None,
    budget_seconds: Seconds = None,
    *,
    tell: Context[Any, Any],
) -> Told:
    """Make anew whatever is stale after edits and notes; everything else is kept. Gives the new
    answer."""
    request = Derive(
        session=session,
        node=node,
        branch=branch,
        budget_tokens=budget_tokens,
        budget_calls=budget_calls,
        budget_seconds=budget_seconds,
    )
    return await _follow(request, tell)


async def _follow(request: Run | Derive, tell: Context[Any, Any]) -> Told:
    """To the end, or until the client cancels: then the run is cancelled, too."""
    async with _line() as line:
        await line.send(request)
        try:
            return await _ended(line, tell)
        except anyio.get_cancelled_exc_class():
            await line.cancel(RunEnded)
            raise


async def _ended(line: Line, tell: Context[Any, Any]) -> Told:
    collector = Collector(_expected(await line.receive(), Accepted))
    finished = 0
    asking: set[str] = set()
    while True:
        message = await line.receive()
        match message:
            case NodeStarted(node=node):
                collector.take(message)
                if node.kind == "question":
                    asking.add(node.id)
            case NodeDelta(node=id, text=text) if id in asking:
                asking.discard(id)
                said = f"the run asks: {text} (answer with the tool `answer`, node {id})"
                await tell.report_progress(finished, message=said)
            case NodeDelta():
                collector.take(message)
            case NodeFinished(node=node):
                collector.take(message)
                finished += 1
                said = fit(f"{node.kind}: {one_line(node.text)}", PROGRESS_WIDTH)
                await tell.report_progress(finished, message=said)
            case RunEnded():
                break
            case _:
                raise ToolError(f"unexpected {type(message).__name__} from the daemon")
    if message.outcome != "done":
        raise ToolError(f"{message.outcome}: {message.message or 'the run ended early'}")
    said_nodes = [_brief(node) for node in collector.nodes]
    return _told(collector.result(message)) | {"message": message.message, "nodes": said_nodes}


def _brief(node: NodeView) -> Told:
    brief: Told = {"id": node.id, "kind": node.kind, "text": node.text, "status": node.status}
    if node.stats.confidence is not None:
        brief["confidence"] = node.stats.confidence
    if node.pull is not UNSET:
        brief["pull"] = msgspec.to_builtins(node.pull)
    return brief


@server.tool(annotations=WRITES)
async def answer(node: Node, text: str) -> Told:
    """Answer what a run asks its person, so that it goes on."""
    async with _line() as line:
        return _told(_expected(await line.ask(Answer(node=node, text=text)), Answered))


# ------------------------------------------------------------ thoughts


@server.tool(annotations=READS)
async def show(
    id: Annotated[str, Field(description="A session or a node; @last is the last session.")] = (
        "@last"
    ),
    branch: Branch = None,
) -> Told:
    """A session with all its nodes, or one node whole, with its versions."""
    async with _line() as line:
        reply = await line.ask(Show(id=id, branch=branch))
        if isinstance(reply, NodeShown):
            return _told(reply)
        part = _expected(reply, SessionPart)
        nodes = list(part.nodes)
        while part.more:
            part = _expected(await line.receive(), SessionPart)
            nodes += part.nodes
    return {"session": msgspec.to_builtins(part.session), "nodes": msgspec.to_builtins(nodes)}


@server.tool(annotations=READS)
async def why(node: Node, branch: Branch = None) -> Told:
    """Everything a node rests on, inputs first, with the text that was used."""
    reasons: list[Any] = []
    async with _line() as line:
        part = _expected(await line.ask(Why(node=node, branch=branch)), WhyPart)
        reasons += part.reasons
        while part.more:
            part = _expected(await line.receive(), WhyPart)
            reasons += part.reasons
    said = {"session": part.session, "branch": part.branch}
    return said | {"reasons": msgspec.to_builtins(reasons)}


@server.tool(annotations=WRITES)
async def edit(
    node: Node,
    text: Annotated[str, Field(description="What it says instead.")],
    branch: Branch = None,
) -> Told:
    """Say something else in a node's place. What rests on it becomes stale; `derive` makes that
    anew."""
    async with _line() as line:
        reply = await line.ask(Edit(node=node, text=text, branch=branch))
        return _told(_expected(reply, Changed))


@server.tool(annotations=WRITES)
async def inject(
    node: Node,
    text: Annotated[str, Field(description="The note.")],
    branch: Branch = None,
) -> Told:
    """Put a note at a node: whatever is derived from that node sees it."""
    async with _line() as line:
        reply = await line.ask(Inject(node=node, text=text, branch=branch))
        return _told(_expected(reply, Changed))


@server.tool(annotations=WRITES)
async def undo(session: Session = "@last", branch: Branch = None) -> Told:
    """Take back the last change of a branch; nothing is lost."""
    async with _line() as line:
        reply = await line.ask(Undo(session=session, branch=branch))
        return _told(_expected(reply, Changed))


@server.tool(annotations=READS)
async def preview(session: Session = "@last", branch: Branch = None) -> Told:
    """What `derive` would make anew, and what that would cost."""
    async with _line() as line:
        reply = await line.ask(Preview(session=session, branch=branch))
        return _told(_expected(reply, Previewed))


# ------------------------------------------------------------ memory


@server.tool(annotations=READS)
async def search_memory(
    text: Annotated[str, Field(description="A question, or words of one.")],
    limit: Annotated[int, Field(ge=1, le=200, description="Most that are given.")] = 10,
) -> Told:
    """What would fall into a question from memory, the strongest first, and why: mass, nearness and the
    path of links by which each was reached. It counts as no use."""
    async with _line() as line:
        return _told(_expected(await line.ask(SearchMemory(text=text, limit=limit)), MemoryPulls))


@server.tool(annotations=WRITES)
async def add_memory(
    text: Annotated[str, Field(description="What to remember, in a few sentences.")],
    link: Annotated[
        list[str] | None, Field(description="Ids of memories that it belongs to.")
    ] = None,
) -> Told:
    """Keep a text beyond this session. One that is there already is not kept twice. Gives the memory with
    its links, also to what is alike in words."""
    async with _line() as line:
        others = [
            _expected(await line.ask(ShowMemory(memory=one)), MemoryShown).memory.id
            for one in link or []
        ]
        done = _expected(
            await line.ask(AddMemories(texts=(text,), source="import mcp")), MemoriesAdded
        )
        id = done.added[0].id if done.added else done.known[0]
        for one in others:
            _expected(await line.ask(LinkMemories(a=id, b=one)), MemoryChanged)
        shown = _expected(await line.ask(ShowMemory(memory=id)), MemoryShown)
    return {"known": not done.added} | _told(shown)


# ------------------------------------------------------------ lists

Limit = Annotated[int, Field(ge=1, le=1000, description="Most that are listed.")]


@server.tool(annotations=READS)
async def list_programs() -> Told:
    """The ways of reasoning that `ask` takes."""
    async with _line() as line:
        return _told(_expected(await line.ask(ListPrograms()), ProgramList))


@server.tool(annotations=READS)
async def list_sessions(limit: Limit = 20) -> Told:
    """What was asked before, newest first."""
    async with _line() as line:
        return _told(_expected(await line.ask(ListSessions(limit=limit)), SessionList))


@server.tool(annotations=READS)
async def search(text: str, limit: Limit = 20) -> Told:
    """Thoughts in all sessions with these words, best first."""
    async with _line() as line:
        return _told(_expected(await line.ask(Search(text=text, limit=limit)), HitList))
