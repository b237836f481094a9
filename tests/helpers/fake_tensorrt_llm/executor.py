"""The thread that computes: every request one token a turn, those that came first first.

Knows the model and sampling numbers; never the classes a caller makes them with.
"""

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fake_tensorrt_llm.classes import is_greedy
from fake_tensorrt_llm.grammar import Guide
from fake_tensorrt_llm.model import FakeModel, Text, Weights
from fake_tensorrt_llm.results import Logprob, RequestOutput, Step
from fake_tensorrt_llm.tensors import Tensor

Row = npt.NDArray[np.float32]

FAULT_VARIABLE = "SMYSL_FAKE_FAULT"
"""`deaf` ignores aborts; `slow` takes 50 ms a turn; `nan` computes no numbers; `dead` ends at the first
request without a word, as the library's own process may."""


class Request:
    """What the executor needs of one, in plain numbers."""

    def __init__(self, output: RequestOutput, sampling: Any, *, streaming: bool) -> None:
        self.output = output
        self.sampling = sampling
        self.streaming = streaming
        self.lora = 0
        self.weights: Weights | None = None
        self.salt: str | None = None
        self.guide: Guide | None = None
        self.end_id = -1
        self.end_included = False
        """The end token is in the output of one kind of executor, and not of the other."""
        self.text: Text | None = None
        self.cached = 0
        self.logits: Row = np.empty(0, np.float32)
        self.ids: list[int] = []
        self.logprobs: list[dict[int, Logprob]] = []
        self.generation: list[Row] = []
        self.context: Tensor | None = None
        self.random = np.random.default_rng(sampling.seed or 0)
        self.aborted = False


class Executor:
    def __init__(self, model: FakeModel, most: int, note: Callable[[], None]) -> None:
        """`most`: requests that run at once. `note` is told of every turn."""
        self._model = model
        self._most = most
        self._note = note
        self._changed = threading.Condition()
        self._waiting: list[Request] = []
        self.running: list[Request] = []
        self._closed = False
        self.turns = 0
        self._faults = os.environ.get(FAULT_VARIABLE, "").split(",")
        self._thread = threading.Thread(target=self._run, name="fake executor", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, request: Request) -> None:
        with self._changed:
            self._waiting.append(request)
            self._changed.notify()

    def abort(self, id: int) -> None:
        if "deaf" in self._faults:
            return
        with self._changed:
            for request in [*self._waiting, *self.running]:
                if request.output.request_id == id:
                    request.aborted = True

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._waiting and not self.running:
                    self._changed.wait()
                if self._closed:
                    return
                if "dead" in self._faults:
                    return
                room = self._most - len(self.running)
                self.running += self._waiting[:room]
                del self._waiting[:room]
            for request in list(self.running):
                try:
                    over = self._turn(request)
                except Exception as error:
                    step = Step([], [])
                    step.error = f"{type(error).__name__}: {error}"
                    request.output.put(step)
                    over = True
                if over:
                    self.running.remove(request)
            self.turns += 1
            self._note()
            if "slow" in self._faults:
                time.sleep(0.05)

    def _turn(self, request: Request) -> bool:
        """One token; returns whether the request is over."""
        step = Step([], [])
        if request.aborted:
            step.finish_reason = "cancelled"
            self._send(request, step)
            return True
        if request.text is None:
            self._begin(request)
        raw = request.logits
        token = _choose(request, raw)
        if request.guide is not None:
            request.guide.consume(token)
        ended = token == request.end_id
        shown = not ended or request.end_included
        request.ids.append(token)
        if shown:
            step.ids = [token]
            if request.sampling.logprobs is not None:
                step.logprobs = [_logprobs(raw, token, request.sampling.logprobs)]
            if request.sampling.return_generation_logits:
                request.generation.append(raw)
        stops = request.sampling.stop_token_ids or []
        if ended:
            step.finish_reason = "stop"
        elif token in stops:
            step.finish_reason, step.stop_reason = "stop", token
            step.drop = 0 if request.sampling.include_stop_str_in_output else 1
        elif len(request.ids) >= request.sampling.max_tokens:
            step.finish_reason = "length"
        self._send(request, step)
        if step.finish_reason is None:
            assert request.weights is not None and request.text is not None
            request.logits = self._numbers(request.weights.read(request.text, [token])[-1])
            return False
        assert request.text is not None
        self._model.keep(request.lora, request.salt, request.text)
        return True

    def _begin(self, request: Request) -> None:
        weights = request.weights
        assert weights is not None
        prompt = request.output.prompt_token_ids
        # logits of the whole prompt cannot come from kept keys and values
        whole = request.sampling.return_context_logits
        request.text = weights.text()
        if not whole:
            request.text = self._model.begin(request.lora, request.salt, prompt, request.text)
        request.cached = len(request.text.tokens)
        logits = weights.read(request.text, prompt[request.cached :])
        request.context = Tensor(logits) if whole else None
        request.logits = self._numbers(logits[-1])
        # others may begin so already
        self._model.keep(
            request.lora, request.salt, request.text.beginning(len(request.text.tokens))
        )

    def _numbers(self, row: Row) -> Row:
        return row * np.float32(math.nan) if "nan" in self._faults else row

    def _send(self, request: Request, step: Step) -> None:
        if not request.streaming:
            # only the end is told, with everything
            if step.finish_reason is None:
                request.logprobs += step.logprobs
                return
            step.logprobs = request.logprobs + step.logprobs
            step.ids = [t for t in request.ids if t != request.end_id or request.end_included]
        step.cached_tokens = request.cached
        step.context_logits = request.context
        if request.generation:
            step.generation_logits = Tensor(np.stack(request.generation))
        request.output.put(step)


def _choose(request: Request, raw: Row) -> int:
    """Bias, grammar, temperature, then the penalty: the order of the engine's kernels."""
    sampling = request.sampling
    row = raw.astype(np.float64)
    if sampling.embedding_bias is not None:
        row = row + np.asarray(sampling.embedding_bias, np.float64)
    if request.guide is not None:
        row = np.where(request.guide.mask(), row, -np.inf)
    if sampling.repetition_penalty is not None:
        held = np.unique([*request.output.prompt_token_ids, *request.ids])
        found, penalty = row[held], sampling.repetition_penalty
        row[held] = np.where(found > 0, found / penalty, found * penalty)
    if is_greedy(sampling):
        return int(row.argmax())
    row = (row - row.max()) / (sampling.temperature or 1.0)
    if sampling.top_k:
        row[row < np.sort(row)[-sampling.top_k]] = -np.inf
    chances = np.exp(row)
    chances /= chances.sum()
    if sampling.top_p is not None and sampling.top_p < 1:
        falling = np.argsort(-chances, kind="stable")
        kept = int(np.searchsorted(np.cumsum(chances[falling]), sampling.top_p)) + 1
        chances[falling[kept:]] = 0
    if sampling.min_p:
        chances[chances < sampling.min_p * chances.max()] = 0
    at = request.random.random() * chances.sum()
    return int(min(np.searchsorted(np.cumsum(chances), at, side="right"), len(chances) - 1))


def _logprobs(raw: Row, token: int, count: int) -> dict[int, Logprob]:
    """Of the likeliest and of the chosen one."""
    row = raw.astype(np.float64)
    row -= row.max()
    row -= math.log(np.exp(row).sum())
    likely = np.argsort(-row, kind="stable")[:count].tolist()
    found = {int(each): Logprob(float(row[each]), rank + 1) for rank, each in enumerate(likely)}
    return found | {token: Logprob(float(row[token]), None)} if token not in found else found
