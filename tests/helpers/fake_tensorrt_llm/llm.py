"""The classes `LLM` of both kinds: constructor, validators, requests, statistics.

Every call is bound against the contract. Knows what the library refuses; the executor computes.
"""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

from fake_tensorrt_llm.artefacts import CONFIG_FILE, ENGINE_FILE
from fake_tensorrt_llm.classes import ARGUMENTS, made
from fake_tensorrt_llm.contract import current, signed
from fake_tensorrt_llm.executor import FAULT_VARIABLE, Executor, Request
from fake_tensorrt_llm.grammar import Guides
from fake_tensorrt_llm.model import FakeModel
from fake_tensorrt_llm.results import RequestOutput

CHILD_VARIABLE = "SMYSL_FAKE_CHILD"
"""Names a file for the number of a process that loading leaves behind, with the fault `child`."""
CALLS_VARIABLE = "SMYSL_FAKE_CALLS"
"""Names a file that a line is added to for every request, for tests to look at."""


class Tokenizer:
    """As much as the library's callers ask of one."""

    def __init__(self, folder: Path) -> None:
        self.eos_token_id = None
        for name in ("generation_config.json", "config.json"):
            if (folder / name).is_file():
                found = json.loads((folder / name).read_text()).get("eos_token_id")
                self.eos_token_id = found if self.eos_token_id is None else self.eos_token_id


class _Llm:
    signature: ClassVar[str]
    arguments: ClassVar[str]
    engine: ClassVar[bool]

    def __init__(self, *positional: Any, **keywords: Any) -> None:
        contract = current()
        names = {p.name for p in contract.parameters(self.signature)}
        leading = {k: v for k, v in keywords.items() if k in names}
        given = contract.bind(self.signature, positional, leading)
        kind = made(self.arguments)
        rest = {k: v for k, v in keywords.items() if k not in names}
        for name in rest:
            if name in ("backend", "_mpi_session") or name in kind.model_fields:
                continue
            raise ValueError(self._unknown(name))
        self.args = kind(**(given | rest))
        self._validate()
        if "oom" in os.environ.get(FAULT_VARIABLE, ""):
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        if "child" in os.environ.get(FAULT_VARIABLE, ""):
            # as the library: a process that does not end with this one
            child = subprocess.Popen(["sleep", "600"], process_group=0)
            Path(os.environ[CHILD_VARIABLE]).write_text(str(child.pid))
        self._open(Path(self.args.model))
        self._numbers = itertools.count(1)
        self._stats: list[dict[str, Any]] = []
        most = self.args.max_batch_size or 8
        self._executor = Executor(self._model, most, self._note)
        self._down = False

    def _unknown(self, name: str) -> str:
        return f"{type(self).__name__} got invalid argument: {name}"

    def _validate(self) -> None:
        """Of the arguments together."""

    def _open(self, folder: Path) -> None:
        raise NotImplementedError

    @property
    def tokenizer(self) -> Tokenizer | None:
        return None if self.args.skip_tokenizer_init else self._tokenizer

    def _note(self) -> None:
        """What the executor would say of an iteration."""
        used = sum(len(r.text.tokens) // 32 + 1 for r in self._executor.running if r.text)
        self._stats.append(
            {
                "iter": self._executor.turns,
                "numActiveRequests": len(self._executor.running),
                "numQueuedRequests": self._executor.waiting,
                "gpuMemUsage": 1_000_000,
                "kvCacheStats": {
                    "maxNumBlocks": 1000,
                    "usedNumBlocks": used,
                    "freeNumBlocks": 1000 - used,
                    "tokensPerBlock": 32,
                },
            }
        )
        del self._stats[:-1000]

    @signed("tensorrt_llm.LLM.generate_async")
    def generate_async(self, *positional: Any, **keywords: Any) -> RequestOutput:
        given = current().bind("tensorrt_llm.LLM.generate_async", positional, keywords)
        if self._down:
            raise RuntimeError("LLM is shutting down")
        _record(given)
        prompt = given["inputs"]
        if not isinstance(prompt, list):
            raise NotImplementedError("this fake takes token ids")
        sampling = (
            given.get("sampling_params") or made("tensorrt_llm.sampling_params.SamplingParams")()
        )
        self._prepare(sampling)
        self._check(prompt, sampling, given)
        output = RequestOutput(
            next(self._numbers), prompt, self._executor_abort, cumulative=not self.engine
        )
        request = Request(output, sampling, streaming=given.get("streaming", False))
        request.salt = given.get("cache_salt")
        request.end_id = -1 if sampling.ignore_eos else sampling.end_id
        request.end_included = not self.engine
        request.weights = self._model.base()
        if (lora := given.get("lora_request")) is not None:
            request.lora = lora.lora_int_id
            request.weights = self._model.weights(
                lora.lora_int_id, lora.lora_name, lora.lora_path, self._max_rank
            )
        if sampling.guided_decoding is not None:
            request.guide = self._guide(sampling.guided_decoding)
        self._executor.add(request)
        return output

    @signed("tensorrt_llm.LLM.generate")
    def generate(self, *positional: Any, **keywords: Any) -> Any:
        given = current().bind("tensorrt_llm.LLM.generate", positional, keywords)
        given.pop("use_tqdm", None)
        inputs = given.pop("inputs")
        if inputs and not isinstance(inputs[0], int):
            # a list is indexed by position, anything else is shared
            each = [
                {k: v[i] if isinstance(v, list) else v for k, v in given.items()}
                for i in range(len(inputs))
            ]
            made_now = [
                self.generate_async(inputs=prompt, **own)
                for prompt, own in zip(inputs, each, strict=True)
            ]
            return [one.result() for one in made_now]
        return self.generate_async(inputs=inputs, **given).result()

    def _executor_abort(self, id: int) -> None:
        self._executor.abort(id)

    def _prepare(self, sampling: Any) -> None:
        """The library writes into the caller's object."""
        if sampling.end_id is None:
            tokenizer = self.tokenizer
            if tokenizer is None:
                raise ValueError("tokenizer is required to reset end_id if it is None")
            sampling.end_id = tokenizer.eos_token_id
            sampling.stop_token_ids = [*(sampling.stop_token_ids or []), tokenizer.eos_token_id]
        if sampling.pad_id is None:
            sampling.pad_id = sampling.end_id

    def _check(self, prompt: list[int], sampling: Any, given: dict[str, Any]) -> None:
        args = self.args
        if given.get("lora_request") is not None and not args.enable_lora:
            raise ValueError("lora_request needs enable_lora")
        if sampling.guided_decoding is not None and args.guided_decoding_backend is None:
            raise ValueError("guided_decoding needs guided_decoding_backend")
        whole = len(prompt) + sampling.max_tokens
        if self._context is not None and whole > self._context:
            raise ValueError(
                f"the sum of prompt length and max_tokens {whole} exceeds max_seq_len {self._context}"
            )
        bias = sampling.embedding_bias
        if bias is not None and len(bias) != self._model.decoder.vocab_size:
            raise ValueError(f"embedding_bias has {len(bias)} numbers")

    def _guide(self, guided: Any) -> Any:
        if guided.grammar is None:
            raise NotImplementedError("this fake reads grammars")
        tokenizer = self.tokenizer
        if tokenizer is None or tokenizer.eos_token_id is None:
            raise ValueError("guided decoding needs a tokenizer with an end token")
        if self._guides is None:
            self._guides = Guides(
                self._folder / "tokenizer.json",
                self._model.decoder.vocab_size,
                tokenizer.eos_token_id,
            )
        return self._guides.guide(guided.grammar)

    @signed("tensorrt_llm.LLM.get_stats_async")
    def get_stats_async(self, *positional: Any, **keywords: Any) -> AsyncIterator[dict[str, Any]]:
        given = current().bind("tensorrt_llm.LLM.get_stats_async", positional, keywords)
        return self._stats_for(given.get("timeout", 2) or 0)

    async def _stats_for(self, timeout: float) -> AsyncIterator[dict[str, Any]]:
        if self._collects:
            if not self._stats:
                await asyncio.sleep(timeout)
            while self._stats:
                yield self._stats.pop(0)

    def shutdown(self) -> None:
        if not self._down:
            self._down = True
            self._executor.close()

    def __enter__(self) -> "_Llm":
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def __getstate__(self) -> None:
        raise RuntimeError("LLM object can not be pickled")

    _model: FakeModel
    _tokenizer: Tokenizer
    _folder: Path
    _context: int | None
    _max_rank: int
    _collects: bool
    _guides: Guides | None = None


class EngineLlm(_Llm):
    """`tensorrt_llm._tensorrt_engine.LLM`."""

    signature = "tensorrt_llm._tensorrt_engine.LLM.__init__"
    arguments = f"{ARGUMENTS}.TrtLlmArgs"
    engine = True

    def _validate(self) -> None:
        args = self.args
        # an AssertionError in the library, which pydantic makes a ValueError of
        if args.kv_cache_config.dtype != "auto":
            raise ValueError("kv_cache_config.dtype is only supported by the PyTorch backend")
        if args.guided_decoding_backend not in (None, "xgrammar"):
            raise ValueError("the TensorRT backend only supports xgrammar")

    def _open(self, folder: Path) -> None:
        if not (folder / ENGINE_FILE).is_file():
            raise NotImplementedError("this fake loads engines; artefacts.py makes them")
        config = json.loads((folder / CONFIG_FILE).read_text())
        if set(config) != {"version", "pretrained_config", "build_config"}:
            raise ValueError(f"{folder / CONFIG_FILE} is no engine's")
        build = config["build_config"]
        built = json.loads((folder / ENGINE_FILE).read_text())
        self._model = FakeModel(Path(built["checkpoint"]))
        # an engine's tokenizer lies beside it
        self._folder, self._tokenizer = folder, Tokenizer(folder)
        if self._tokenizer.eos_token_id is None:
            self._tokenizer.eos_token_id = config["pretrained_config"].get("eos_token_id")
        self._context = build["max_seq_len"]
        self._logits = bool(build.get("gather_context_logits"))
        self._collects = True
        lora = self.args.lora_config
        planned = (build.get("lora_config") or {}).get("max_lora_rank", 0)
        self._max_rank = min(planned, lora.max_lora_rank if lora else 0)
        if self.args.max_batch_size and self.args.max_batch_size > build["max_batch_size"]:
            warnings.warn("max_batch_size is lowered to the engine's", stacklevel=2)
            self.args.max_batch_size = build["max_batch_size"]

    def _check(self, prompt: list[int], sampling: Any, given: dict[str, Any]) -> None:
        super()._check(prompt, sampling, given)
        asked = sampling.logprobs is not None or sampling.return_generation_logits
        if asked and not self.args.gather_generation_logits:
            raise ValueError("logprobs needs gather_generation_logits")
        if sampling.return_context_logits or sampling.prompt_logprobs is not None:
            if not self._logits:
                raise ValueError("prompt_logprobs needs BuildConfig.gather_context_logits")

    def save(self, *positional: Any, **keywords: Any) -> None:
        name = "tensorrt_llm._tensorrt_engine.LLM.save"
        given = current().bind(name, positional, keywords)
        shutil.copytree(self._folder, given["engine_dir"], dirs_exist_ok=True)


class CheckpointLlm(_Llm):
    """`tensorrt_llm.LLM`."""

    signature = "tensorrt_llm.LLM.__init__"
    arguments = f"{ARGUMENTS}.TorchLlmArgs"
    engine = False

    def _unknown(self, name: str) -> str:
        if (
            current().contract.engine_backend
            and name in made(f"{ARGUMENTS}.TrtLlmArgs").model_fields
        ):
            return f"{name} is an argument of tensorrt_llm._tensorrt_engine.LLM"
        return super()._unknown(name)

    def _open(self, folder: Path) -> None:
        self._model = FakeModel(folder)
        self._folder, self._tokenizer = folder, Tokenizer(folder)
        self._context = self.args.max_seq_len
        self._collects = bool(self.args.enable_iter_perf_stats)
        lora = self.args.lora_config
        self._max_rank = lora.max_lora_rank if lora else 0


def _record(given: dict[str, Any]) -> None:
    if path := os.environ.get(CALLS_VARIABLE):
        lora, kept = given.get("lora_request"), given.get("kv_cache_retention_config")
        ranges = kept.token_range_retention_configs if kept else []
        line = {
            "tokens": len(given["inputs"]),
            "max_tokens": given["sampling_params"].max_tokens,
            "seed": given["sampling_params"].seed,
            "streaming": given.get("streaming", False),
            "salt": given.get("cache_salt"),
            "lora": None if lora is None else [lora.lora_name, lora.lora_int_id],
            "kept": [[r.token_start, r.token_end, r.priority] for r in ranges],
        }
        with open(path, "a") as file:
            file.write(json.dumps(line) + "\n")
