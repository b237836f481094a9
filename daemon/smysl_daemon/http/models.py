"""`/v1/models`: what can be asked, by name.

Knows its JSON alone.
"""

from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp

from smysl_daemon.http.facade import Facade
from smysl_daemon.http.names import Catalogue, Named
from smysl_daemon.http.responding import JsonResponse


async def list_models(facade: Facade, request: Request) -> ASGIApp:
    known = await facade.catalogue()
    data = [_view(one, known, facade.since) for one in await known.usable()]
    # Anthropic's clients read these two, OpenAI's pass them over
    more = {"has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    return JsonResponse({"object": "list", "data": data} | more)


async def show_model(facade: Facade, request: Request) -> ASGIApp:
    known = await facade.catalogue()
    return JsonResponse(_view(known.find(request.path_params["id"]), known, facade.since))


def _view(named: Named, known: Catalogue, since: int) -> dict[str, Any]:
    chats = named.kind == "program" or (known.generator is not None and known.generator.chats)
    view: dict[str, Any] = {
        "id": named.id,
        "object": "model",
        "created": since,
        "owned_by": "smysl",
        "display_name": named.id,
        "type": "model",
        "smysl": {"kind": named.kind, "summary": named.summary, "chat": chats},
    }
    if known.generator is not None:
        view["max_model_len"] = known.generator.info.context
    return view
