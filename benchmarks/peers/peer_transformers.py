"""transformers on PyTorch, its linear layers replaced by PyTorch's own 4-bit product for CPUs."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import transformers
from benchmarks.peers.peer import TOP_K, Answer, Ask, Peer

_GROUP = 128


class Transformers(Peer):
    title = "transformers"
    packages: ClassVar[tuple[str, ...]] = ("transformers", "torch")

    @classmethod
    def prepare(cls, checkpoint: Path, folder: Path) -> None:
        """Rounds when it loads."""

    def open(self, folder: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        self._threads = threads
        self._model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            folder / "checkpoint", dtype=torch.bfloat16, attn_implementation="sdpa"
        ).eval()
        head = self._model.lm_head
        head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)
        _round_linear_layers(self._model)
        self._prompt: tuple[int, ...] = ()
        self._cache: Any = None

    def settings(self) -> dict[str, str]:
        return {
            "weights": f"4 bits in groups of {_GROUP} (torch._weight_int4pack_mm_for_cpu), the head "
            "too; embedding and activations bfloat16",
            "model": f"{self._threads} threads, sdpa attention, dynamic cache, eager; branches are "
            "rows of a batch over a repeated cache, and a prompt reuses the last one's",
        }

    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        return [self.branch(ask, 1)[0] for ask in asks]

    def branch(self, ask: Ask, count: int, way: str = "") -> list[Answer]:
        started = time.perf_counter()
        with torch.inference_mode():
            logits = self._compute(ask.prompt)
            cache = self._repeated(count)
            generator = torch.Generator().manual_seed(ask.seed or 0)
            greedy = ask.seed is None
            tokens = _choose(logits.expand(count, -1), greedy, generator)
            made = [tokens]
            first_s = time.perf_counter() - started
            for _ in range(ask.tokens - 1):
                after = self._model(tokens[:, None], past_key_values=cache, use_cache=True)
                tokens = _choose(after.logits[:, -1], greedy, generator)
                made.append(tokens)
            each = torch.stack(made, dim=1).tolist()
        return [Answer(tuple(row), first_s) for row in each]

    def _compute(self, prompt: tuple[int, ...]) -> Any:
        """[1, vocabulary]: the logits after a prompt, whose cache is then `_cache`."""
        known = _shared(self._prompt, prompt)
        if self._cache is None:
            self._cache = transformers.DynamicCache(config=self._model.config)
        surplus = self._cache.get_seq_length() - known
        if surplus:
            self._cache.crop(-surplus)
        new = torch.tensor([prompt[known:]])
        done = self._model(new, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        self._prompt = prompt
        return done.logits[:, -1]

    def _repeated(self, count: int) -> Any:
        """A copy of the prompt's cache, `count` rows."""
        cache = transformers.DynamicCache(config=self._model.config)
        for number, layer in enumerate(self._cache.layers):
            keys, values = (x.repeat_interleave(count, 0) for x in (layer.keys, layer.values))
            cache.update(keys, values, number)
        return cache


class _FourBits(torch.nn.Module):
    """A linear layer in groups of 4-bit codes, asymmetric; [..., inputs] to [..., outputs]."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        groups = weight.reshape(len(weight), -1, _GROUP)
        low, high = groups.amin(-1), groups.amax(-1)
        scale = ((high - low) / 15).clamp(min=1e-6)
        codes = ((groups - low[..., None]) / scale[..., None]).round().clamp(0, 15)
        packed = codes.reshape(weight.shape).to(torch.int32)
        self.codes = torch.ops.aten._convert_weight_to_int4pack_for_cpu(packed, 1)
        # the product reads scale and the value of code 8, groups first
        both = torch.stack([scale, low + 8 * scale], dim=-1).transpose(0, 1).contiguous()
        self.scales = both.to(torch.bfloat16)
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.reshape(-1, x.shape[-1])
        y: torch.Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
            flat, self.codes, _GROUP, self.scales
        )
        y = y if self.bias is None else y + self.bias
        return y.reshape(*x.shape[:-1], -1)


def _round_linear_layers(module: torch.nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, torch.nn.Linear):
            setattr(module, name, _FourBits(child))
        else:
            _round_linear_layers(child)


def _choose(logits: torch.Tensor, greedy: bool, generator: torch.Generator) -> torch.Tensor:
    if greedy:
        return logits.argmax(-1)
    best = logits.float().topk(TOP_K, dim=-1)
    drawn = torch.multinomial(best.values.softmax(-1), 1, generator=generator)
    return best.indices.gather(-1, drawn)[:, 0]


def _shared(held: tuple[int, ...], prompt: tuple[int, ...]) -> int:
    """How many tokens both begin with, short of the whole prompt: its last one must be computed."""
    length = min(len(held), len(prompt) - 1)
    return next((at for at in range(length) if held[at] != prompt[at]), length)
