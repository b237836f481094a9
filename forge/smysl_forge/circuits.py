"""Initial weights in which copying and look-up circuits already stand, so that training starts from reading.

An induction circuit (Olsson et al., 2022) is a head that writes down which token came before, and a later head that
finds where the present token came before and copies what followed. Small models find it late, or never within the
tokens we can afford (`docs/lab-notes.md`); weights may be born with it instead, as in mimetic initialisation
(Trockman and Kolter, 2023). Knows weight layouts; nothing of data or optimisers.
"""

import math

import torch
from torch import Tensor

from smysl_forge.model import Layer, Llama

WORD = 0.02
"""Standard deviation of a token's own embedding in each dimension."""
COMMON = 0.1
"""Length of the direction that all embeddings share: what a head without biases can attend by position with."""
TRACE = 0.25
"""Length of the trace of the token before that the first layer leaves in the residual stream."""
NEAR = 9.0
"""Attention logit per rotary pair of the previous-token head."""
FOUND = 16.0
"""Attention logit of a full match in the look-up heads."""
REACH = 200
"""Tokens over which a rotary pair must turn less than one radian to be used for matching by content."""


@torch.no_grad()
def install(model: Llama) -> None:
    """Overwrite embeddings and some heads of fresh weights: layer 0, head 0 attends to the token before; layer 1,
    heads 0..2 copy what followed the present token earlier, head 3 what preceded it."""
    shape = model.shape
    if shape.num_key_value_heads != shape.num_attention_heads or shape.num_attention_heads < 4:
        raise ValueError(
            f"circuits need at least four heads with keys of their own, not {shape.num_attention_heads} heads"
            f" over {shape.num_key_value_heads} key-value heads; change the shape, or set circuits to"
            " false in the recipe"
        )
    width, head = shape.hidden_size, shape.head_dim
    basis = torch.linalg.qr(torch.randn(width, width))[0]
    common, trace, words = basis[:, 0], basis[:, 1 : 1 + head], basis[:, 1 + head :]
    embed = model.model.embed_tokens.weight
    embed.copy_(WORD * torch.randn(embed.shape[0], words.shape[1]) @ words.T + COMMON * common)
    length = math.hypot(COMMON, WORD * math.sqrt(words.shape[1]))
    turn = shape.rope_theta ** -(torch.arange(0, head, 2).float() / head)
    first, second = model.model.layers[0], model.model.layers[1]
    assert isinstance(first, Layer) and isinstance(second, Layer)
    _previous_token(first, common, trace, words[:, :head], turn, math.sqrt(width) / length)
    gain = math.sqrt(width) / math.hypot(length, TRACE)
    for index in range(3):
        _look_up(second, index, words, trace, turn, gain, earlier=False)
    _look_up(second, 3, words, trace, turn, gain, earlier=True)


def _previous_token(
    layer: Layer, common: Tensor, trace: Tensor, words: Tensor, turn: Tensor, gain: float
) -> None:
    """Head 0: the query is the key turned back by one position; the value goes to the `trace` dimensions."""
    head, half = words.shape[1], len(turn)
    query, key = torch.zeros(head), torch.zeros(head)
    size = math.sqrt(NEAR * math.sqrt(head))
    for i in range(4):  # the fastest pairs tell neighbours apart
        key[i] = size
        query[i], query[i + half] = size * math.cos(turn[i]), -size * math.sin(turn[i])
    attention = layer.self_attn
    attention.q_proj.weight[:head] = torch.outer(query, common) / (COMMON * gain)
    attention.k_proj.weight[:head] = torch.outer(key, common) / (COMMON * gain)
    attention.v_proj.weight[:head] = words.T
    attention.o_proj.weight[:, :head] = trace * (TRACE / (WORD * math.sqrt(head) * gain))


def _look_up(
    layer: Layer, index: int, words: Tensor, trace: Tensor, turn: Tensor, gain: float, earlier: bool
) -> None:
    """Head `index`: match the present token with what came before each position and copy the token there, or
    (`earlier`) match it with the tokens themselves and copy what came before."""
    head, half = trace.shape[1], len(turn)
    slow = [i for i in range(half) if turn[i] * REACH < 1]
    dims = [*slow, *(i + half for i in slow)]
    matched = [(index * len(dims) + k) % head for k in range(len(dims))]
    word_size = WORD * math.sqrt(len(dims)) * gain
    trace_size = TRACE * math.sqrt(len(dims) / head) * gain
    key_size = word_size if earlier else trace_size
    sharp = math.sqrt(FOUND * math.sqrt(head) / (word_size * key_size))
    rows = slice(index * head, (index + 1) * head)
    attention = layer.self_attn
    for weight in (attention.q_proj.weight, attention.k_proj.weight):
        weight[rows] = 0
    for dim, k in zip(dims, matched, strict=True):
        attention.q_proj.weight[index * head + dim] = sharp * words[:, k]
        attention.k_proj.weight[index * head + dim] = sharp * (words if earlier else trace)[:, k]
    copied = [(index * head + k) % words.shape[1] for k in range(head)]
    attention.v_proj.weight[rows] = trace.T if earlier else words[:, copied].T
    # `trace` holds the first dimensions of `words`, written there by the first layer
    attention.o_proj.weight[:, rows] = (words[:, :head] if earlier else words[:, copied]) * (
        2 / gain
    )
