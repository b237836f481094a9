"""What a request to each flavour of server says.

Knows their fields; never sends one, and never reads a reply. smysl chooses a token by penalty, bias, constraint,
temperature, top-k, top-p, min-p, in this order; servers are told so where they can be.
"""

import hashlib
import math
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    Constraint,
    Grammar,
    JsonSchema,
    Mix,
    Regex,
    Sampling,
)
from smysl_engines.openai.abilities import Abilities
from smysl_engines.openai.conversation import Conversation

FEW_BIASES = 300
"""OpenAI's limit for `logit_bias`; its values end at 100, which forbids or forces in practice."""
MOST_BIAS = 100.0
_FORCED = 1e6


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One request for tokens that follow a prompt."""

    prompt: Sequence[int] | str | Conversation
    tokens: int
    """At most."""
    sampling: Sampling
    seed: int
    """Of this request."""
    top: int = 0
    """Likeliest tokens at each place that are to be told; 0 asks for no log-probabilities."""
    allowed: Collection[int] | None = None
    """Nothing else may come."""
    vocabulary: int
    adapter: str | Mix | None = None
    guided: dict[str, Any] = {}
    """Fields of `guided_fields`."""
    stop: Sequence[str] = ()
    """Texts of tokens that end the call, for servers that do not know ids."""


class Request(msgspec.Struct, frozen=True):
    path: str
    body: dict[str, Any]


def request(abilities: Abilities, round: Round, *, stream: bool = True) -> Request:
    match abilities.flavour:
        case "llama.cpp":
            return Request("/completion", _llama(abilities, round) | {"stream": stream})
        case "vllm":
            body = _vllm(abilities, round)
        case "openai":
            body = _openai(abilities, round)
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    chats = isinstance(round.prompt, Conversation)
    return Request("/v1/chat/completions" if chats else "/v1/completions", body)


def seed_of(call: Call, position: int) -> int:
    """Of a request that begins at this place of the output: what is asked again from the same place comes out
    the same, where the server keeps to seeds. 31 bits, which every server takes."""
    said = f"{call.sampling.seed}/{call.position + position}".encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=4).digest(), "little") >> 1


def _llama(abilities: Abilities, round: Round) -> dict[str, Any]:
    sampling = round.sampling
    assert not isinstance(round.prompt, Conversation)
    samplers = ["penalties"] if sampling.repetition_penalty != 1 else []
    body: dict[str, Any] = {
        "prompt": round.prompt,
        "n_predict": round.tokens,
        "cache_prompt": True,
        "return_tokens": True,
        # else how much of the prompt was cached is told at the end alone, for which a stop does not wait
        "timings_per_token": True,
        "seed": round.seed,
        "temperature": sampling.temperature,
    }
    if samplers:
        # of the whole text, not of its end alone
        body |= {
            "repeat_penalty": sampling.repetition_penalty,
            "repeat_last_n": len(round.prompt) + round.tokens,
        }
    if sampling.temperature == 0:
        body |= {"samplers": [*samplers, "top_k"], "top_k": 1}
    else:
        body |= {
            "samplers": [*samplers, "temperature", "top_k", "top_p", "min_p"],
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
        }
    biases: dict[int, float | bool] = {
        token: False if bias == -math.inf else bias for token, bias in sampling.logit_bias
    }
    if round.allowed is not None:
        if len(round.allowed) == 1:
            # forcing is shorter than forbidding all others
            (token,) = round.allowed
            biases[token] = _FORCED
        else:
            allowed = frozenset(round.allowed)
            biases |= {token: False for token in range(round.vocabulary) if token not in allowed}
    if biases:
        body["logit_bias"] = [list(pair) for pair in biases.items()]
    if round.top:
        body["n_probs"] = round.top
    if abilities.adapters:
        # all of them: one that is not named keeps the scale the server began with
        weights = dict(_weights(round.adapter))
        body["lora"] = [
            {"id": id, "scale": weights.get(name, 0.0)} for name, id in abilities.adapters.items()
        ]
    return body


def _vllm(abilities: Abilities, round: Round) -> dict[str, Any]:
    sampling = round.sampling
    body = _openai(abilities, round) | {
        "ignore_eos": not round.guided,
        "stop_token_ids": list(sampling.stop),
        "skip_special_tokens": False,
        "add_special_tokens": False,
        "return_token_ids": True,
        "return_tokens_as_token_ids": True,
    }
    if round.allowed is not None:
        body["allowed_token_ids"] = sorted(round.allowed)
        body.pop("logit_bias", None)
        if biases := _capped(sampling.logit_bias):
            body["logit_bias"] = biases
    return body


def _openai(abilities: Abilities, round: Round) -> dict[str, Any]:
    sampling = round.sampling
    model: str | int = abilities.model
    for name, _ in _weights(round.adapter):
        model = abilities.adapters[name]
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": round.tokens,
        "temperature": sampling.temperature,
    }
    if isinstance(round.prompt, Conversation):
        body["messages"] = msgspec.to_builtins(round.prompt.messages)
        if not round.prompt.thinking:
            body["chat_template_kwargs"] = {"enable_thinking": False}
    else:
        body["prompt"] = round.prompt
    if sampling.temperature:
        body |= {"top_p": sampling.top_p, "seed": round.seed}
        # no fields of OpenAI's; servers that have them take these names
        body |= {"top_k": sampling.top_k} if sampling.top_k else {}
        body |= {"min_p": sampling.min_p} if sampling.min_p else {}
    if sampling.repetition_penalty != 1:
        body["repetition_penalty"] = sampling.repetition_penalty
    biases = _capped(sampling.logit_bias)
    if round.allowed is not None:
        biases |= dict.fromkeys(map(str, round.allowed), MOST_BIAS)
    if biases:
        body["logit_bias"] = biases
    if round.top:
        chats = isinstance(round.prompt, Conversation)
        body |= {"logprobs": True, "top_logprobs": round.top} if chats else {"logprobs": round.top}
    if round.stop:
        body["stop"] = list(round.stop)
    return body | round.guided


def _capped(biases: Sequence[tuple[int, float]]) -> dict[str, float]:
    return {str(token): max(-MOST_BIAS, min(MOST_BIAS, bias)) for token, bias in biases}


def _weights(adapter: str | Mix | None) -> tuple[tuple[str, float], ...]:
    match adapter:
        case None:
            return ()
        case Mix(parts):
            return parts
        case name:
            return ((name, 1.0),)


def guided_fields(abilities: Abilities, constraint: Constraint) -> dict[str, Any]:
    """What holds the output to a form at the server. Raises `BadCall` for what it cannot do."""
    match abilities.guided, constraint:
        case "structured_outputs", JsonSchema(schema):
            return {"structured_outputs": {"json": msgspec.json.decode(schema)}}
        case "structured_outputs", Regex(pattern):
            return {"structured_outputs": {"regex": pattern}}
        case "structured_outputs", Grammar(lark):
            return {"structured_outputs": {"grammar": lark}}
        case "guided", JsonSchema(schema):
            return {"guided_json": msgspec.json.decode(schema)}
        case "guided", Regex(pattern):
            return {"guided_regex": pattern}
        case "guided", Grammar(lark):
            return {"guided_grammar": lark}
        case "response_format", JsonSchema(schema):
            form = {"name": "output", "strict": True, "schema": msgspec.json.decode(schema)}
            return {"response_format": {"type": "json_schema", "json_schema": form}}
    raise BadCall(
        f"the server of {abilities.model!r} cannot hold an output to a {type(constraint).__name__}. Leave the "
        "constraint out, or serve the model with llama.cpp or vLLM"
    )


def check_supported(call: Call, abilities: Abilities) -> None:
    """Raise `BadCall` for what this server cannot do."""
    where = f"the server of {abilities.model!r} ({abilities.flavour})"
    if call.echo and abilities.flavour != "vllm":
        raise BadCall(f"{where} does not tell the log-probabilities of a prompt (echo). vLLM does")
    if call.top_logprobs > abilities.logprobs:
        raise BadCall(
            f"top_logprobs is {call.top_logprobs}; {where} tells {abilities.logprobs} at most"
        )
    if call.activation is not None:
        raise BadCall(
            f"activation is {call.activation}; {where} applies an adapter to the whole prompt. Leave it None"
        )
    if isinstance(call.adapter, Mix) and abilities.flavour != "llama.cpp":
        if len(call.adapter.parts) != 1 or call.adapter.parts[0][1] != 1:
            raise BadCall(f"{where} cannot mix adapters; name one, or merge them before serving")
    if abilities.exact:
        return
    match call.constraint:
        case AllowedTokens(ids):
            if len(ids) > FEW_BIASES or not abilities.token_prompts:
                raise BadCall(
                    f"{where} cannot limit an output to {len(ids)} tokens: it takes {FEW_BIASES} biases, and "
                    "token ids must be known to it. Serve the model with llama.cpp or vLLM"
                )
        case Choice():
            if not abilities.logprobs:
                raise BadCall(
                    f"{where} tells no log-probabilities, by which the options of a Choice are scored. Serve the "
                    "model with llama.cpp or vLLM"
                )
        case Regex() | JsonSchema() | Grammar():
            guided_fields(abilities, call.constraint)
