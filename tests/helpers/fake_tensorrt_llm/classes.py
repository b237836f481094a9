"""The library's configuration classes, made from a contract.

pydantic's refuse an unknown keyword or a wrong type with `ValueError`, dataclasses with `TypeError`, as
the real ones do. Knows signatures; never an engine.
"""

import dataclasses
import enum
import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar

from fake_tensorrt_llm.contract import Contract, Parameter, check, current, default_of

ARGUMENTS = "tensorrt_llm.llmapi.llm_args"


class Field:
    """What `model_fields` maps a name to."""

    def __init__(self, parameter: Parameter) -> None:
        self.annotation = parameter.annotation


class Model:
    """A pydantic model that forbids what it does not know."""

    model_fields: ClassVar[dict[str, Field]] = {}
    _parameters: ClassVar[dict[str, Parameter]] = {}
    _known: ClassVar[dict[str, Any]] = {}

    def __init__(self, **keywords: Any) -> None:
        kind = type(self).__name__
        for name, value in keywords.items():
            if name not in self._parameters:
                raise ValueError(f"{kind}: {name}: extra inputs are not permitted")
            try:
                check(f"{kind}.{name}", value, self._parameters[name].annotation)
            except TypeError as error:
                raise ValueError(str(error)) from error
        for name, parameter in self._parameters.items():
            if parameter.required and name not in keywords:
                raise ValueError(f"{kind}: {name}: field required")
            value = keywords.get(name, default_of(parameter, self._known))
            setattr(self, name, value)
        self.validate()

    def validate(self) -> None:
        """What a model says beyond its fields."""


class KvCacheConfig(Model):
    free_gpu_memory_fraction: float | None

    def validate(self) -> None:
        fraction = self.free_gpu_memory_fraction
        if fraction is not None and not 0 <= fraction <= 1:
            raise ValueError(f"free_gpu_memory_fraction is {fraction}; it must be from 0 to 1")


class CudaGraphConfig(Model):
    batch_sizes: list[int] | None
    max_batch_size: int

    def validate(self) -> None:
        if self.batch_sizes is None:
            return
        if self.max_batch_size and max(self.batch_sizes) != self.max_batch_size:
            raise ValueError("batch_sizes and max_batch_size contradict each other")
        if self.batch_sizes != sorted(set(self.batch_sizes)) or self.batch_sizes[0] < 1:
            raise ValueError("batch_sizes must be positive, each once, in order")


_BASES: dict[str, type[Model]] = {
    "KvCacheConfig": KvCacheConfig,
    "CudaGraphConfig": CudaGraphConfig,
    "DecodeCudaGraphConfig": CudaGraphConfig,
}


def _sampling_rules(it: Any) -> None:
    """Beyond the fields of `SamplingParams`."""
    if it.best_of is None:
        it.best_of = it.n
    if it.best_of < it.n:
        raise ValueError(f"best_of {it.best_of} is below n {it.n}")
    if it.top_p is not None and not 0 <= it.top_p <= 1:
        raise ValueError(f"top_p is {it.top_p}; it must be from 0 to 1")
    if it.top_k is not None and it.top_k < 0:
        raise ValueError(f"top_k is {it.top_k}; it must not be negative")
    if it.temperature is not None and it.temperature < 0:
        raise ValueError(f"temperature is {it.temperature}; it must not be negative")
    allowed = os.environ.get("TLLM_ALLOW_N_GREEDY_DECODING")
    if is_greedy(it) and it.best_of > 1 and not it.use_beam_search and not allowed:
        raise ValueError("greedy decoding gives one output; best_of asks for more")


def is_greedy(it: Any) -> bool:
    nothing = it.temperature is None and it.top_p is None and it.top_k is None
    return bool(nothing or it.top_k == 1 or it.top_p == 0 or it.temperature == 0)


def _lora_rules(it: Any) -> None:
    """Beyond the fields of `LoRARequest`."""
    if it.lora_path is not None and not os.path.exists(it.lora_path):
        raise ValueError(f"lora_path {it.lora_path!r} does not exist")
    if it.lora_ckpt_source not in ("hf", "nemo"):
        raise ValueError(f"lora_ckpt_source is {it.lora_ckpt_source!r}")


def _guided_rules(it: Any) -> None:
    """Beyond the fields of `GuidedDecodingParams`."""
    given = (it.json, it.regex, it.grammar, it.structural_tag)
    if sum(each is not None for each in given) + bool(it.json_object) > 1:
        raise ValueError("only one way of guided decoding can be used")


_RULES: dict[str, Callable[[Any], None]] = {
    "SamplingParams": _sampling_rules,
    "LoRARequest": _lora_rules,
    "GuidedDecodingParams": _guided_rules,
}
_DATACLASSES = {"SamplingParams", "LoRARequest", "GuidedDecodingParams", "SchedulingParams"}


class KvCacheRetentionConfig:
    """The binding `KvCacheRetentionConfig`."""

    class TokenRangeRetentionConfig:
        def __init__(
            self,
            token_start: int,
            token_end: int | None = None,
            priority: int = 35,
            duration_ms: timedelta | None = None,
        ) -> None:
            if not 0 <= priority <= 100:
                raise ValueError(f"priority is {priority}; it must be from 0 to 100")
            if token_end is not None and not 0 <= token_start < token_end:
                raise ValueError("a range must not be empty")
            if duration_ms is not None and not isinstance(duration_ms, timedelta):
                raise TypeError("duration_ms must be a timedelta")
            self.token_start, self.token_end = token_start, token_end
            self.priority, self.duration_ms = priority, duration_ms

    def __init__(self, *positional: Any, **keywords: Any) -> None:
        name = "tensorrt_llm.bindings.executor.KvCacheRetentionConfig.__init__"
        given = current().bind(name, positional, keywords)
        self.token_range_retention_configs = given["token_range_retention_configs"]
        self.decode_retention_priority = given.get("decode_retention_priority", 35)


@cache
def made(name: str) -> Any:
    """The class of a dotted name of the current contract."""
    contract = current()
    parameters = contract.signatures[name]
    short = name.rpartition(".")[2]
    if any(parameter.kind == "ENUM_MEMBER" for parameter in parameters):
        members = {p.name: p.default for p in parameters}
        return enum.Enum(short, {k: str(v).strip("'") for k, v in members.items()})
    if short in _DATACLASSES or "dataclass" in _kind_of(name):
        return _dataclass(short, contract.parameters(name))
    return _model(short, _with_base(contract, name))


def _kind_of(name: str) -> str:
    # a dataclass in 1.2, a pydantic model later
    return "dataclass" if name == "tensorrt_llm.lora_helper.LoraConfig" else "pydantic"


def _with_base(contract: Contract, name: str) -> list[Parameter]:
    base = f"{ARGUMENTS}.BaseLlmArgs"
    inherited = []
    if name in (f"{ARGUMENTS}.TrtLlmArgs", f"{ARGUMENTS}.TorchLlmArgs"):
        inherited = contract.signatures.get(base, [])
    own = contract.parameters(name)
    return [*(p for p in inherited if p.name not in {q.name for q in own}), *own]


def _model(short: str, parameters: list[Parameter]) -> type[Model]:
    known = {}
    for p in parameters:
        for needed in {(p.default or "").removeprefix("factory:").partition(".")[0]}:
            if needed and needed.isidentifier():
                known[needed] = _find(needed)
    fields = {
        "_parameters": {p.name: p for p in parameters},
        "_known": {name: kind for name, kind in known.items() if kind is not None},
        "model_fields": {p.name: Field(p) for p in parameters},
    }
    return type(short, (_BASES.get(short, Model),), fields)


def _find(short: str) -> Any:
    """A class that a default names; of those that nothing is known of, an empty one."""
    if short in ("dict", "list"):
        return {"dict": dict, "list": list}[short]
    if short in ("None", "True", "False"):
        return None
    for name in current().signatures:
        if name.rpartition(".")[2] == short:
            return made(name)
    return type(short, (Model,), {})


def _dataclass(short: str, parameters: list[Parameter]) -> Any:
    fields: list[Any] = []
    for p in parameters:
        if p.required:
            fields.append((p.name, Any))
        elif p.default and p.default.startswith("factory:"):
            factory = _find(p.default.removeprefix("factory:"))
            fields.append((p.name, Any, dataclasses.field(default_factory=factory)))
        else:
            fields.append((p.name, Any, default_of(p, {})))
    annotations = {p.name: p.annotation for p in parameters}

    def checked(self: Any) -> None:
        for name, annotation in annotations.items():
            check(f"{short}.{name}", getattr(self, name), annotation)
        if short in _RULES:
            _RULES[short](self)

    return dataclasses.make_dataclass(short, fields, namespace={"__post_init__": checked})
