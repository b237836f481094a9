"""A server that has been looked at, and what all ways of asking it share.

Knows pieces of replies and a call's tokens; never which request is next.
"""

from collections.abc import Sequence

from smysl_engines.base import BadCall, Likeliest
from smysl_engines.openai.abilities import Abilities
from smysl_engines.openai.connection import Connection
from smysl_engines.openai.conversation import Conversation
from smysl_engines.openai.errors import BACK_AGAIN, ServerBroke
from smysl_engines.openai.replies import Piece, likeliest, piece
from smysl_engines.openai.requests import Request
from smysl_engines.openai.run import UNKNOWN, RemoteCall
from smysl_engines.openai.settings import ServerSettings
from smysl_engines.openai.texts import Words


class Server:
    def __init__(
        self,
        connection: Connection,
        settings: ServerSettings,
        abilities: Abilities,
        words: Words,
    ) -> None:
        self.connection = connection
        self.settings = settings
        self.abilities = abilities
        self.words = words

    async def whole(self, asked: Request) -> Piece:
        """The reply to a request that streams nothing. Raises `ServerFailed`."""
        return self.read(await self.connection.post(asked.path, asked.body))

    def read(self, data: bytes) -> Piece:
        """Raises `ServerBroke`."""
        return piece(self.settings.root, self.abilities.flavour, data)

    def prompt(self, ids: Sequence[int]) -> Sequence[int] | str | Conversation:
        """As the server takes it. Raises `BadCall` where it only chats, and the prompt is no conversation."""
        if self.abilities.completions:
            return ids if self.abilities.token_prompts else self.words.text(ids)
        conversation = self.words.conversations.read(self.words.text(ids))
        if conversation is None:
            raise BadCall(
                f"{self.settings.root} only chats, and this prompt is no conversation that ends where a reply begins. "
                "Serve the model with llama-server or vLLM, which take any prompt"
            )
        return conversation

    def top(self, run: RemoteCall) -> int:
        """How many of the likeliest tokens to ask for; a chosen one's log-probability comes with them, and from older
        vLLM its id."""
        call, abilities = run.call, self.abilities
        wanted = call.logprobs or (abilities.exact and abilities.flavour == "vllm")
        return max(1, call.top_logprobs) if wanted and abilities.logprobs else 0

    def ids(self, said: Piece) -> tuple[int, ...]:
        """The tokens of a piece, by number or by name. Raises `ServerBroke` for one that the tokenizer does not
        know."""
        if said.ids is None:
            found = [self.words.id_of(token) for token in said.tokens]
        else:
            found = list(said.ids)
        known = tuple(id for id in found if id is not None and 0 <= id < self.words.vocabulary)
        if len(known) < len(found):
            raise ServerBroke(
                f"{self.settings.root} gave the tokens {list(said.tokens or said.ids or ())}, of which "
                f"{self.words.file} knows {len(known)}. Name the tokenizer of the model that the server runs"
            )
        return known

    def by_id(self, row: Sequence[tuple[int | str, float]]) -> dict[int, float]:
        """Log-probabilities of tokens that may have names."""
        found: dict[int, float] = {}
        for token, logprob in row:
            id = token if isinstance(token, int) else self.words.id_of(token)
            if id is not None:
                found[id] = logprob
        return found

    def take(self, run: RemoteCall, ids: Sequence[int], said: Piece) -> str | None:
        """The output goes on with tokens, the last of which are those that `said` tells about; why it ends, if it
        does. Raises what `RemoteCall.take` does."""
        unknown = max(0, len(ids) - len(said.logprobs))
        logprobs = (UNKNOWN,) * unknown + said.logprobs
        tops: list[Likeliest] = [()] * max(0, len(ids) - len(said.top))
        tops += [likeliest(self.by_id(row), run.call.top_logprobs) for row in said.top]
        for token, logprob, top in zip(ids, logprobs, tops, strict=False):
            reason = run.take(token, logprob, top)
            if reason is not None:
                return reason
        return None

    def count(self, run: RemoteCall, said: Piece, given: int) -> None:
        """How much of the prompt was not computed, told by the first request, `given` tokens into its reply."""
        if said.cached_tokens is not None and len(run.ids) == given:
            run.cached = min(said.cached_tokens, len(run.call.prompt))

    def stopped(self, run: RemoteCall) -> ServerBroke:
        return ServerBroke(
            f"{self.settings.root} stopped in the middle of an answer, after {len(run.ids)} tokens. {BACK_AGAIN}"
        )
