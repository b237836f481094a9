"""What a call is in the worker's terms, and which calls it has no exact terms for.

Knows calls and the artefact's adapters; never the library or the worker.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    Grammar,
    JsonSchema,
    Mix,
    Regex,
)
from smysl_engines.choice import OptionTree
from smysl_engines.job import Job
from smysl_engines.tensorrt_llm.artefact import TensorRTArtefact
from smysl_engines.tensorrt_llm.ebnf import Rules
from smysl_engines.tensorrt_llm.frames import Adapter, Generate, Ready, Score
from smysl_engines.tensorrt_llm.prefixes import SharedPrefixes
from smysl_engines.tensorrt_llm.regex_grammar import of_regex
from smysl_engines.tensorrt_llm.schema_grammar import of_schema
from smysl_engines.tensorrt_llm.spelling import Spelling

TOP_K = 1024
"""The most that TensorRT-LLM's kernels sort."""


class Requests:
    """Of one engine. `check` may be called from any thread; `make` from one."""

    def __init__(
        self,
        artefact: TensorRTArtefact,
        folders: Mapping[str, Path],
        salt: str | None,
        spelling: Spelling,
    ) -> None:
        """`folders`: of the adapters that calls may choose. `salt`: keeps what one trust domain's
        prompts leave behind from another's."""
        self._model = artefact.model
        self._context = artefact.context
        self._spelling = spelling
        self._salt = salt
        self._prefixes = SharedPrefixes()
        self._adapters = {
            name: Adapter(name, found.int_id, str(folder))
            for name, folder in folders.items()
            if (found := artefact.adapter(name)) is not None
        }

    def check(self, call: Call) -> None:
        """Raises `BadCall` for what TensorRT-LLM cannot do exactly, with the way round."""
        if isinstance(call.adapter, Mix):
            raise BadCall(
                f"Mix of {len(call.adapter.parts)} adapters: TensorRT-LLM applies one adapter to a "
                f"call. Name one, or build {self._model!r} with the mix merged."
            )
        if call.adapter is not None and call.activation:
            raise BadCall(
                f"activation is {call.activation}: under TensorRT-LLM an adapter holds for the whole "
                "prompt. Leave activation None, or use an ONNX engine for activated adapters."
            )
        sampling = call.sampling
        if sampling.temperature and sampling.top_k > TOP_K:
            raise BadCall(
                f"top_k is {sampling.top_k}; TensorRT-LLM takes up to {TOP_K}. Use 0 for all tokens"
            )
        if sampling.logit_bias and sampling.repetition_penalty != 1:
            raise BadCall(
                f"logit_bias with repetition_penalty {sampling.repetition_penalty}: TensorRT-LLM "
                "applies the penalty to biased logits, not the other way round. Leave one of them out."
            )
        if isinstance(call.constraint, Grammar):
            raise BadCall(
                "Grammar is in llguidance's dialect of Lark, and TensorRT-LLM's grammars are not. Use "
                "Regex, JsonSchema or Choice, or an ONNX engine."
            )
        _grammar(call)

    def make(self, job: Job, ready: Ready) -> Generate | Score:
        """Raises `BadCall` for what the loaded engine has not got."""
        call = job.call
        name = call.adapter if isinstance(call.adapter, str) else None
        adapter = None if name is None else self._adapters[name]
        shared = self._prefixes.note(call.prompt, name)
        if isinstance(call.constraint, Choice):
            places = OptionTree(call.constraint).wanted.items()
            return Score(
                id=job.number,
                prompt=call.prompt,
                wanted=tuple((path, tuple(sorted(tokens))) for path, tokens in places),
                adapter=adapter,
                salt=self._salt,
                shared=shared,
            )
        if call.echo and not ready.context_logits:
            raise BadCall(
                f"echo: engine {self._model!r} was compiled without gather_context_logits, which takes memory "
                "for the logits of a whole pass. Build it with --artefact checkpoint, or ask without echo."
            )
        rules = self._rules(call)
        if rules is not None and ready.end_id is None:
            raise BadCall(
                f"{type(call.constraint).__name__}: engine {self._model!r} has no tokenizer that names "
                "an end token, which TensorRT-LLM's grammars end with. Build it from a checkpoint whose "
                "tokenizer_config.json has eos_token."
            )
        salt = self._salt
        if call.echo and salt is not None:
            # where the library has a beginning's keys and values already, it need not give its logits
            salt = f"{salt}, call {job.number}"
        sampling = call.sampling
        guided = rules is not None
        return Generate(
            id=job.number,
            prompt=call.prompt,
            # one more for the end token of a grammar, which is no part of the output
            max_tokens=min(sampling.max_tokens + guided, self._context - len(call.prompt)),
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            repetition_penalty=sampling.repetition_penalty,
            seed=seed_at(sampling.seed, call.position),
            bias=sampling.logit_bias,
            allowed=call.constraint.ids if isinstance(call.constraint, AllowedTokens) else None,
            # a grammar has the end token alone: others may be text to it
            stop=() if guided else sampling.stop,
            grammar=None if rules is None else rules.text(),
            logprobs=call.top_logprobs if call.logprobs else None,
            echo=call.top_logprobs if call.echo else None,
            adapter=adapter,
            salt=salt,
            shared=shared,
        )

    def _rules(self, call: Call) -> Rules | None:
        """What the output must still be."""
        rules = _grammar(call)
        if rules is None or not call.position:
            return rules
        # the library's grammars begin with the request: this one with what is left of it
        left = rules.after(self._spelling.text(call.prompt[-call.position :]))
        if left is None:
            raise BadCall(
                f"position is {call.position}, but the prompt's last {call.position} tokens are no output "
                f"of {type(call.constraint).__name__}. Go on with what the same constraint gave."
            )
        return left


def _grammar(call: Call) -> Rules | None:
    """None for a call without one. Raises `BadCall`."""
    match call.constraint:
        case Regex(pattern):
            return of_regex(pattern)
        case JsonSchema(schema):
            return of_schema(schema)
    return None


def seed_at(seed: int, position: int) -> int:
    """The library's random numbers begin with the request, so an output that goes on draws others than
    it would have drawn; the same ones every time it goes on there."""
    if position == 0:
        return seed
    mixed = hashlib.blake2b(msgspec.msgpack.encode((seed, position)), digest_size=8).digest()
    return int.from_bytes(mixed)
