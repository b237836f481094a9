"""Counters become series: what happened between two looks."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.tui.model.meters import SAMPLES, Meters
from smysl_daemon.protocol import DaemonStatus
from smysl_daemon.shapes import EngineStatsView

COUNTED = ("computed_tokens", "drafted_tokens", "steps", "prompt_tokens", "cached_tokens")


def status(pid: int = 1, rss: int = 50_000_000, **stats: int) -> DaemonStatus:
    return DaemonStatus(
        version="1",
        pid=pid,
        uptime_seconds=1.0,
        model="m",
        fingerprint="f",
        backend="b",
        precision="p",
        clients=1,
        runs=0,
        rss_bytes=rss,
        data="d",
        socket="s",
        engine=msgspec.convert({"loaded": True} | stats, EngineStatsView),
    )


def test_rates_are_differences_of_two_looks_over_their_time() -> None:
    meters = Meters()
    meters.look(status(blocks=100, held_blocks=10, cached_blocks=40), 10.0)
    assert (meters.blocks.now, meters.memory.now) == ("50 %", "50 MB")
    assert [meter.now for meter in (meters.tokens, meters.batch, meters.hits)] == ["", "", ""]
    # of 500 computed 50 are of prompts and 30 guessed ahead: 420 in 140 steps
    busy = {"computed_tokens": 500, "drafted_tokens": 30, "steps": 140}
    meters.look(status(blocks=100, prompt_tokens=200, cached_tokens=150, **busy), 12.0)
    assert meters.tokens.now == "250 /s"
    assert meters.batch.now == "3.0"
    assert meters.hits.now == "75 %"
    # nobody asked anything since: what was reused last stands
    meters.look(status(blocks=100, prompt_tokens=200, cached_tokens=150, **busy), 13.0)
    assert (meters.tokens.now, meters.batch.now, meters.hits.now) == ("0 /s", "0.0", "75 %")
    meters.look(status(running=5, prompt_tokens=200, cached_tokens=150, **busy), 14.0)
    assert meters.batch.now == "5.0"


def test_another_daemons_counters_begin_anew() -> None:
    meters = Meters()
    meters.look(status(pid=1, computed_tokens=9000), 1.0)
    meters.look(status(pid=2, computed_tokens=10), 2.0)
    assert list(meters.tokens.series) == []
    meters.look(status(pid=2, computed_tokens=30), 3.0)
    assert list(meters.tokens.series) == [20.0]


def test_a_daemon_that_does_not_say_has_a_memory_all_the_same() -> None:
    meters = Meters()
    meters.look(msgspec.structs.replace(status(), engine=None), 1.0)
    assert meters.memory.now == "50 MB" and meters.tokens.now == ""


@given(st.lists(st.tuples(*[st.integers(0, 50)] * len(COUNTED)), max_size=2 * SAMPLES))
def test_the_series_add_up_to_what_was_counted(gains: list[tuple[int, ...]]) -> None:
    meters = Meters()
    counts = dict.fromkeys(COUNTED, 0)
    meters.look(status(**counts), 0.0)
    for second, gained in enumerate(gains, start=1):
        counts = {name: counts[name] + more for name, more in zip(COUNTED, gained, strict=True)}
        meters.look(status(**counts), float(second))
    assert list(meters.tokens.series) == [float(gained[0]) for gained in gains][-SAMPLES:]
    assert all(0 <= share <= 1 for share in meters.hits.series)
