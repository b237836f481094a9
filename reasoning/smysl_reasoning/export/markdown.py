"""A session as a text for people: the question, how it was derived, what was compared and checked, the answer.

Knows in which order people read; the nodes' order is the graph's. Whatever a text holds, it stays text: nothing in it
becomes a heading, a list or a link.
"""

import re
from collections.abc import Iterable, Sequence

from smysl_reasoning.export.marks import confidence, counted, overview, percent, remarks, state
from smysl_reasoning.export.text import lines, one_line
from smysl_reasoning.graph import Graph
from smysl_reasoning.nodes import CheckData, Kind, opens

_INLINE = re.compile(r"([\\`*_\[\]<>|~&#$])")
_LIST = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_RULE = re.compile(r"^([-+=])(?=[-+=\s]|$)")
_BLANKS = re.compile(r"\n{3,}")
_THOUGHTS: tuple[Kind, ...] = ("plan", "step", "computed")


def render(title: str, graph: Graph) -> str:
    """CommonMark."""
    owner = _owners(graph)
    questions = [id for id in graph if opens(graph.node(id))]
    heading = _inline(title) or "(no title)"
    out = [f"# {heading}", ""]
    stale = graph.stale()
    for id in questions:
        shown = _inline(graph.node(id).text) or "(no text)"
        if len(questions) > 1 or shown != heading:
            out += [f"## {shown}", ""]
        own = [one for one in graph.topological() if owner.get(one) == id and one != id]
        out += _Section(graph, own, set(stale)).written(id)
    if rest := [one for one in graph.topological() if one not in owner]:
        out += ["## Beside the questions", ""]
        out += _Section(graph, rest, set(stale)).written(None)
    return _BLANKS.sub("\n\n", "\n".join([*out, "---", "", f"{overview(graph)}.", ""]))


class _Section:
    """What belongs to one question."""

    def __init__(self, graph: Graph, ids: Sequence[str], stale: set[str]) -> None:
        self._graph = graph
        self._ids = ids
        self._stale = stale
        self._noted: set[str] = set()
        """Notes, and memories, that have been told."""

    def _of(self, *kinds: Kind) -> list[str]:
        return [id for id in self._ids if self._graph.node(id).kind in kinds]

    def written(self, question: str | None) -> list[str]:
        graph = self._graph
        out: list[str] = []
        for id in self._of("context", "memory"):
            self._noted.add(id)
            out += [f"**{graph.node(id).kind.capitalize()}**{self._marks(id)}", ""]
            out += [*_quote(_block(graph.node(id).text)), "", *self._notes(id, "")]
        if question is not None:
            out += [*self._notes(question, ""), *self._verdict()]
        chains = self._chains()
        for chain in chains:
            out += [*self._derivation(chain), ""]
        if candidates := self._of("candidate"):
            heading = "Compared with" if chains else "Derivations"
            out += [f"### {heading}", "", *self._candidates(candidates), ""]
        if judged := self._of("choice", "check", "critique"):
            out += ["### Votes and checks", ""]
            out += [line for id in judged for line in self._item("- ", id)] + [""]
        told = {id for chain in chains for id in chain}
        if answers := [id for id in self._of("answer") if id not in told]:
            out += ["### Answer", ""]
            out += [line for id in answers for line in self._item("- ", id)] + [""]
        if asked := self._of("question"):
            out += ["### Asked back", ""]
            out += [line for id in asked for line in self._item("- ", id)] + [""]
        for id in self._of("note"):
            if id not in self._noted:
                out += self._note(id, "")
        return out

    def _verdict(self) -> list[str]:
        """The last answer, and whether every check was passed."""
        answers = [
            self._graph.placed(id)
            for id in self._of("answer")
            if self._graph.node(id).status == "done"
        ]
        if not answers:
            return ["**No answer.**", ""]
        last = answers[-1]
        checks = [
            one.data
            for one in map(self._graph.node, self._of("check"))
            if isinstance(one.data, CheckData) and one.data.passed is not None
        ]
        passed = bool(checks) and all(check.passed for check in checks)
        sure = confidence(last)
        shares = [check.probability for check in checks if check.probability is not None]
        if shares:
            sure = 1.0
            for share in shares:
                sure *= share
        verdict = "every check passed" if passed else "not verified"
        said = f", confidence {percent(sure)}" if sure is not None else ""
        out = [f"**Answer: {_inline(last.node.text) or '(no text)'}** ({verdict}{said})", ""]
        if count := sum(id in self._stale for id in self._ids):
            out += [f"*Out of date: {counted(count, 'node')} to be derived again.*", ""]
        return out

    def _chains(self) -> list[list[str]]:
        """Thoughts that go on from one another, each chain with the answer that it ends in."""
        chains: dict[str, list[str]] = {}
        """The last thought of each chain -> the chain."""
        found: list[list[str]] = []
        for id in self._of(*_THOUGHTS, "answer"):
            main = self._graph.main_input(id)
            chain = chains.pop(main, None) if main is not None else None
            if chain is None:
                if self._graph.node(id).kind == "answer":
                    continue
                chain = []
                found.append(chain)
            chain.append(id)
            chains[id] = chain
        return found

    def _derivation(self, chain: Sequence[str]) -> list[str]:
        """A numbered step a thought; a value is told in the place of the step that it is the value of."""
        out = ["### Derivation", ""]
        number = 0
        valued = {self._graph.main_input(id) for id in chain if self._kind(id) == "computed"}
        for id in chain:
            kind = self._kind(id)
            if kind == "plan":
                out += [*self._item("", id, "Plan: "), ""]
                continue
            if kind == "step" and id in valued and self._plain(id):
                continue
            number += 1
            out += self._item(f"{number}. ", id, "answer: " if kind == "answer" else "")
        return out

    def _kind(self, id: str) -> Kind:
        return self._graph.node(id).kind

    def _plain(self, id: str) -> bool:
        """Whether nothing is lost when only the value of a step is told."""
        said = one_line(self._graph.node(id).text)
        values = [u for u in self._graph.users(id) if self._kind(u) == "computed"]
        return (
            not self._graph.notes(id)
            and self._graph.placed(id).hold is None
            and any(said in one_line(self._graph.node(value).text) for value in values)
        )

    def _candidates(self, ids: Iterable[str]) -> list[str]:
        """Derivations that say the same are told once."""
        alike: dict[tuple[str, ...], list[str]] = {}
        for id in ids:
            one = self._graph.placed(id)
            apart = id if self._graph.notes(id) else ""
            said = (one.node.text, *state(one, stale=id in self._stale), apart)
            alike.setdefault(said, []).append(id)
        out: list[str] = []
        for number, same in enumerate(alike.values(), 1):
            times = f"{len(same)} times" if len(same) > 1 else ""
            out += self._item(f"{number}. ", same[0], times=times)
        return out

    def _item(self, bullet: str, id: str, before: str = "", times: str = "") -> list[str]:
        """A list item with its remarks and the notes put at it."""
        indent = " " * len(bullet)
        block = _block(self._graph.node(id).text)
        block[0] = bullet + before + block[0]
        block[-1] += self._marks(id, times)
        rest = [indent + line for line in block[1:]]
        return [block[0], *rest, *self._notes(id, indent)]

    def _marks(self, id: str, times: str = "") -> str:
        one = self._graph.placed(id)
        found = [times, *state(one, stale=id in self._stale)] if times else None
        found = found or remarks(one, stale=id in self._stale)
        return f" *({', '.join(found)})*" if found else ""

    def _notes(self, id: str, indent: str) -> list[str]:
        """Notes put at `id`, and those put at these."""
        out: list[str] = []
        left = [note.node.id for note in reversed(self._graph.notes(id))]
        while left:
            note = left.pop()
            if note not in self._noted:
                out += self._note(note, indent)
                left += [one.node.id for one in reversed(self._graph.notes(note))]
        return out

    def _note(self, id: str, indent: str) -> list[str]:
        self._noted.add(id)
        block = _block(self._graph.node(id).text)
        block[0] = "**Note**: " + block[0]
        block[-1] += self._marks(id)
        return ["", *(indent + line for line in _quote(block)), ""]


def _owners(graph: Graph) -> dict[str, str]:
    """Id -> the question it is derived from, made for or put at, where there is one."""
    owner: dict[str, str] = {}
    for id in graph.topological():
        _follow(graph, id, owner)
    for id in graph:
        # what rests on nothing, context mostly, was given for what was first made from it
        used = [owner[user] for user in graph.users(id) if user in owner]
        if id not in owner and used:
            owner[id] = used[0]
    for id in graph:
        _follow(graph, id, owner)
    return owner


def _follow(graph: Graph, id: str, owner: dict[str, str]) -> None:
    """Go down from `id` to what has an owner, and give it to all on the way."""
    way: dict[str, None] = {}
    at: str | None = id
    while at is not None and at not in owner and at not in way:
        way[at] = None
        if opens(graph.node(at)):
            owner[at] = at
        else:
            at = graph.main_input(at)
    if at is not None and at in owner:
        owner.update(dict.fromkeys(way, owner[at]))


def _inline(text: str) -> str:
    """One line in which nothing is markup."""
    return _escaped(one_line(text))


def _block(text: str) -> list[str]:
    """At least one line; where a line ends the text goes on below."""
    shown = [_escaped(line) for line in lines(text)] or ["(no text)"]
    return [*(line + "\\" for line in shown[:-1]), shown[-1]]


def _escaped(line: str) -> str:
    return _RULE.sub(r"\\\1", _LIST.sub(r"\1\\\2", _INLINE.sub(r"\\\1", line)))


def _quote(block: Iterable[str]) -> list[str]:
    return [f"> {line}" for line in block]
