"""The fake refuses what the library would, for both versions: it is what the other tests rest on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
HEAD = """
import asyncio
from tensorrt_llm import LLM, SamplingParams
from tensorrt_llm.llmapi import KvCacheConfig, GuidedDecodingParams, LoRARequest
from tensorrt_llm.llmapi.llm_args import TorchLlmArgs
def refused(kind, make):
    try:
        make()
    except kind as error:
        return str(error)
    raise SystemExit(f"{kind.__name__} was not raised")
"""


def run(machine: Any, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", HEAD + code],
        env=os.environ | machine.variables(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def loaded(machine: Any) -> str:
    artefact: Path = machine.artefact()
    if machine.kind == "engine":
        return (
            "from tensorrt_llm._tensorrt_engine import LLM as Open\n"
            f"llm = Open(model={str(artefact)!r}, gather_generation_logits=True)\n"
        )
    return f"Open = LLM\nllm = LLM(model={str(artefact)!r}, max_seq_len=512)\n"


def test_ordinary_tests_find_no_such_library() -> None:
    with pytest.raises(ModuleNotFoundError):
        __import__("tensorrt_llm")


def test_the_engine_backend_is_in_one_version_only(machine: Any) -> None:
    code = "import importlib.util as u\nfound = u.find_spec('tensorrt_llm._tensorrt_engine')\n"
    run(machine, f"{code}assert (found is not None) == {machine.contract == '1.2.1'}")


def test_a_keyword_of_another_version_is_refused(machine: Any) -> None:
    old = machine.contract == "1.2.1"
    run(
        machine,
        f"""
said = refused(ValueError, lambda: LLM(model='x', no_such_thing=1))
assert 'no_such_thing' in said
for name in ('sampler_type', 'fail_fast_on_attention_window_too_large'):
    known = name in TorchLlmArgs.model_fields
    assert known == {old}, name
    if not known:
        refused(ValueError, lambda: LLM(model='x', **{{name: 'auto'}}))
assert ('onboard_blocks' in KvCacheConfig.model_fields) == {old}
if {old}:
    assert '_tensorrt_engine' in refused(ValueError, lambda: LLM(model='x', fast_build=True))
refused(ValueError, lambda: KvCacheConfig(free_gpu_memory_fraction=1.5))
refused(ValueError, lambda: KvCacheConfig(max_tokens='many'))
""",
    )


def test_keys_and_values_of_an_engine_keep_the_precision_of_its_build(machine: Any) -> None:
    if machine.kind == "engine":
        run(
            machine,
            "from tensorrt_llm._tensorrt_engine import LLM as Open\n"
            "fp8 = KvCacheConfig(dtype='fp8')\n"
            "assert 'dtype' in refused(ValueError, lambda: Open(model='x', kv_cache_config=fp8))\n"
            "refused(ValueError, lambda: Open(model='x', guided_decoding_backend='llguidance'))\n",
        )


def test_sampling_parameters_keep_the_rules(machine: Any) -> None:
    run(
        machine,
        """
assert SamplingParams().max_tokens == 32
refused(TypeError, lambda: SamplingParams(max_token=3))
refused(TypeError, lambda: SamplingParams(max_tokens='3'))
refused(ValueError, lambda: SamplingParams(n=2))
refused(ValueError, lambda: SamplingParams(temperature=1.0, n=3, best_of=2))
refused(ValueError, lambda: SamplingParams(top_p=1.5))
refused(ValueError, lambda: SamplingParams(top_k=-1))
refused(ValueError, lambda: GuidedDecodingParams(regex='a', grammar='b'))
refused(ValueError, lambda: LoRARequest('a', 1, '/no/such/folder'))
""",
    )


def test_a_stream_is_one_object_and_what_is_new_is_in_its_differences(machine: Any) -> None:
    run(
        machine,
        loaded(machine)
        + """
async def stream():
    result = llm.generate_async(inputs=[5, 6, 7], streaming=True,
        sampling_params=SamplingParams(max_tokens=5, end_id=-1, top_k=1))
    seen, ids = set(), []
    async for step in result:
        seen.add(id(step))
        ids += step.outputs[0].token_ids_diff
    assert len(seen) == 1 and result.finished
    assert ids == result.outputs[0].token_ids and len(ids) == 5
    assert result.outputs[0].finish_reason == 'length'
    long = llm.generate_async(inputs=[5, 6, 7], streaming=True,
        sampling_params=SamplingParams(max_tokens=400, end_id=-1, top_k=1))
    await anext(aiter(long))
    long.abort()
    await long
    assert long.aborted() and long.outputs[0].finish_reason == 'cancelled'
    assert len(long.outputs[0].token_ids) < 400
asyncio.run(stream())
llm.shutdown()
llm.shutdown()
refused(RuntimeError, lambda: llm.generate_async(inputs=[1]))
""",
    )


def test_a_request_made_without_a_loop_cannot_be_awaited(machine: Any) -> None:
    run(
        machine,
        loaded(machine)
        + """
result = llm.generate_async(inputs=[5, 6], sampling_params=SamplingParams(end_id=-1, top_k=1))
async def wait():
    await result
refused(AssertionError, lambda: asyncio.run(wait()))
assert len(result.result(timeout=0.0).outputs[0].token_ids) == 32
llm.shutdown()
""",
    )


def test_arguments_of_requests_are_bound_and_lists_go_by_position(machine: Any) -> None:
    run(
        machine,
        loaded(machine)
        + """
sampling = SamplingParams(max_tokens=2, end_id=-1, top_k=1)
refused(TypeError, lambda: llm.generate_async(inputs=[1], max_tokens=3))
refused(TypeError, lambda: llm.generate_async(inputs=[1], sampling_params={'max_tokens': 3}))
refused(TypeError, lambda: llm.generate_async(sampling_params=sampling))
refused(ValueError, lambda: llm.generate_async(inputs=[1], sampling_params=SamplingParams(
    max_tokens=600, end_id=-1)))
lora = LoRARequest(lora_name='a', lora_int_id=1, lora_path='/tmp')
refused(ValueError, lambda: llm.generate_async(inputs=[1], sampling_params=sampling,
    lora_request=lora))
several = llm.generate([[5, 6], [7, 8, 9]], [
    SamplingParams(max_tokens=n, end_id=-1, top_k=1) for n in (1, 3)], use_tqdm=False)
assert [len(one.outputs[0].token_ids) for one in several] == [1, 3]
one = llm.generate([5, 6], SamplingParams(max_tokens=3, end_id=-1, top_k=1))
assert len(one.outputs[0].token_ids) == 3
own = SamplingParams(max_tokens=1)
llm.generate([5, 6], own)
assert own.end_id == 2 and own.stop_token_ids == [2], 'the library writes into its argument'
llm.shutdown()
""",
    )


def test_a_stop_token_is_cut_off_unless_it_is_asked_for(machine: Any) -> None:
    run(
        machine,
        loaded(machine)
        + """
first = llm.generate([5, 6, 7], SamplingParams(max_tokens=1, end_id=-1, top_k=1))
token = first.outputs[0].token_ids[0]
for kept in (False, True):
    found = llm.generate([5, 6, 7], SamplingParams(max_tokens=9, end_id=-1, top_k=1,
        stop_token_ids=[token], include_stop_str_in_output=kept)).outputs[0]
    assert found.finish_reason == 'stop' and found.stop_reason == token
    assert found.token_ids == [token] * kept
llm.shutdown()
""",
    )
