"""What adapters, activation and a restart cost on one engine, from a caller's side of the protocol.

What bounds it: an adapter under which a prompt was not computed needs it computed again, an activated
one (aLoRA) only what follows its invocation; decoding under an adapter reads its arrays besides the
weights. A restart reads a prefix's blocks from files instead of computing them.

    python benchmarks/bench_adapters.py CHECKPOINT [--folder SCRATCH] [--repeats N]

CHECKPOINT is a Hugging Face folder. Two random adapters of rank 16 on all linear layers are written and
built into a bank beside it, once. Prints medians, and as its last line one JSON object.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from smysl_build_engines.adapters import with_bank
from smysl_build_engines.build import build, plan
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.random_model import write_safetensors
from smysl_build_engines.safetensors import SafetensorsFile
from smysl_build_engines.store import EngineStore
from smysl_engines.base import Call, Engine, Finish, Sampling, Stream
from smysl_engines.load import open_engine

RANK = 16
INVOCATION = [11, 12, 13]
PREFIX = 1024
LONG_PREFIX = 2048
DECODED = 64


def write_adapter(folder: Path, checkpoint: Path, seed: int, invocation: list[int] | None) -> Path:
    random = np.random.default_rng(seed)
    tensors = {}
    for file in sorted(checkpoint.glob("*.safetensors")):
        for name, weight in SafetensorsFile(file).items():
            if name.endswith("_proj.weight"):
                outputs, inputs = weight.shape
                key = f"base_model.model.{name.removesuffix('.weight')}"
                a = random.standard_normal((RANK, inputs)) / np.sqrt(inputs)
                tensors[f"{key}.lora_A.weight"] = a.astype(np.float32)
                b = random.standard_normal((outputs, RANK)) / 10
                tensors[f"{key}.lora_B.weight"] = b.astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    fields = {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "target_modules": layers}
    fields |= {"bias": "none", "task_type": "CAUSAL_LM"}
    if invocation:
        fields["alora_invocation_tokens"] = invocation
    (folder / "adapter_config.json").write_text(json.dumps(fields))
    return folder


def engine_folder(checkpoint: Path, folder: Path) -> Path:
    """The engine with both adapters in its bank, built now if it is not there."""
    opened = open_checkpoint(checkpoint)
    adapters = [
        open_adapter(name, write_adapter(folder / name, checkpoint, seed, invocation), opened)
        for seed, (name, invocation) in enumerate({"lora": None, "alora": INVOCATION}.items())
    ]
    with_both = with_bank(opened, adapters)
    wanted = plan(with_both, name="bench", precision="int4")
    return build(with_both, wanted, EngineStore(folder / "engines"), print).directory


async def finish(stream: Stream) -> Finish:
    events = [event async for event in stream]
    last = events[-1]
    assert isinstance(last, Finish)
    return last


class Bench:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._salts = itertools.count(int(time.time()) % 100_000)

    def prompt(self, length: int) -> tuple[int, ...]:
        salt = next(self._salts)
        return tuple((salt * 7919 + at * 31) % self._engine.info.vocabulary for at in range(length))

    def run(self, *calls: Call) -> float:
        """Seconds until all have ended."""

        async def together() -> None:
            await asyncio.gather(*(finish(self._engine.submit(call)) for call in calls))

        started = time.perf_counter()
        asyncio.run(together())
        return time.perf_counter() - started

    def first_token_ms(self, adapter: str | None) -> float:
        """After a prefix that the base model has computed."""
        prefix = self.prompt(PREFIX)
        one = Sampling(max_tokens=1)
        self.run(Call(prompt=prefix, sampling=one))
        prompt = (*prefix, *INVOCATION, 5, 6)
        return 1000 * self.run(Call(prompt=prompt, sampling=one, adapter=adapter))

    def decode(self, *adapters: str | None) -> float:
        """Tokens a second of calls under these adapters, together, their short prompts included."""
        sampling = Sampling(max_tokens=DECODED, temperature=1.0, top_k=40)
        calls = [
            Call(prompt=(*self.prompt(16), *INVOCATION), sampling=sampling, adapter=adapter)
            for adapter in adapters
        ]
        return len(calls) * DECODED / self.run(*calls)


def restart(directory: Path, folder: Path, threads: int | None) -> tuple[float, float]:
    """Seconds to the first token of a long prefix: computed, and read after a restart."""
    seconds, prompt = [], None
    for _ in range(2):
        engine = open_engine(directory, threads=threads, snapshots=folder)
        bench = Bench(engine)
        bench.run(Call(prompt=bench.prompt(64), sampling=Sampling(max_tokens=4)))
        prompt = prompt or bench.prompt(LONG_PREFIX)
        seconds.append(bench.run(Call(prompt=prompt, sampling=Sampling(max_tokens=1))))
        engine.close()
    return seconds[0], seconds[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure adapters, activation and a restart.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        directory = engine_folder(arguments.checkpoint, folder)
        figures = measure(directory, arguments.threads, arguments.repeats)
    for name, value in figures.items():
        print(f"{name:<44}{value:>10,.1f}")
    print(json.dumps(figures))


def measure(directory: Path, threads: int | None, repeats: int) -> dict[str, float]:
    def median(what: Callable[[], float]) -> float:
        return round(statistics.median([what() for _ in range(repeats + 1)][1:]), 2)

    figures: dict[str, float] = {}
    engine = open_engine(directory, threads=threads)
    bench = Bench(engine)
    figures["decode base tokens/s"] = median(lambda: bench.decode(None))
    figures["decode 8 base tokens/s"] = median(lambda: bench.decode(*[None] * 8))
    for name in (None, "lora", "alora"):
        figures[f"first token after 1024, {name or 'base'} ms"] = median(
            partial(bench.first_token_ms, name)
        )
    figures["decode base tokens/s, graph with adapters"] = median(lambda: bench.decode(None))
    figures["decode lora tokens/s"] = median(lambda: bench.decode("lora"))
    figures["decode 8 rows of base, lora, alora tokens/s"] = median(
        lambda: bench.decode(*(None, "lora", "alora", "lora") * 2)
    )
    engine.close()
    times = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as kept:
            times.append(restart(directory, Path(kept), threads))
    figures["2048 computed, first token ms"] = round(
        1000 * statistics.median(computed for computed, _ in times), 1
    )
    figures["2048 restored, first token ms"] = round(
        1000 * statistics.median(restored for _, restored in times), 1
    )
    figures["aLoRA sooner than LoRA, times"] = round(
        figures["first token after 1024, lora ms"] / figures["first token after 1024, alora ms"], 1
    )
    figures["restored sooner than computed, times"] = round(
        figures["2048 computed, first token ms"] / figures["2048 restored, first token ms"], 1
    )
    return figures


if __name__ == "__main__":
    main()
