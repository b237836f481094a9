"""An OpenAI-compatible server over a made-up model, in three flavours, which can be told to misbehave.

Real HTTP on a real socket, in a thread of its own. The model gives every token of the byte tokenizer a
log-probability that depends on the last three tokens, so what it says can be computed beside it.
"""

import asyncio
import json
import math
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from byte_tokenizer import END, byte_tokenizer

TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
"""What the flavour "chat" puts around messages."""
VOCABULARY = 300
CONTEXT = 256
Body = dict[str, Any]


@cache
def _odd() -> tuple[bool, ...]:
    """Whether a token is no whole text."""
    words = byte_tokenizer()
    return tuple("\ufffd" in words.decode([id]) for id in range(VOCABULARY))


@cache
def _row(last: tuple[int, ...]) -> tuple[float, ...]:
    draw = random.Random(repr(last))
    # it seldom says a byte of a longer character, which would need its neighbours
    logits = [draw.gauss(0, 3) - 9 * odd for odd in _odd()]
    top = max(logits)
    total = math.log(sum(math.exp(logit - top) for logit in logits)) + top
    return tuple(logit - total for logit in logits)


def logprobs(ids: Sequence[int]) -> tuple[float, ...]:
    """Of what follows, by token."""
    return _row(tuple(ids[-3:]))


def likeliest(ids: Sequence[int], allowed: Callable[[int], bool] = lambda token: True) -> int:
    row = logprobs(ids)
    return max(filter(allowed, range(VOCABULARY)), key=row.__getitem__)


def greedy(prompt: Sequence[int], count: int) -> list[int]:
    """What the model says, whatever ends a text."""
    ids = list(prompt)
    while len(ids) < len(prompt) + count:
        ids.append(likeliest(ids))
    return ids[len(prompt) :]


class Fault(NamedTuple):
    """How the next completion goes wrong."""

    status: int = 200
    headers: dict[str, str] = {}
    raw: bytes | None = None
    """Said instead of a JSON reply."""
    cut: int | None = None
    """The connection breaks after so many tokens."""
    stops: int | None = None
    """The stream ends there without an end."""
    garbled: int | None = None
    """That event is no JSON."""
    silent: int | None = None
    """Nothing more comes after so many tokens."""


class FakeServer:
    """`flavour`: "llama.cpp", "vllm", "openai" (token names and log-probabilities), "text" (neither, and no token
    prompts), "chat" (names, and no completions) or "ollama" (a chat, and completions that are one too)."""

    def __init__(self, flavour: str = "llama.cpp", *, key: str | None = None) -> None:
        self.flavour = flavour
        self.key = key
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, Body]] = []
        """Completions and embeddings that were asked for, in order."""
        self.dropped = threading.Semaphore(0)
        """Counts streams that a client closed before their end."""
        self.version = "0.11.2"
        self.models: list[Body] = [{"id": "tiny"}]
        self.vocabulary = VOCABULARY
        self.slots = 4
        self.adapters: list[str] = []
        self.embeds = False
        self.tells_ids = True
        """As vLLM does since 0.10.2; before, ids are the names of tokens in its log-probabilities."""
        self.hold: asyncio.Event | None = None
        """Completions wait for it before their first token, and embeddings."""
        self.seconds_per_token = 0.0
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, where it did before."""
        self._do(self._start())

    def stop(self) -> None:
        """Vanish: connections break."""
        self._do(self._stop())

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def soon(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listener)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split("\r\n", 1)[0].split(" ")
        fields = {
            name.lower(): value
            for line in head.split("\r\n")[1:]
            if ": " in line
            for name, value in [line.split(": ", 1)]
        }
        data = await reader.readexactly(int(fields.get("content-length", "0")))
        if self.key is not None and fields.get("authorization") != f"Bearer {self.key}":
            return self._say(writer, 401, {"error": {"message": "no such key"}})
        if method == "GET":
            return self._page(writer, path)
        await self._complete(reader, writer, path, json.loads(data))

    def _page(self, writer: asyncio.StreamWriter, path: str) -> None:
        llama, vllm = self.flavour == "llama.cpp", self.flavour == "vllm"
        pages: dict[str, Any] = {"/v1/models": {"data": self.models}}
        if llama and self.models:
            self.models[0] |= {"meta": {"n_vocab": self.vocabulary, "n_params": 7, "size": 28}}
            pages["/props"] = {
                "default_generation_settings": {"n_ctx": CONTEXT},
                "total_slots": self.slots,
                "model_path": "/models/tiny.gguf",
                "model_ftype": "F16",
            }
            pages["/lora-adapters"] = [
                {"id": id, "path": f"/adapters/{name}.gguf", "scale": 1.0}
                for id, name in enumerate(self.adapters)
            ]
        if vllm:
            self.models[0] |= {"root": "/models/tiny", "max_model_len": CONTEXT}
            pages["/version"] = {"version": self.version}
            named = [{"id": name, "parent": "tiny"} for name in self.adapters]
            pages["/v1/models"] = {"data": [*self.models, *named]}
        if self.flavour == "ollama":
            pages["/api/version"] = {"version": "0.13.0"}
        if path in pages:
            return self._say(writer, 200, pages[path])
        self._say(writer, 404, {"error": {"message": f"no {path}"}})

    def _say(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        body: Any,
        headers: dict[str, str] | None = None,
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": "application/json", "Connection": "close"} | (headers or {})
        said = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(
            f"HTTP/1.1 {status} Said\r\n{said}Content-Length: {len(data)}\r\n\r\n".encode() + data
        )

    async def _complete(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: Body
    ) -> None:
        if path == "/v1/embeddings" and self.embeds:
            self.requests.append((path, body))
            if self.hold is not None:
                await self.hold.wait()
            rows = [{"index": i, "embedding": [3.0, 4.0 * i]} for i in range(len(body["input"]))]
            return self._say(writer, 200, {"data": rows[::-1]})
        paths = {
            "llama.cpp": ["/completion"],
            "chat": ["/v1/chat/completions"],
            "ollama": ["/v1/chat/completions", "/v1/completions"],
        }
        if path not in paths.get(self.flavour, ["/v1/completions"]):
            return self._say(writer, 404, {"error": {"message": f"no {path}"}})
        self.requests.append((path, body))
        fault = self.faults.pop(0) if self.faults else Fault()
        if fault.status != 200 or fault.raw is not None:
            said = fault.raw if fault.raw is not None else {"error": {"message": "out of order"}}
            return self._say(writer, fault.status, said, fault.headers)
        if self.hold is not None:
            await self.hold.wait()
        if complaint := self._complaint(body):
            return self._say(writer, 400, {"error": {"message": complaint}})
        reply = _Reply(self, body)
        if not body.get("stream"):
            return self._say(writer, 200, reply.whole())
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n: a comment first\n\n".replace(
                b"\r\n\r\n: a comment first\n\n", b"\r\n\r\n13\r\n: a comment first\n\n\r\n"
            )
        )
        gone = asyncio.ensure_future(reader.read())
        events = self._events(reply, fault)
        try:
            async for event in events:
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await writer.drain()
                if gone.done():
                    raise ConnectionResetError
            if fault.cut is None:
                writer.write(b"0\r\n\r\n")
            else:
                await writer.drain()
                writer.transport.abort()
        except ConnectionError:
            self.dropped.release()
        finally:
            gone.cancel()

    async def _events(self, reply: "_Reply", fault: Fault) -> AsyncIterator[bytes]:
        for number, event in enumerate(reply.events()):
            if number in (fault.cut, fault.stops):
                return
            while number == fault.silent:
                await asyncio.sleep(0.01)
                yield b": nothing yet\n\n"
            await asyncio.sleep(self.seconds_per_token)
            yield b"data: {garbled\n\n" if number == fault.garbled else _event(event)
        if self.flavour != "llama.cpp":
            yield b"data: [DONE]\n\n"

    def _complaint(self, body: Body) -> str | None:
        if self.flavour == "text":
            if not isinstance(body["prompt"], str):
                return "prompt must be a string"
            if "logprobs" in body:
                return "logprobs are not supported"
        return None


def _filled(messages: list[dict[str, str]]) -> str:
    said = "".join(f"<{one['role']}>{one['content']}<end>" for one in messages)
    return f"{said}<assistant>"


def _event(body: Any) -> bytes:
    return b"data: %s\n\n" % json.dumps(body).encode()


class _Reply:
    """One completion."""

    def __init__(self, server: FakeServer, body: Body) -> None:
        self._flavour = server.flavour
        self._tells_ids = server.tells_ids
        self._body = body
        words = byte_tokenizer()
        self._chats = "messages" in body
        given = body["prompt"] if "prompt" in body else _filled(body["messages"])
        self.prompt: list[int] = (
            words.encode(given, add_special_tokens=False).ids if isinstance(given, str) else given
        )
        self.ids: list[int] = []
        self.ended = False
        """By the end token."""
        limit: int = body["n_predict"] if "n_predict" in body else body["max_tokens"]
        text = list(self.prompt)
        while len(self.ids) < limit and not self.ended:
            token = self._next(text)
            text.append(token)
            self.ids.append(token)
            stops = token in body.get("stop_token_ids", ())
            self.ended = stops or (token == END and not body.get("ignore_eos"))

    def _next(self, text: list[int]) -> int:
        body = self._body
        biases = body.get("logit_bias") or []
        pairs = biases.items() if isinstance(biases, dict) else map(tuple, biases)
        added = {int(token): -math.inf if bias is False else bias for token, bias in pairs}
        allowed = body.get("allowed_token_ids")
        row = [
            -math.inf
            if allowed is not None and token not in allowed
            else logprob + added.get(token, 0)
            for token, logprob in enumerate(logprobs(text))
        ]
        temperature = body["temperature"]
        if not temperature:
            return row.index(max(row))
        top = max(row)
        odds = [math.exp((logit - top) / temperature) for logit in row]
        return random.Random(f"{body.get('seed')} {len(text)}").choices(range(VOCABULARY), odds)[0]

    def events(self) -> list[Any]:
        if self._flavour == "llama.cpp":
            return self._llama_events()
        said: list[Any] = []
        for at in range(len(self.ids)):
            # servers keep the end token's text to themselves
            if self._flavour == "vllm" or not (self.ended and at == len(self.ids) - 1):
                said.append({"choices": [self._choice(at, at + 1)], "usage": None})
        end: Body = {"text": "", "finish_reason": "stop" if self.ended else "length"}
        if self._flavour == "vllm" and self._tells_ids:
            end |= {"token_ids": [], "stop_reason": None}
        return [*said, {"choices": [end]}, {"choices": [], "usage": self._usage()}]

    def whole(self) -> Any:
        if self._flavour == "llama.cpp":
            return {
                "content": self._text(self.ids),
                "tokens": self.ids,
                "stop": True,
                "stop_type": "eos" if self.ended else "limit",
                "tokens_predicted": len(self.ids),
                "completion_probabilities": [
                    self._probability(at)
                    for at in range(len(self.ids))
                    if self._body.get("n_probs")
                ],
            }
        choice = self._choice(0, len(self.ids)) | {"finish_reason": "length"}
        if "prompt_logprobs" in self._body:
            choice["prompt_logprobs"] = [None] + [
                {str(token): {"logprob": logprobs(self.prompt[:at])[token]}}
                for at, token in enumerate(self.prompt)
                if at
            ]
        return {"choices": [choice] * self._body.get("n", 1), "usage": self._usage()}

    def _usage(self) -> Any:
        details = {"cached_tokens": len(self.prompt) - 1}
        return {"prompt_tokens": len(self.prompt), "prompt_tokens_details": details}

    def _text(self, ids: Sequence[int]) -> str:
        return str(byte_tokenizer().decode(list(ids), skip_special_tokens=True))

    def _llama_events(self) -> list[Any]:
        """A token each, but for those that end within a character: of them only the last is told."""
        said = []
        shown = 0
        for at, token in enumerate(self.ids):
            text = self._text(self.ids[shown : at + 1])
            if text.endswith("\ufffd") and at - shown < 3:
                continue
            shown = at + 1
            event = {
                "content": text,
                "tokens": [token],
                "stop": False,
                "tokens_predicted": at + 1,
                "timings": {"cache_n": len(self.prompt) - 1},
            }
            if self._body.get("n_probs"):
                event["completion_probabilities"] = [self._probability(at)]
            said.append(event)
        end = {
            "content": "",
            "tokens": [],
            "stop": True,
            "stop_type": "eos" if self.ended else "limit",
            "tokens_predicted": len(self.ids),
            "timings": {"cache_n": len(self.prompt) - 1},
        }
        return [*said, end]

    def _before(self, at: int) -> tuple[float, ...]:
        return logprobs([*self.prompt, *self.ids[:at]])

    def _top(self, at: int, count: int) -> list[tuple[int, float]]:
        return sorted(enumerate(self._before(at)), key=lambda pair: -pair[1])[:count]

    def _probability(self, at: int) -> Any:
        return {
            "id": self.ids[at],
            "logprob": self._before(at)[self.ids[at]],
            "top_logprobs": [
                {"id": id, "logprob": logprob}
                for id, logprob in self._top(at, self._body["n_probs"])
            ],
        }

    def _choice(self, start: int, stop: int) -> Any:
        ids = self.ids[start:stop]
        if self._chats:
            return self._reply(start, stop)
        choice: Body = {"text": self._text(ids), "finish_reason": None}
        if self._flavour == "vllm" and self._tells_ids:
            choice["token_ids"] = ids
        if (count := self._body.get("logprobs")) is not None:
            choice["logprobs"] = {
                "tokens": [self._name(id) for id in ids],
                "token_logprobs": [self._before(at)[self.ids[at]] for at in range(start, stop)],
                "top_logprobs": [
                    {self._name(id): logprob for id, logprob in self._top(at, count)}
                    for at in range(start, stop)
                ],
            }
        return choice

    def _reply(self, start: int, stop: int) -> Any:
        said = {"content": self._text(self.ids[start:stop])}
        choice: Body = {"message": said, "delta": said, "finish_reason": None}
        if count := self._body.get("top_logprobs"):
            told = [
                {
                    "token": self._name(self.ids[at]),
                    "logprob": self._before(at)[self.ids[at]],
                    "top_logprobs": [
                        {"token": self._name(id), "logprob": logprob}
                        for id, logprob in self._top(at, count)
                    ],
                }
                for at in range(start, stop)
            ]
            choice["logprobs"] = {"content": told}
        return choice

    def _name(self, id: int) -> str:
        if self._flavour == "vllm":
            return f"token_id:{id}"
        return str(byte_tokenizer().decode([id], skip_special_tokens=False))
