"""Finds out what a server can do, by asking it.

Knows the questions and what their answers mean; asks a handful of tiny ones and changes nothing there.
"""

import re
from pathlib import PurePath
from typing import Any

import msgspec

from smysl_engines.base import EngineError, Sampling
from smysl_engines.openai.abilities import Abilities, Guided
from smysl_engines.openai.connection import Connection, decoded
from smysl_engines.openai.conversation import Conversation, Message
from smysl_engines.openai.errors import ServerBroke, ServerRefused, ServerUnfit
from smysl_engines.openai.replies import choices, piece
from smysl_engines.openai.requests import Round, request
from smysl_engines.openai.settings import ServerSettings
from smysl_engines.openai.texts import Words

VLLM_LOGPROBS = 20
"""vLLM's `--max-logprobs`, unless its operator says otherwise."""
OPENAI_LOGPROBS = (20, 5)
"""What servers like OpenAI's are asked for, and OpenAI itself gives."""
_GREETING = "Hello"


class _Meta(msgspec.Struct):
    n_vocab: int | None = None
    n_ctx_train: int | None = None
    n_embd: int | None = None
    n_params: int | None = None
    size: int | None = None


class _Model(msgspec.Struct):
    id: str
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = None
    meta: _Meta | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


class _Generation(msgspec.Struct):
    n_ctx: int | None = None


class _Props(msgspec.Struct):
    default_generation_settings: _Generation
    total_slots: int
    build_info: str = ""
    model_path: str = ""
    model_ftype: str = ""


class _Version(msgspec.Struct):
    version: str


class _Adapter(msgspec.Struct):
    id: int
    path: str


async def probe(connection: Connection, settings: ServerSettings, words: Words) -> Abilities:
    """Raises `ServerFailed`; `ServerUnfit` names what is missing."""
    root = settings.root
    models = decoded(root, await connection.get("/v1/models"), _Models).data
    model = _chosen(root, models, settings.model)
    if (props := await _asked(connection, "/props", _Props)) is not None:
        found = await _llama(connection, model, props)
    elif (version := await _asked(connection, "/version", _Version)) is not None:
        found = _vllm(models, model, version.version)
    else:
        found = Abilities(
            flavour="openai",
            model=model.id,
            identity=model.root or "",
            context=model.max_model_len,
        )
    if found.vocabulary is not None and found.vocabulary < words.vocabulary:
        raise ServerUnfit(
            f"{root} serves {model.id!r} with {found.vocabulary} tokens, but {words.file} has "
            f"{words.vocabulary}. Name the tokenizer of the model that the server runs"
        )
    if found.flavour == "openai" and await _asked(connection, "/api/version", _Version):
        # Ollama's completions put the template around a prompt, too
        return await _chatting(connection, root, found, words)
    return await _tried(connection, root, found, words)


def _chosen(root: str, models: list[_Model], name: str | None) -> _Model:
    # vLLM lists adapters as models that have a parent
    bases = [one for one in models if one.parent is None] or models
    fitting = [one for one in bases if name is None or one.id == name]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(one.id for one in bases[:20]) or "none"
    if name is None:
        raise ServerUnfit(
            f"{root} serves {len(bases)} models: {there}. Name one: `name` under [openai]"
        )
    raise ServerUnfit(
        f"{root} serves no model {name!r}; it has: {there}. Correct `name` under [openai]"
    )


async def _asked(connection: Connection, path: str, type: type[Any]) -> Any:
    """None from a server that has no such page, or shows something else there."""
    try:
        return msgspec.json.decode(await connection.get(path), type=type)
    except (ServerRefused, msgspec.MsgspecError, UnicodeDecodeError):
        return None


async def _llama(connection: Connection, model: _Model, props: _Props) -> Abilities:
    meta = model.meta or _Meta()
    adapters = await _asked(connection, "/lora-adapters", list[_Adapter]) or []
    return Abilities(
        flavour="llama.cpp",
        model=model.id,
        identity=f"{PurePath(props.model_path).name} {props.model_ftype} {meta.n_params} {meta.size}",
        precision=props.model_ftype or "as served",
        version=props.build_info,
        context=props.default_generation_settings.n_ctx,
        vocabulary=meta.n_vocab,
        slots=props.total_slots,
        chat=True,
        logprobs=meta.n_vocab or 100,
        adapters={PurePath(one.path).stem: one.id for one in adapters},
    )


def _vllm(models: list[_Model], model: _Model, version: str) -> Abilities:
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    guided: Guided = "structured_outputs" if numbers >= (0, 11) else "guided"
    return Abilities(
        flavour="vllm",
        model=model.id,
        identity=model.root or "",
        version=version,
        context=model.max_model_len,
        chat=True,
        logprobs=VLLM_LOGPROBS,
        guided=guided,
        adapters={
            one.id: one.id for one in models if one.parent is not None and one.id != model.id
        },
    )


async def _tried(connection: Connection, root: str, found: Abilities, words: Words) -> Abilities:
    """What tiny completions show."""
    ids = words.ids(_GREETING)
    looks = [1] if found.logprobs else OPENAI_LOGPROBS
    prompts: tuple[list[int] | str, ...] = (ids, _GREETING)
    tries = [(prompt, top) for prompt in prompts for top in looks] + [(_GREETING, 0)]
    refusal: ServerRefused | None = None
    for prompt, top in tries:
        asked = request(
            found,
            Round(
                prompt=prompt,
                tokens=1,
                sampling=Sampling(max_tokens=1),
                seed=0,
                top=top,
                vocabulary=words.vocabulary,
            ),
            stream=False,
        )
        try:
            data = await connection.post(asked.path, asked.body)
            said = piece(root, found.flavour, data)
        except ServerRefused as error:
            refusal = error
            continue
        by_ids = not isinstance(prompt, str)
        if by_ids and not _read_as_one(root, found, data, said.prompt_tokens, len(ids)):
            continue
        named = said.ids is not None or any(words.id_of(token) is not None for token in said.tokens)
        return msgspec.structs.replace(
            found,
            token_prompts=by_ids,
            token_ids=said.ids is not None or (named and found.flavour == "vllm"),
            logprobs=(found.logprobs or top) if said.logprobs else 0,
            guided=found.guided or "response_format",
            n=found.flavour != "openai" or await _several(connection, root, asked.body),
        )
    assert refusal is not None
    if refusal.status in (404, 405, 501):
        return await _chatting(connection, root, found, words)
    raise refusal


async def _chatting(connection: Connection, root: str, found: Abilities, words: Words) -> Abilities:
    """Of a server that puts the model's template around what it is sent."""
    try:
        words.require_template()
    except EngineError as error:
        raise ServerUnfit(f"{root} only chats. {error}") from error
    greeting = Conversation((Message("user", _GREETING),))
    refusal: ServerRefused | None = None
    for top in (*OPENAI_LOGPROBS, 0):
        asked = request(
            found,
            Round(
                prompt=greeting,
                tokens=1,
                sampling=Sampling(max_tokens=1),
                seed=0,
                top=top,
                vocabulary=words.vocabulary,
            ),
            stream=False,
        )
        try:
            said = piece(root, found.flavour, await connection.post(asked.path, asked.body))
        except ServerRefused as error:
            refusal = error
            continue
        return msgspec.structs.replace(
            found,
            completions=False,
            chat=True,
            logprobs=top if said.logprobs else 0,
            guided="response_format",
        )
    assert refusal is not None
    if refusal.status in (404, 405, 501):
        raise ServerUnfit(
            f"{root} has neither /v1/completions nor /v1/chat/completions. Check its address"
        )
    raise refusal


def _read_as_one(
    root: str, found: Abilities, data: bytes, prompt_tokens: int | None, count: int
) -> bool:
    """Some servers take a list of numbers for a list of prompts."""
    if found.flavour == "llama.cpp":
        return True
    return choices(root, data) == 1 and prompt_tokens in (None, count)


async def _several(connection: Connection, root: str, body: dict[str, Any]) -> bool:
    try:
        data = await connection.post("/v1/completions", body | {"n": 2, "temperature": 1.0})
        return choices(root, data) == 2
    except (ServerRefused, ServerBroke):
        return False
