"""Runs many calls on one model, step by step: who joins, what is computed, who leaves.

Knows calls, rows and logits; never threads, event loops or how a model computes.
One owner calls it.
"""

import heapq
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from smysl_engines.base import Choice, EngineError, Finish, State
from smysl_engines.choice import ChoiceScorer, choose
from smysl_engines.job import Job
from smysl_engines.kv import Copy, Kv, Load, Move, Store, blocks_of
from smysl_engines.pace import Budget, Costs, Pace
from smysl_engines.prefix_tree import BLOCK, Node
from smysl_engines.sampling import Logits, log_probabilities, top
from smysl_engines.snapshots import Snapshots, digest_of
from smysl_engines.stream import Channel
from smysl_engines.symbols import Symbols
from smysl_engines.waiting import Waiting

_log = logging.getLogger(__name__)

PREFILL_TOKENS = 256
"""Prompt tokens computed between two decoding steps at most."""
STALL_S = 0.1
"""How long a prompt may keep running calls from their next token: its pieces are cut to that."""
SMALLEST_PIECE = 32
"""Of a prompt: smaller ones read all weights for too little."""
ECHO_LOGITS = 16_000_000
"""Numbers of logits computed at once for prompts whose log-probabilities are asked."""
SNAPSHOT_S = 0.005
"""A block that is computed faster than that is not worth a file."""
FEW_DEADLINES = 64
"""So many are not worth looking through for those that no longer matter."""
DELIVERY_S = 0.004
"""Tokens are handed over at most this often per call: waking a
consumer costs as much as a small step.
"""


class Model(Protocol):
    """KV memory of `rows` rows and as many pages of blocks, and the forward pass over the rows."""

    rows: int
    context: int
    blocks: int
    vocabulary: int

    def decode(
        self, tokens: Sequence[int], lengths: Sequence[int], states: Sequence[State]
    ) -> Logits:
        """Append tokens[i], computed under states[i], to row i, which holds lengths[i] positions,
        for rows 0 to len(tokens) - 1.

        Returns [len(tokens), vocabulary], valid until the next `decode`.
        """
        ...

    def extend(
        self,
        row: int,
        tokens: Sequence[int],
        length: int,
        asked: Sequence[int],
        state: State,
        since: int,
    ) -> Logits:
        """Append tokens to a row that holds `length` positions, those from tokens[since] on computed
        under the state, those before without adapters.

        Returns [len(asked), vocabulary]: the logits after tokens[i] for each i in `asked`; valid
        until the next `extend`.
        """
        ...

    def copy(self, source: int, target: int, count: int) -> None: ...

    def load(self, page: int, row: int, start: int, count: int) -> None: ...

    def store(self, row: int, start: int, page: int, count: int) -> None: ...

    def read_page(self, page: int) -> npt.NDArray[Any]:
        """The page's memory itself, to read or to write."""
        ...

    def trim(self, first_row: int) -> None:
        """Give memory of idle rows, `first_row` and after, back to the system."""
        ...


class Batch:
    """Owns the calls, from `add` until each has its one end.

    Running calls are in rows 0, 1, ... of the model in the order of `_running`.
    """

    def __init__(
        self,
        model: Model,
        clock: Callable[[], float] = time.monotonic,
        symbols: Symbols | None = None,
        snapshots: Snapshots | None = None,
        deterministic: bool = False,
    ) -> None:
        """`deterministic`: logits depend to the last bit on nothing but the call, for a kernel may
        compute one row otherwise than two, and one token over a past otherwise than several. Prompts
        are computed in pieces of even size, decoding in an even number of rows, and what one of the
        two has computed is no prefix for the other.
        """
        self._model = model
        self._clock = clock
        self._symbols = symbols or Symbols(model.vocabulary)
        self._snapshots = snapshots
        self._deterministic = deterministic
        self.kv = Kv(model.rows, model.blocks)
        self._waiting = Waiting()
        self._running: list[Job] = []
        self._jobs: dict[Channel, Job] = {}
        """All that have not ended."""
        self._deadlines: list[tuple[float, int, Channel]] = []
        self._added = 0
        self.cancellations: deque[Channel] = deque()
        """Channels of calls that are wanted no longer. Any thread may append."""
        self._last_prompt: list[int] | None = None
        self._last_logits: Logits | None = None
        self.prefill_rate = 0.0
        """Tokens per second, lately; 0 until one is known."""
        self._costs = Costs()
        self._budget = Budget(self._costs)
        """Of drafts in vain."""
        self._step_seconds: dict[int, float] = {}
        """A decoding step's, lately, by the number of rows."""
        self.counts: Counter[str] = Counter()

    @property
    def idle(self) -> bool:
        return not self._jobs

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, job: Job) -> None:
        """The job's symbols must tell single steps apart if, and only if, the batch does."""
        assert (job.pieces is not None) == self._deterministic
        self._added += 1
        job.number = self._added
        if job.call.timeout_s is not None:
            began = self._clock() if job.submitted_at is None else job.submitted_at
            self._note_deadline(began + job.call.timeout_s, job)
        self._jobs[job.channel] = job
        self._waiting.begin(job)
        if job.channel.cancelled:
            # its note may have been read before the call was here
            self.cancellations.append(job.channel)

    def step(self) -> None:
        """Drop what was cancelled or is late, admit and prefill,
        then compute one token for every running call.

        Never raises for a call's sake: a failure of the model
        ends all running calls with `EngineError`.
        """
        try:
            self._drop()
            self._prefill()
            self._speculate()
            self._decode()
        except Exception as error:
            _log.exception("a step of the engine failed")
            self.fail(EngineError(f"the engine failed while computing this call: {error}"))

    def fail(self, error: EngineError) -> None:
        """End all running calls with the error. What the memory holds is no longer trusted."""
        self.kv.forget()
        self._running.clear()
        waiting = set(self._waiting.jobs())
        for job in [job for job in self._jobs.values() if job not in waiting]:
            self._end(job, error)
        self._last_prompt = None

    def abort(self, error: EngineError) -> None:
        """End every call, running or waiting, with the error. The batch must not be used again."""
        for job in self._jobs.values():
            job.channel.end(error)

    def close(self) -> None:
        """Finish every call, running or waiting, as cancelled."""
        for channel in list(self._jobs):
            channel.cancelled = True
            self.cancellations.append(channel)
        self._drop()

    def rest(self) -> bool:
        """There is nothing to do: put the house in order. Returns whether it is."""
        assert self.idle
        self._model.trim(0)
        self.check()
        return self.save()

    def save(self, *, wait: bool = False) -> bool:
        """Have snapshots written of what is cached, beginnings last: of a folder's oldest files, which
        are removed first, none then is of use without those before. False if some have to wait, and
        may not."""
        snapshots = self._snapshots
        if snapshots is None or not snapshots.usable or BLOCK < self.prefill_rate * SNAPSHOT_S:
            return True
        digests = []
        for node in self.kv.kept():
            assert node.page is not None
            digest = self._digest(node)
            if not node.saved and digest not in snapshots:
                if not snapshots.save(digest, self._model.read_page(node.page), wait=wait):
                    return False
            node.saved = True
            digests.append(digest)
        snapshots.used(digests)
        return True

    def check(self) -> None:
        """Every call waits or runs; a running one has a row and something to feed, and its row holds
        what it has computed.
        """
        self.kv.check()
        assert self.kv.running == len(self._running) <= self._model.rows
        assert len(self._jobs) == len(self._running) + len(self._waiting)
        for row, job in enumerate(self._running):
            assert job.left > 0
            assert self.kv.length(row) == job.computed
            assert len(job.tokens) == len(job.symbols) == len(job.call.prompt) + job.generated

    def _drop(self) -> None:
        while self.cancellations:
            job = self._jobs.get(self.cancellations.popleft())
            if job is not None:
                self._take_out(job, "cancelled")
        if not self._deadlines:
            return
        now = self._clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            job = self._jobs.get(heapq.heappop(self._deadlines)[2])
            if job is not None:
                self._take_out(job, "deadline")

    def _note_deadline(self, late: float, job: Job) -> None:
        if len(self._deadlines) > FEW_DEADLINES + 2 * len(self._jobs):
            # most are of calls that have ended in time
            self._deadlines = [known for known in self._deadlines if known[2] in self._jobs]
            heapq.heapify(self._deadlines)
        heapq.heappush(self._deadlines, (late, job.number, job.channel))

    def _take_out(self, job: Job, reason: str) -> None:
        if job in self._running:
            self._leave(self._running.index(job), job.finish(reason, self._clock()))
        else:
            self._waiting.remove(job)
            self._end(job, job.finish(reason, self._clock()))

    def _prefill(self) -> None:
        """Prompts share what is computed between two steps: next is always the session that was served
        least, whether its call runs already or has yet to be admitted."""
        end = self.counts["computed_tokens"] + self._piece()
        done: set[Channel] = set()
        while self.counts["computed_tokens"] < end:
            ahead = [
                job for job in self._running if job.channel not in done and self._worth_a_pass(job)
            ]
            job = min(ahead, key=self._waiting.turn, default=None)
            self._admit_waiting(end, job)
            if job is None:
                return
            done.add(job.channel)
            if job in self._running:  # it may have given way to another
                self._compute_ahead(job, end)

    def _admit_waiting(self, end: int, before: Job | None) -> None:
        """Admit calls whose turn comes `before` a running one's, and compute their prompts, until `end`
        tokens have been computed in all."""
        preempted = self.counts["preempted"]
        # those that need nothing computed must not keep the others from their next token for ever
        for _ in range(self.kv.rows):
            if not len(self._waiting) or self.counts["computed_tokens"] >= end:
                return
            job = self._waiting.peek()
            if before is not None and self._waiting.turn(job) > self._waiting.turn(before):
                return
            if not self._make_place(job):
                return
            self._waiting.remove(job)
            if self._admit(job):
                self._compute_ahead(job, end)
            if self.counts["preempted"] > preempted:
                return  # there is not even room for what runs

    def _piece(self) -> int:
        """Prompt tokens to compute before the next decoding step."""
        if not any(job.generated for job in self._running):
            return PREFILL_TOKENS
        wanted = int(self.prefill_rate * STALL_S) // SMALLEST_PIECE * SMALLEST_PIECE
        return min(PREFILL_TOKENS, max(SMALLEST_PIECE, wanted)) if wanted else PREFILL_TOKENS

    def _worth_a_pass(self, job: Job) -> bool:
        """A prompt is. Tokens that a grammar forces, and output that is computed again, are if the
        batch saves more steps than the pass, which computes nothing for the others, costs.
        """
        return job.prefilling or job.ahead > len(self._running)

    def _make_place(self, job: Job) -> bool:
        """Whether there is a row, and blocks, for a call; one that is less urgent gives way."""
        needed = _blocks(job)
        while self._running and (
            len(self._running) == self.kv.rows
            or needed > self.kv.blocks - sum(map(_blocks, self._running))
        ):
            last = self._last()
            if self._running[last].call.priority <= job.call.priority:
                return False
            self._send_back(last)
        return True

    def _send_back(self, row: int) -> Job:
        """A running call waits again. What it has computed is cached as long as there is room."""
        job = self._release(row)
        job.back()
        self.counts["preempted"] += 1
        self._waiting.add(job)
        return job

    def _admit(self, job: Job) -> bool:
        """Give the call a row; False if it already has its next token, and maybe its end."""
        row, length = len(self._running), len(job.tokens)
        # one token must be computed to have logits, unless those of this very prompt are at hand
        known = job.symbols == self._last_prompt and not job.call.echo and length > 0
        if known:
            known = self.kv.match(job.symbols, length).length == length
        limit = 0 if job.call.echo else length - (not known)
        if self._snapshots is not None and limit >= BLOCK:
            self._restore(self._snapshots, job.symbols, limit)
        admission = self.kv.admit(job.symbols, limit)
        self._running.append(job)
        job.computed = admission.cached
        self._move(admission.moves)
        if self._deterministic and job.ahead % 2:
            job.computed -= 1
            self.kv.truncate(row, job.computed)
        if job.admitted_at is None:
            job.admitted_at = self._clock()
            job.cached = job.computed
            self.counts["prompt_tokens"] += length
            self.counts["cached_tokens"] += job.cached
        if not known:
            return True
        assert self._last_logits is not None
        self._advance([row], self._last_logits)
        return False

    def _restore(self, snapshots: Snapshots, symbols: list[int], limit: int) -> None:
        """Cache what follows the known blocks of these symbols, as far as there are snapshots."""
        path = self.kv.match(symbols, limit).path
        parent = path[-1] if path else None
        for start in range(len(path) * BLOCK, limit - BLOCK + 1, BLOCK):
            block = symbols[start : start + BLOCK]
            digest = digest_of(self._digest(parent), self._symbols.content(block))
            content = snapshots.load(digest)
            if content is None:
                return
            parent = self.kv.insert(parent, block)
            if parent is None:
                return
            assert parent.page is not None
            memory = self._model.read_page(parent.page)
            memory[...] = content.reshape(memory.shape)
            parent.digest, parent.saved = digest, True
            self.counts["restored_tokens"] += BLOCK

    def _digest(self, node: Node | None) -> bytes:
        """Of a known full block; b"" before the first."""
        chain: list[Node] = []
        while node is not None and node.parent is not None and node.digest is None:
            chain.append(node)
            node = node.parent
        digest = b"" if node is None or node.digest is None else node.digest
        for after in reversed(chain):
            digest = after.digest = digest_of(digest, self._symbols.content(after.symbols))
        return digest

    def _compute_ahead(self, job: Job, end: int) -> None:
        """Compute tokens of a running call with more than one to feed, until `end` have been computed
        in all."""
        count = min(job.ahead, end - self.counts["computed_tokens"])
        if job.ahead <= 1 or count < 1:
            return
        if job.call.echo:
            count = min(count, max(1, ECHO_LOGITS // self._model.vocabulary))
        if self._deterministic:
            count = max(2, count // 2 * 2)
        if not self._make_room(job, count):
            return
        row, start = self._running.index(job), job.computed
        asked = range(count) if job.call.echo else (count - 1,)
        state, since = job.states()
        began = self._clock()
        logits = self._model.extend(
            row, job.tokens[start : start + count], start, asked, state, since
        )
        self._note_rate(count, self._clock() - began)
        self._computed(row, job, count)
        if job.call.echo and not self._echoed(row, job, start, logits):
            return
        if not job.left:
            logits = logits[-1:]
            if not job.generated:
                self._last_prompt, self._last_logits = list(job.symbols), logits.copy()
            self._advance([row], logits)

    def _note_rate(self, tokens: int, seconds: float) -> None:
        if tokens >= SMALLEST_PIECE and seconds > 0:
            rate = tokens / seconds
            self.prefill_rate = (
                rate if not self.prefill_rate else (0.7 * self.prefill_rate + 0.3 * rate)
            )

    def _computed(self, row: int, job: Job, count: int) -> None:
        """The row holds the KV of `count` more tokens of its call."""
        self.kv.append(row, job.symbols[job.computed : job.computed + count])
        prompt = max(0, min(count, len(job.call.prompt) - job.computed))
        job.computed += count
        self._waiting.serve(job, prompt, count - prompt)
        self.counts["computed_tokens"] += count

    def _echoed(self, row: int, job: Job, start: int, logits: Logits) -> bool:
        """`_echo`; False if the call has failed and left."""
        try:
            self._echo(job, start, logits)
        except EngineError as error:
            self._leave(row, error)
            return False
        return True

    def _echo(self, job: Job, start: int, logits: Logits) -> None:
        """`logits` follow the tokens from `start` on: note those of prompt tokens."""
        for at, token in enumerate(job.call.prompt[start + 1 : start + 1 + len(logits)]):
            scores = log_probabilities(logits[at])
            job.prompt_logprobs.append(float(scores[token]))
            if count := job.call.top_logprobs:
                job.prompt_top.append(top(scores, count))

    def _make_room(self, job: Job, count: int) -> bool:
        """Free blocks for `count` tokens of a running call; others may give way. False if it gave
        way itself."""
        while not self.kv.make_room(self.kv.lacking(self._running.index(job), count)):
            last = self._last()
            if self._send_back(last) is job:
                return False
        return True

    def _last(self) -> int:
        """The row of the running call that gives way first."""
        return max(range(len(self._running)), key=lambda row: self._running[row].rank)

    def _speculate(self) -> None:
        """Where a text repeats itself, compute what it may go on with along with its next token."""
        if self._deterministic or self._plain() * self._costs.best() <= 1:
            return
        for job in list(self._running):
            # one that gave way to another is no longer there
            if job in self._running and (draft := self._draft(job)):
                self._verify(job, draft)

    def _draft(self, job: Job) -> list[int]:
        # the pass also gives the token after the guesses
        room = job.call.sampling.max_tokens - job.generated - 1
        if job.left != 1 or room < 1 or isinstance(job.call.constraint, Choice):
            return []
        job.pace = job.pace or Pace(self._budget)
        count = min(room, job.pace.draft(self._plain()))
        return job.draft(count) if count else []

    def _plain(self) -> float:
        """What a decoding step costs each of its calls, in steps of a call that runs alone."""
        rows = len(self._running)
        alone, together = (self._step_seconds.get(count) for count in (1, rows))
        if not alone or not together:
            # not known yet: a call alone may try, others had better not
            return 1.0 if rows == 1 else 0.0
        return together / rows / alone

    def _verify(self, job: Job, draft: list[int]) -> None:
        """Compute a call's next token and guesses of those after it in one pass, and keep what the
        call would have chosen anyway: each is chosen from its own logits, with its own random number.
        """
        plain, count = self._plain(), 1 + len(draft)
        row, start = self._running.index(job), job.computed
        if not self.kv.make_room(self.kv.lacking(row, count)):
            return  # a guess is not worth another call's row
        fed = [job.tokens[start], *draft]
        state, since = job.states()
        began = self._clock()
        logits = self._model.extend(row, fed, start, range(count), state, since)
        now = self._clock()
        self._costs.observe(count, now - began)
        likeliest = logits.argmax(axis=1).tolist()
        right = 0
        end: Finish | EngineError | None = None
        while True:
            if len(job.tokens) == start + right + 1:
                try:
                    reason = self._take_token(job, logits[right], likeliest[right], now)
                    end = job.finish(reason, now) if reason else None
                except EngineError as error:
                    end = error
            if end or right == len(draft) or job.tokens[start + right + 1] != draft[right]:
                break
            right += 1
        self._computed(row, job, 1 + right)
        job.drafted += len(draft)
        job.accepted += right
        self.counts["drafted_tokens"] += len(draft)
        self.counts["accepted_tokens"] += right
        assert job.pace is not None
        job.pace.note(len(draft), right, plain)
        if end:
            self._leave(row, end)

    def _decode(self) -> None:
        if all(job.prefilling for job in self._running):
            return  # prompts go on in larger pieces
        while not self.kv.make_room(self._lacking()):
            self._send_back(self._last())
        jobs, rows = self._running, range(len(self._running))
        tokens = [job.tokens[job.computed] for job in jobs]
        lengths = [job.computed for job in jobs]
        states: list[State] = [() if job.computed < job.since else job.state for job in jobs]
        plain, began = self._plain(), self._clock()
        logits = self._model.decode(tokens, lengths, states)
        self._note_step(len(jobs), self._clock() - began)
        for row, job in enumerate(jobs):
            if job.in_pieces:
                continue  # it has only kept a row company
            self._computed(row, job, 1)
            if job.pace is not None:
                job.pace.note(0, 0, plain)
        # a row in the middle of its prompt, or of what its grammar forces, has taken part, but has
        # no next token yet
        ready = [row for row in rows if not jobs[row].left]
        self._advance(ready, logits if len(ready) == len(tokens) else logits[ready])

    def _note_step(self, rows: int, seconds: float) -> None:
        self.counts["steps"] += 1
        before = self._step_seconds.get(rows, seconds)
        self._step_seconds[rows] = 0.9 * before + 0.1 * seconds
        if rows == 1:
            self._costs.observe(1, seconds)

    def _lacking(self) -> int:
        """Blocks that one more token of every running call takes."""
        return sum(self.kv.lacking(row, 1) for row in range(len(self._running)))

    def _advance(self, rows: Sequence[int], logits: Logits) -> None:
        """Choose the next token of each row from its line of `logits`,
        and let finished calls leave.
        """
        now = self._clock()
        likeliest = logits.argmax(axis=1).tolist()
        ended: list[tuple[int, Finish | EngineError]] = []
        choosing: list[tuple[Job, Choice, Logits]] = []
        for line, row in enumerate(rows):
            job = self._running[row]
            try:
                if isinstance(job.call.constraint, Choice):
                    # passes for its options may move rows and overwrite logits
                    choosing.append((job, job.call.constraint, logits[line].copy()))
                elif reason := self._take_token(job, logits[line], likeliest[line], now):
                    ended.append((row, job.finish(reason, now)))
            except EngineError as error:
                ended.append((row, error))
        for row, end in reversed(ended):
            self._leave(row, end)
        for job, constraint, after in choosing:
            # one that gave way to another is no longer there
            if job in self._running:
                self._choose(job, constraint, after)

    def _take_token(self, job: Job, logits: Logits, likeliest: int, now: float) -> str | None:
        """Choose one token, and take those that must follow; returns why the call is over, or None."""
        if job.generated == job.call.sampling.max_tokens:
            return "length"  # only the prompt's log-probabilities were asked
        position = job.call.position + job.generated
        allowed, matcher = None, job.matcher
        greedy = job.sampler.plain_greedy and math.isfinite(logits[likeliest])
        if matcher is not None:
            mask = matcher.mask()
            if matcher.ended:
                return "stop"
            greedy = greedy and bool(mask[likeliest])
            allowed = None if greedy else np.flatnonzero(mask)
        token = likeliest if greedy else job.sampler.choose(logits, position, allowed)
        if matcher is None:
            ended = token in job.stop
        else:
            if not matcher.consume(token) and token not in job.stop:
                # the caller has not asked for the tokenizer's end token
                return "stop"
            ended = matcher.ended
        job.take(token)
        ended = job.stopped(token) or ended
        if job.call.logprobs:
            scores = log_probabilities(logits)
            job.undelivered_logprobs.append(float(scores[token]))
            if count := job.call.top_logprobs:
                job.undelivered_top.append(top(scores, count))
        elif matcher is not None and not ended:
            # a log-probability needs the logits before each token
            ended = job.take_forced(matcher)
        if now - job.delivered_at >= DELIVERY_S:
            job.deliver(now)
        if ended:
            return "stop"
        return "length" if job.generated == job.call.sampling.max_tokens else None

    def _choose(self, job: Job, constraint: Choice, logits: Logits) -> None:
        """Score all options on the call's row, one after the other, and end the call; where others
        need the memory more, it waits again."""
        scorer, start = ChoiceScorer(constraint), len(job.call.prompt)
        if not self._make_room(job, job.at_once):
            return
        row = self._running.index(job)
        end: Finish | EngineError
        try:
            scorer.note((), logits)
            for feed, path in scorer.feeds():
                length = start + feed.kept
                self.kv.truncate(row, length)
                found = self._model.extend(
                    row, feed.ids, length, range(len(feed.ids)), job.state, 0
                )
                self.kv.append(row, job.symbols_of(feed.ids))
                self._waiting.serve(job, len(feed.ids), 0)
                self.counts["computed_tokens"] += len(feed.ids)
                for line, after in enumerate(found):
                    scorer.note(path[: feed.kept + line + 1], after)
            probabilities = scorer.probabilities()
            option = choose(probabilities, job.call.sampling)
            job.undelivered += constraint.options[option]
            job.generated = len(job.undelivered)
            if job.call.logprobs:
                job.undelivered_logprobs += scorer.logprobs(option)
            end = job.finish("stop", self._clock(), option, probabilities)
        except EngineError as error:
            end = error
        self.kv.truncate(row, start)
        self._leave(row, end)

    def _leave(self, row: int, end: Finish | EngineError) -> None:
        """End a running call and free its row."""
        job = self._release(row)
        if job.undelivered:
            job.deliver(self._clock())
        self._end(job, end)

    def _release(self, row: int) -> Job:
        """Free a running call's row; the last one takes its place."""
        job = self._running[row]
        release = self.kv.release(row)
        self._running[row] = self._running[release.moved]
        self._running.pop()
        self._move(release.moves)
        return job

    def _end(self, job: Job, end: Finish | EngineError) -> None:
        del self._jobs[job.channel]
        self._waiting.end(job)
        self.counts["failed" if isinstance(end, EngineError) else end.reason] += 1
        self.counts["generated_tokens"] += job.generated
        job.channel.end(end)

    def _move(self, moves: Sequence[Move]) -> None:
        for move in moves:
            match move:
                case Copy(source, target, count):
                    self._model.copy(source, target, count)
                case Load(page, row, start, count):
                    self._model.load(page, row, start, count)
                case Store(row, start, page, count):
                    self._model.store(row, start, page, count)


def _blocks(job: Job) -> int:
    """Of the job's text so far, and of what its next step takes."""
    return blocks_of(len(job.tokens) + max(1, job.at_once))
