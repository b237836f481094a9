"""Weights that are born with circuits copy and look up before they have learnt anything."""

import pytest
import torch

from smysl_forge import circuits
from smysl_forge.model import Layer, Llama, Shape

LENGTH = 40


def repeated(rows: int) -> torch.Tensor:
    """Random tokens, twice. [rows, 2 * LENGTH]"""
    once = torch.stack([torch.randperm(4000)[:LENGTH] + 90 for _ in range(rows)])
    return torch.cat((once, once), 1)


@torch.no_grad()
def lift(model: Llama) -> float:
    """How much likelier the token is that followed before than a token is on average: mean difference of logits, in
    standard deviations of the logits."""
    ids = repeated(8)
    logits = model.logits(model.hidden(ids[:, :-1]))[:, LENGTH:]
    wanted = logits.gather(-1, ids[:, LENGTH + 1 :, None])[..., 0]
    return float(((wanted - logits.mean(-1)) / logits.std(-1)).mean())


def test_a_sequence_that_comes_again_is_continued_as_before() -> None:
    torch.manual_seed(3)
    fresh, born = Llama(Shape()), Llama(Shape())
    circuits.install(born)
    assert abs(lift(fresh)) < 0.5
    assert lift(born) > 2


@torch.no_grad()
def test_the_first_head_hands_a_token_to_the_one_after_it() -> None:
    torch.manual_seed(4)
    model = Llama(Shape())
    circuits.install(model)
    layer = model.model.layers[0]
    assert isinstance(layer, Layer)
    assert isinstance(model.cos, torch.Tensor) and isinstance(model.sin, torch.Tensor)
    cos, sin = model.cos[: 2 * LENGTH], model.sin[: 2 * LENGTH]

    def written(ids: torch.Tensor) -> torch.Tensor:
        x = layer.input_layernorm(model.model.embed_tokens(ids))
        out: torch.Tensor = layer.self_attn(x, cos, sin, None, 0)[0]
        return out

    ids = repeated(1)
    changed = ids.clone()
    changed[0, 10] += 1
    moved = (written(changed) - written(ids)).norm(dim=-1)
    assert int(moved.argmax()) == 11
    assert moved[11] > 2 * moved[12:].max()


def test_too_few_heads_are_refused() -> None:
    with pytest.raises(ValueError, match="3 key-value heads"):
        circuits.install(Llama(Shape(num_key_value_heads=3)))
