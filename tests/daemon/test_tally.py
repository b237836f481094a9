"""What several engines in a row have done adds up, and what only one of them holds does not."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from smysl_daemon.shapes import EngineStatsView
from smysl_daemon.tally import COUNTED, HELD, closed, one_more, together
from smysl_daemon.views import engine_stats_view
from smysl_engines.base import EngineStats

FIELDS = EngineStats.__struct_fields__
OF_THE_ENGINE = ("block_tokens", "blocks", "kv_cap_bytes", "prefill_tokens_per_s", "finished")

stats = st.builds(
    EngineStats,
    **{name: st.integers(0, 1 << 40) for name in FIELDS if name not in OF_THE_ENGINE},
    finished=st.dictionaries(st.sampled_from(["stop", "length", "failed"]), st.integers(1, 99)),
)


def test_every_number_is_counted_held_or_a_property_of_the_engine() -> None:
    assert sorted((*COUNTED, *HELD, *OF_THE_ENGINE)) == sorted(FIELDS)


@given(stats, stats, stats)
def test_it_does_not_matter_in_which_steps_engines_are_added(
    a: EngineStats, b: EngineStats, c: EngineStats
) -> None:
    assert together(together(a, b), c) == together(a, together(b, c))
    assert together(EngineStats(), a) == a


@given(stats, stats)
def test_what_was_done_adds_up_and_what_is_held_is_the_last_engines(
    before: EngineStats, now: EngineStats
) -> None:
    both = together(before, now)
    for name in COUNTED:
        assert getattr(both, name) == getattr(before, name) + getattr(now, name)
    for name in HELD:
        assert getattr(both, name) == getattr(now, name)
    assert sum(both.finished.values()) == sum((*before.finished.values(), *now.finished.values()))
    assert together(before, closed(now)) == closed(both)


@given(stats)
def test_a_closed_engine_holds_nothing_and_has_done_what_it_did(found: EngineStats) -> None:
    rest = closed(found)
    assert not any(getattr(rest, name) for name in HELD)
    assert all(getattr(rest, name) == getattr(found, name) for name in COUNTED)
    assert rest.finished == found.finished


def test_one_more_call_is_counted_under_its_end() -> None:
    found = one_more(one_more(EngineStats(finished={"stop": 2}, steps=3), "stop"), "failed")
    assert found == EngineStats(finished={"stop": 3, "failed": 1}, steps=3)


def test_the_rate_of_an_engine_that_has_not_computed_yet_is_that_of_the_one_before() -> None:
    before = EngineStats(prefill_tokens_per_s=5.0)
    assert together(before, EngineStats()).prefill_tokens_per_s == 5.0
    now = EngineStats(prefill_tokens_per_s=7.0)
    assert together(before, now).prefill_tokens_per_s == 7.0


@given(stats)
def test_clients_are_told_every_number(found: EngineStats) -> None:
    view = engine_stats_view(found, loaded=True)
    assert msgspec.to_builtins(view) == msgspec.to_builtins(found) | {"loaded": True}
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(view), type=EngineStatsView) == view
