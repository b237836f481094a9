import msgspec

from smysl_cli import engine_words
from smysl_daemon.shapes import EngineStatsView

BUSY = EngineStatsView(
    loaded=True,
    running=3,
    waiting=2,
    block_tokens=32,
    blocks=1024,
    held_blocks=24,
    cached_blocks=310,
    weights_bytes=12_340_000,
    kv_bytes=85_500_000,
    kv_cap_bytes=262_000_000,
    prompt_tokens=48_210,
    cached_tokens=36_640,
    generated_tokens=9_120,
    drafted_tokens=1_020,
    accepted_tokens=622,
    preempted=4,
    evicted_blocks=3,
    saved_blocks=12,
    finished={"stop": 1_200, "length": 12},
    prefill_tokens_per_s=5_123.4,
)


def test_what_the_engine_holds_and_did_is_said_with_shares_in_per_cent() -> None:
    assert dict(engine_words.lines(BUSY)) == {
        "engine": "3 calls running, 2 waiting; weights of 12.3 MB; "
        "1,212 ended (12 length, 1,200 stop)",
        "prompts": "48,210 tokens, 76 % reused, others at 5,123 tokens/s",
        "output": "9,120 tokens, 1,020 guessed ahead, 61 % of them right",
        "blocks": "24 in use and 310 kept of 1,024 (85.5 of 262.0 MB), 32 tokens each, "
        "3 gave way, 12 saved as snapshots, 4 times a call had to give way",
    }


def test_prompts_read_from_snapshots_are_said_where_there_are_any() -> None:
    found = dict(engine_words.lines(msgspec.structs.replace(BUSY, restored_tokens=3_000)))
    assert "76 % reused, 3,000 read from snapshots" in found["prompts"]


def test_of_an_engine_that_is_not_in_memory_only_the_past_is_said() -> None:
    found = dict(engine_words.lines(msgspec.structs.replace(BUSY, loaded=False)))
    assert found["engine"].startswith("not in memory, the next call loads it; 1,212 ended")
    assert found["blocks"].startswith("3 gave way")


def test_nothing_is_divided_by_what_has_not_been_done() -> None:
    assert dict(engine_words.lines(EngineStatsView(loaded=True))) == {
        "engine": "0 calls running, 0 waiting; none ended yet",
        "prompts": "0 tokens",
        "output": "0 tokens",
    }
