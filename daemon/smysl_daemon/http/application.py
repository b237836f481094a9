"""The façade as one ASGI application: who may ask, which endpoint answers, what a refusal looks like.

Knows paths and headers; never what an endpoint does. Every request ends in exactly one response.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smysl_daemon.connection import House
from smysl_daemon.http.bearer import shows
from smysl_daemon.http.chat import chat_completions
from smysl_daemon.http.completions import completions
from smysl_daemon.http.doors import Door
from smysl_daemon.http.embeddings import embeddings
from smysl_daemon.http.facade import Facade, now
from smysl_daemon.http.failures import ApiError, Dialect, failure
from smysl_daemon.http.messages import count_tokens, messages
from smysl_daemon.http.metrics import CONTENT_TYPE, Metrics
from smysl_daemon.http.models import list_models, show_model
from smysl_daemon.http.responding import ClientGone, JsonResponse
from smysl_daemon.http.responses import responses

log = logging.getLogger("smysl.http")

Handler = Callable[[Facade, Request], Awaitable[ASGIApp]]
OTHER = "other"
"""In the metrics, every path that is none of ours."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
ROUTES: dict[str, tuple[str, Handler]] = {
    "/v1/models": ("GET", list_models),
    "/v1/models/{id:path}": ("GET", show_model),
    "/v1/chat/completions": ("POST", chat_completions),
    "/v1/completions": ("POST", completions),
    "/v1/embeddings": ("POST", embeddings),
    "/v1/responses": ("POST", responses),
    "/v1/messages": ("POST", messages),
    "/v1/messages/count_tokens": ("POST", count_tokens),
}


async def health(facade: Facade, request: Request) -> ASGIApp:
    if facade.house.stopping.is_set():
        return JsonResponse({"status": "stopping"}, 503, {"Retry-After": "1"})
    return JsonResponse({"status": "ok"})


async def metrics(facade: Facade, request: Request) -> ASGIApp:
    from starlette.responses import PlainTextResponse

    text = facade.metrics.text(facade.house.status(), facade.house.counts)
    return PlainTextResponse(text, media_type=None, headers={"Content-Type": CONTENT_TYPE})


class Application:
    """Answers requests that come through any door."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._metrics = Metrics()
        self._facade = Facade(house, self._metrics, now())
        paths = ROUTES | {"/health": ("GET", health), "/metrics": ("GET", metrics)}
        self._routes = [
            Route(path, self._endpoint(handler), methods=[method])
            for path, (method, handler) in paths.items()
        ]
        self._router = Router(self._routes, redirect_slashes=False)

    @property
    def in_progress(self) -> int:
        return self._metrics.in_progress

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Never raises for anything that a client did."""
        assert scope["type"] == "http"
        began = time.monotonic()
        self._metrics.in_progress += 1
        self._house.note_use()
        response = _Sent(send)
        scope["app"] = self
        try:
            self._admit(scope)
            await self._router(scope, receive, response)
        except (ClientGone, ClientDisconnect):
            response.status = response.status or 499
        except Exception as error:
            refusal = _refusal(error, scope)
            if response.status:
                log.error("a response failed half-way", exc_info=error)
                scope["state"]["abort"]()
            else:
                body = refusal.body(_dialect(scope))
                try:
                    await JsonResponse(body, refusal.status, refusal.headers)(
                        scope, receive, response
                    )
                except ClientGone:
                    response.status = 499
        finally:
            self._metrics.in_progress -= 1
            self._house.note_use()
            method = scope["method"] if scope["method"] in METHODS else OTHER
            seconds = time.monotonic() - began
            self._metrics.done(self._route_of(scope), method, response.status, seconds)

    def _admit(self, scope: Scope) -> None:
        """Raise `ApiError` for whoever may not ask."""
        door: Door = scope["state"]["door"]
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if door.local_names_only and not _names_us(headers.get(b"host", "")):
            raise ApiError(
                403,
                f"this server answers to {', '.join(LOCAL_NAMES)}, not to the name in the header "
                "Host",
            )
        if scope["state"]["crowded"]:
            raise ApiError(
                503,
                "too many clients are connected; try again later, or raise max_clients in "
                "config.toml",
                code="busy",
                headers={"Connection": "close"},
            )
        if door.token is None or scope["path"] == "/health":
            return
        given = headers.get(b"authorization", ""), headers.get(b"x-api-key", "")
        if not any(given):
            raise ApiError(
                401,
                "a token is needed: send 'Authorization: Bearer TOKEN'. `smysl dirs` says in which "
                "file it is.",
                code="missing_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not shows(door.token, *given):
            raise ApiError(
                401,
                "the token is wrong; `smysl dirs` says in which file the right one is",
                code="invalid_api_key",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )

    def _endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[ASGIApp]]:
        async def endpoint(request: Request) -> ASGIApp:
            return await handler(self._facade, request)

        return endpoint

    def _route_of(self, scope: Scope) -> str:
        for route in self._routes:
            if route.matches(scope)[0] is not Match.NONE:
                return route.path
        return OTHER


class _Sent:
    """Passes a response on and keeps its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _refusal(error: Exception, scope: Scope) -> ApiError:
    if not isinstance(error, HTTPException):
        return failure(error)
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            known = ", ".join(path for path in ROUTES)
            return ApiError(
                404, f"no {scope['path'][:120]!r} here; there are {known}, /health, /metrics"
            )
        case 405:
            allowed = headers.get("Allow", "another method")
            return ApiError(
                405,
                f"{scope['method'][:20]} does not go with {scope['path']}; use {allowed}",
                headers=headers,
            )
    return ApiError(error.status_code, HTTPStatus(error.status_code).phrase, headers=headers)


def _dialect(scope: Scope) -> Dialect:
    return "anthropic" if scope["path"].startswith("/v1/messages") else "openai"


def _names_us(host: str) -> bool:
    name = (
        host.lower().rpartition(":")[0] if not host.endswith("]") and ":" in host else host.lower()
    )
    return name in LOCAL_NAMES
