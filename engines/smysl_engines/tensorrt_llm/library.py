"""TensorRT-LLM as it is installed: which names it has, and what each of our requests is in its words.

What a version takes is asked of its classes, never of its number: a keyword that a class does not
have is left out where the library does without it, and refused where it decides the output. Knows the
library's names and plain numbers; never a process, a frame or a queue.
"""

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from smysl_engines.base import EngineError
from smysl_engines.tensorrt_llm.artefact import ENGINE_CONFIG_FILE
from smysl_engines.tensorrt_llm.frames import Adapter, Generate, Load

ENGINE_LLM = ("tensorrt_llm._tensorrt_engine.LLM",)
CHECKPOINT_LLM = ("tensorrt_llm.LLM", "tensorrt_llm.llmapi.LLM")
_ARGUMENTS = "tensorrt_llm.llmapi.llm_args"
_PLACES = {
    "kv_cache_config": (f"{_ARGUMENTS}.KvCacheConfig", "tensorrt_llm.llmapi.KvCacheConfig"),
    "cuda_graph_config": (
        f"{_ARGUMENTS}.DecodeCudaGraphConfig",
        f"{_ARGUMENTS}.CudaGraphConfig",
        "tensorrt_llm.llmapi.CudaGraphConfig",
    ),
    "scheduler_config": (f"{_ARGUMENTS}.SchedulerConfig",),
    "peft_cache_config": (f"{_ARGUMENTS}.PeftCacheConfig",),
    "torch_compile_config": (f"{_ARGUMENTS}.TorchCompileConfig",),
    "extended_runtime_perf_knob_config": (f"{_ARGUMENTS}.ExtendedRuntimePerfKnobConfig",),
    "lora_config": (
        "tensorrt_llm._torch.peft.lora.config.LoraConfig",
        "tensorrt_llm.lora_helper.LoraConfig",
        "tensorrt_llm.lora_manager.LoraConfig",
    ),
}
"""Where the class of a configuration may be, by the keyword that takes it."""
_AT_RUN_TIME = ("enable_chunked_prefill", "max_num_tokens")
"""Of what an engine was built with: said again when it is opened."""
LOADED_ADAPTERS = 8
"""On the card at the same time; the others wait in the machine's memory."""
SHARED_PRIORITY = 80
"""Of keys and values of a prefix that several calls have; the library's usual one is 35."""
SHARED_FOR = timedelta(minutes=10)
"""From its last use; a prefix nobody comes back to is then like any other."""


class MissingFeature(EngineError):
    """The installed TensorRT-LLM lacks what the engine cannot do without."""


def find(places: Iterable[str]) -> Any:
    """The first of these names that exists. Raises `MissingFeature`."""
    tried = list(places)
    for place in tried:
        module, _, name = place.rpartition(".")
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise MissingFeature(
        f"the installed TensorRT-LLM has none of {', '.join(tried)}. Install the version that the "
        "artefact names."
    )


def fields_of(kind: Any) -> frozenset[str]:
    """The keywords that a class of the library takes: a pydantic model's or a dataclass's fields, else its
    constructor's parameters."""
    if known := getattr(kind, "model_fields", None):
        return frozenset(known)
    if dataclasses.is_dataclass(kind):
        return frozenset(field.name for field in dataclasses.fields(kind))
    return frozenset(inspect.signature(kind).parameters)


def known_only(kind: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the keywords that the class has."""
    known = fields_of(kind)
    return {name: value for name, value in wanted.items() if name in known}


def graph_batches(most: int) -> list[int]:
    """Batch sizes to capture a CUDA graph for: 1, 2, 4, multiples of 8, and the planned one."""
    return sorted({size for size in (1, 2, 4) if size < most} | {*range(8, most, 8), most})


class Library:
    """One loaded model."""

    def __init__(self, load: Load) -> None:
        """Loads it: minutes for a large one. Raises whatever the library does."""
        self._load = load
        self._sampling = find(["tensorrt_llm.SamplingParams", "tensorrt_llm.llmapi.SamplingParams"])
        self._sampling_fields = fields_of(self._sampling)
        engine = load.kind == "engine"
        make = find(ENGINE_LLM if engine else CHECKPOINT_LLM)
        self.llm = make(model=load.directory, **(_of_engine(load) if engine else _of_options(load)))
        self._calls = frozenset(inspect.signature(self.llm.generate_async).parameters)
        if load.adapters:
            self._lora = find(
                ["tensorrt_llm.executor.request.LoRARequest", "tensorrt_llm.llmapi.LoRARequest"]
            )
        self._retention = find(
            [
                "tensorrt_llm.llmapi.KvCacheRetentionConfig",
                "tensorrt_llm.bindings.executor.KvCacheRetentionConfig",
            ]
        )

    @property
    def end_id(self) -> int | None:
        """The token that its grammars end with."""
        tokenizer = self.llm.tokenizer
        found = getattr(tokenizer, "eos_token_id", None)
        return found if isinstance(found, int) else None

    @property
    def context_logits(self) -> bool:
        """Whether a prompt's logits can be had."""
        if self._load.kind == "checkpoint":
            return True
        config = msgspec.json.decode((Path(self._load.directory) / ENGINE_CONFIG_FILE).read_bytes())
        return bool(config.get("build_config", {}).get("gather_context_logits"))

    def generate(self, request: Generate) -> Any:
        """A `RequestOutput` that streams; call it where an event loop runs."""
        return self.llm.generate_async(
            inputs=list(request.prompt),
            sampling_params=self._of_request(request),
            streaming=True,
            **self._of_prefix(request.adapter, request.salt, request.shared),
        )

    def logits_after(
        self, tokens: list[int], adapter: Adapter | None, salt: str | None, shared: int
    ) -> Any:
        """A `RequestOutput` whose one token has its `generation_logits`."""
        sampling = self._params(max_tokens=1, top_k=1, return_generation_logits=True)
        return self.llm.generate_async(
            inputs=tokens,
            sampling_params=sampling,
            streaming=False,
            **self._of_prefix(adapter, salt, shared),
        )

    def _of_request(self, request: Generate) -> Any:
        wanted: dict[str, Any] = {"max_tokens": max(1, request.max_tokens)}
        if request.temperature == 0:
            wanted["top_k"] = 1
        else:
            # said in full: one of the library's samplers takes "neither given" for greedy
            wanted |= {"temperature": request.temperature, "seed": request.seed}
            wanted |= {"top_k": request.top_k, "top_p": request.top_p}
            if request.min_p:
                wanted["min_p"] = request.min_p
        if request.repetition_penalty != 1:
            wanted["repetition_penalty"] = request.repetition_penalty
        if request.bias or request.allowed is not None:
            wanted["embedding_bias"] = self._bias(request)
        if request.stop:
            wanted |= {"stop_token_ids": list(request.stop), "include_stop_str_in_output": True}
        if request.logprobs is not None:
            wanted["logprobs"] = max(1, request.logprobs)
        if request.echo is not None:
            wanted["return_context_logits"] = True
        if request.grammar is not None:
            guided = find(
                [
                    "tensorrt_llm.llmapi.GuidedDecodingParams",
                    "tensorrt_llm.sampling_params.GuidedDecodingParams",
                ]
            )
            wanted["guided_decoding"] = guided(grammar=request.grammar)
            # a grammar's matcher lets nothing but this token follow a whole output
            wanted |= {"end_id": self.end_id, "ignore_eos": False}
        return self._params(**wanted)

    def _params(self, **wanted: Any) -> Any:
        """Made anew for every request: the library writes into it."""
        if missing := sorted(wanted.keys() - self._sampling_fields):
            raise MissingFeature(
                f"the installed TensorRT-LLM has no sampling parameter {missing[0]!r}; leave it out"
            )
        # no end token of the library's own choosing; what ends a call is said by the call
        usual = {"end_id": -1, "pad_id": 0, "ignore_eos": True, "detokenize": False}
        return self._sampling(**(usual | wanted))

    def _bias(self, request: Generate) -> list[float]:
        start = 0.0 if request.allowed is None else float("-inf")
        row = [start] * self._load.vocabulary
        for token in request.allowed or ():
            row[token] = 0.0
        for token, bias in request.bias:
            row[token] += bias
        return row

    def _of_prefix(self, adapter: Adapter | None, salt: str | None, shared: int) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if adapter is not None:
            wanted["lora_request"] = self._lora(
                lora_name=adapter.name, lora_int_id=adapter.int_id, lora_path=adapter.path
            )
        if salt is not None:
            if "cache_salt" not in self._calls:
                raise MissingFeature(
                    "the installed TensorRT-LLM cannot keep apart what different users' prompts "
                    "leave behind (cache_salt); use 1.2 or later"
                )
            wanted["cache_salt"] = salt
        if shared and "kv_cache_retention_config" in self._calls:
            whole = self._retention.TokenRangeRetentionConfig(
                0, shared, SHARED_PRIORITY, SHARED_FOR
            )
            wanted["kv_cache_retention_config"] = self._retention(
                token_range_retention_configs=[whole]
            )
        return wanted


def _of_engine(load: Load) -> dict[str, Any]:
    """The keywords of a compiled engine: what its build did not decide already."""
    wanted = _shared_settings(load, {})
    wanted |= {name: load.options[name] for name in _AT_RUN_TIME if name in load.options}
    # graphs with adapters chosen call by call were wrong in one version of the library
    graphs = {"cuda_graph_mode": not load.adapters, "cuda_graph_cache_size": load.max_batch}
    name = "extended_runtime_perf_knob_config"
    given = load.options.get(name)
    wanted[name] = _configured(
        name, {} if given else graphs, given if isinstance(given, dict) else {}
    )
    return _known_to(find([f"{_ARGUMENTS}.TrtLlmArgs"]), wanted)


def _of_options(load: Load) -> dict[str, Any]:
    """The keywords of a checkpoint: those it was resolved to, and the numbers of this start."""
    options = dict(load.options)
    arguments = find([f"{_ARGUMENTS}.TorchLlmArgs"])
    _demand(arguments, options, _base_fields())
    given = {name: value for name, value in options.items() if isinstance(value, dict)}
    wanted = dict(options)
    for name in given.keys() & _PLACES.keys():
        wanted[name] = _configured(name, {}, given[name])
    wanted |= _shared_settings(load, given)
    wanted |= {"max_seq_len": load.context, "max_input_len": load.context}
    wanted["enable_iter_perf_stats"] = True
    if options.get("cuda_graph_config", given) is not None:
        sizes = {"batch_sizes": graph_batches(load.max_batch), "enable_padding": True}
        usual = {"max_batch_size": 0}  # either is given to the library, never both
        graphs = given.get("cuda_graph_config", {})
        wanted["cuda_graph_config"] = _configured("cuda_graph_config", sizes | usual, graphs)
    return _known_to(arguments, wanted)


def _shared_settings(load: Load, given: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Of both kinds. `given`: configurations that the artefact names."""
    room: dict[str, Any] = {"enable_block_reuse": True}
    if load.kv_tokens is not None:
        room["max_tokens"] = load.kv_tokens
    wanted: dict[str, Any] = {
        "kv_cache_config": _configured("kv_cache_config", room, given.get("kv_cache_config", {})),
        "max_batch_size": load.max_batch,
        "gather_generation_logits": True,
    }
    if load.guided:
        wanted["guided_decoding_backend"] = "xgrammar"
    if load.adapters:
        sizes = {
            "lora_target_modules": list(load.modules),
            "max_lora_rank": load.max_rank,
            "max_loras": min(LOADED_ADAPTERS, load.adapters),
            "max_cpu_loras": load.adapters,
        }
        wanted["enable_lora"] = True
        wanted["lora_config"] = _configured("lora_config", sizes, given.get("lora_config", {}))
    return wanted


def _configured(keyword: str, ours: dict[str, Any], given: dict[str, Any]) -> Any:
    """`given` must all be known to the class; of ours what it knows goes on top."""
    kind = find(_PLACES[keyword])
    _demand(kind, given, frozenset())
    return kind(**(given | known_only(kind, ours)))


def _demand(kind: Any, options: Mapping[str, Any], more: frozenset[str]) -> None:
    if unknown := sorted(options.keys() - fields_of(kind) - more):
        raise MissingFeature(
            f"the artefact was made with the option {unknown[0]!r}, which the installed TensorRT-LLM "
            "does not have. Install the version that the artefact names."
        )


def _base_fields() -> frozenset[str]:
    """What every kind of model takes; nothing in versions that have one class for all."""
    try:
        return fields_of(find([f"{_ARGUMENTS}.BaseLlmArgs"]))
    except MissingFeature:
        return frozenset()


def _known_to(arguments: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    known = fields_of(arguments) | _base_fields()
    return {name: value for name, value in wanted.items() if name in known}
