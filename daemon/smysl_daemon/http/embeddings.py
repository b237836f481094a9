"""`/v1/embeddings`: texts as vectors.

Knows its JSON, and the engine's one call for it.
"""

import asyncio
import base64
import struct
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from smysl_daemon.http.bodies import json_body
from smysl_daemon.http.completions import is_ids
from smysl_daemon.http.facade import Facade
from smysl_daemon.http.failures import refused
from smysl_daemon.http.fields import checked, fields
from smysl_daemon.http.following import Following
from smysl_daemon.http.generating import Generator
from smysl_daemon.http.responding import JsonResponse, unless_gone

TEXTS_LIMIT = 2048


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    input: str | list[Any]
    """A text, token ids, or a list of either."""
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


FIELDS = fields(EmbeddingRequest, ("user",))


async def embeddings(facade: Facade, request: Request) -> ASGIApp:
    body = await json_body(request.headers, request.stream())
    asked = checked(body, FIELDS, EmbeddingRequest)
    known = await facade.catalogue()
    named = known.find(asked.model)
    if named.kind != "model" or known.generator is None:
        models = ", ".join(one.id for one in known if one.kind == "model") or "none"
        raise refused(
            f"{named.id} gives no embeddings; models that do: {models}",
            "model",
            "model_no_embeddings",
        )
    generator = known.generator
    prompts = await asyncio.to_thread(_read, generator, asked.input)
    facade.house.admit()
    following = Following(facade.house, _Unstoppable(), [_vectors(generator, prompts)])
    vectors = await unless_gone(request.receive, _first(following))
    width = len(vectors[0])
    if asked.dimensions not in (None, width):
        raise refused(
            f"dimensions is {asked.dimensions}; {named.id} gives vectors of {width} numbers and cuts "
            "none. Leave it out.",
            "dimensions",
        )
    data = [
        {"object": "embedding", "index": number, "embedding": _shown(one, asked.encoding_format)}
        for number, one in enumerate(vectors)
    ]
    tokens = sum(map(len, prompts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JsonResponse({"object": "list", "data": data, "model": asked.model, "usage": usage})


class _Unstoppable:
    """One pass of the model, which comes to its end by itself."""

    def cancel(self) -> None:
        pass


async def _vectors(
    generator: Generator, prompts: list[list[int]]
) -> AsyncIterator[list[list[float]]]:
    yield await asyncio.to_thread(generator.engine.embed, prompts)


async def _first(following: Following[list[list[float]]]) -> list[list[float]]:
    async for _, vectors in following.items():
        return vectors
    raise AssertionError("an embedding ends in vectors or an error")


def _read(generator: Generator, given: str | list[Any]) -> list[list[int]]:
    """Token ids of each input. Raises `ApiError`."""
    if isinstance(given, str):
        texts: list[Any] = [given]
    elif given and is_ids(given):
        texts = [given]
    else:
        texts = given
    if not texts:
        raise refused(
            "input is an empty list; give a text, token ids, or a list of either", "input"
        )
    if len(texts) > TEXTS_LIMIT:
        raise refused(f"input has {len(texts)} entries; the limit is {TEXTS_LIMIT}", "input")
    found = []
    for number, one in enumerate(texts):
        if not isinstance(one, str) and not is_ids(one):
            raise refused(
                f"input[{number}] must be a text or a list of token ids", f"input[{number}]"
            )
        ids = generator.ids(one.strip()) if isinstance(one, str) else one
        if not ids:
            raise refused(f"input[{number}] is empty; give at least one token", f"input[{number}]")
        found.append(ids)
    return found


def _shown(vector: list[float], encoding: str) -> list[float] | str:
    if encoding == "float":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
