"""The process that holds TensorRT-LLM: does one job and ends; `launch.py` starts it.

Knows jobs and the toolkit; never a plan or the store.
"""

import ctypes
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from smysl_build_engines.tensorrt_llm.jobs import (
    Answer,
    Compile,
    Compiled,
    Continued,
    Failed,
    Generate,
    Generated,
    Job,
    Look,
    Looked,
    Prompted,
)
from smysl_build_engines.tensorrt_llm.toolkit import Llm, Toolkit

_MEMORY = ("out of memory", "outofmemory", "cudaerrormemoryallocation", "failed to allocate")
"""How CUDA, torch and TensorRT say that the card is full."""


def do(job: Job, toolkit: Toolkit) -> Answer:
    """Never raises: what the library raises is an answer."""
    try:
        match job:
            case Look():
                return Looked(toolkit.probe())
            case Compile():
                return _compile(job, toolkit)
            case Generate():
                return _generate(job, toolkit)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        full = any(word in text.lower() for word in _MEMORY)
        return Failed(what="memory" if full else "library", message=text)


def _compile(job: Compile, toolkit: Toolkit) -> Answer:
    llm = toolkit.make_llm("engine", model=job.model, workspace=job.workspace, **job.options)
    try:
        llm.save(engine_dir=job.directory)
    finally:
        llm.shutdown()
    return Compiled()


def _generate(job: Generate, toolkit: Toolkit) -> Answer:
    llm = toolkit.make_llm(job.kind, model=job.model, **job.options)
    try:
        found = [_continue(llm, group, job.max_tokens, toolkit) for group in job.groups]
    finally:
        llm.shutdown()
    return Generated(tuple(found))


def _continue(
    llm: Llm, group: Prompted, max_tokens: int, toolkit: Toolkit
) -> tuple[Continued, ...]:
    keywords: dict[str, Any] = {"use_tqdm": False}
    if group.adapter:
        keywords["lora_request"] = toolkit.lora_request(
            lora_name=group.adapter, lora_int_id=group.int_id, lora_path=group.folder
        )
    found = []
    for prompt in group.prompts:
        # one at a time, as the reference reads them: a batch chooses other kernels
        sampling = toolkit.sampling(
            max_tokens=max_tokens, top_k=1, ignore_eos=True, logprobs=1, detokenize=False
        )
        result = llm.generate(inputs=list(prompt), sampling_params=sampling, **keywords)
        output = result.outputs[0]
        tokens = tuple(int(token) for token in output.token_ids)
        found.append(Continued(tokens, _logprobs(output.logprobs, tokens)))
    return tuple(found)


def _logprobs(found: Any, tokens: tuple[int, ...]) -> tuple[float, ...]:
    """A mapping of token to `Logprob` for each position; plain numbers in one case of the library."""
    if found is None or len(found) != len(tokens):
        count = 0 if found is None else len(found)
        raise ValueError(f"{count} log-probabilities came for {len(tokens)} tokens")
    return tuple(
        float(each) if isinstance(each, int | float) else float(each[token].logprob)
        for each, token in zip(found, tokens, strict=True)
    )


def _end_with_parent() -> None:
    """Be killed when whoever started us is: nobody would take the answer. Linux's alone."""
    try:
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL))
    except (OSError, AttributeError):
        pass


_SET_DEATH_SIGNAL = 1


def main(toolkit: str, target: Path) -> None:
    """`toolkit`: `module:name` of what makes it; `target`: for the answer, there whole or not at all."""
    _end_with_parent()
    module, _, name = toolkit.partition(":")
    made: Toolkit = getattr(importlib.import_module(module), name)()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    answer = do(job, made)
    part = target.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(answer))
    os.replace(part, target)
