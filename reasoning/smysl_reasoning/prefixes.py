"""What prompts have in common: how many of their tokens need computing once all are known.

The common-prefix pass of the compiler, over token ids alone; knows no step, model or engine.
"""

from collections.abc import Iterable, Sequence


class Prefixes:
    """The prompts computed so far, as a radix tree over token ids."""

    def __init__(self) -> None:
        self._root = _Branch(())

    def add(self, ids: Sequence[int]) -> int:
        """Note a prompt; returns how many of its leading tokens an earlier one has already computed."""
        at, done = self._root, 0
        ids = tuple(ids)
        while done < len(ids):
            branch = at.branches.get(ids[done])
            if branch is None:
                at.branches[ids[done]] = _Branch(ids[done:])
                return done
            same = _common(branch.ids, ids[done:])
            done += same
            if same < len(branch.ids):
                branch.split(same)
                if done < len(ids):
                    branch.branches[ids[done]] = _Branch(ids[done:])
                return done
            at = branch
        return done


def computed(prompts: Iterable[Sequence[int]]) -> int:
    """Tokens to compute for all of `prompts` when shared prefixes are computed once."""
    tree = Prefixes()
    return sum(len(prompt) - tree.add(prompt) for prompt in prompts)


class _Branch:
    def __init__(self, ids: tuple[int, ...]) -> None:
        self.ids = ids
        self.branches: dict[int, _Branch] = {}

    def split(self, at: int) -> None:
        """Keep the first `at` ids; the rest becomes a branch of its own."""
        rest = _Branch(self.ids[at:])
        rest.branches = self.branches
        self.ids, self.branches = self.ids[:at], {rest.ids[0]: rest}


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    for i, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return i
    return min(len(a), len(b))
