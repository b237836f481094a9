"""The arithmetic of side-by-side runs: medians, ratios, bars, the plot."""

import random
import xml.etree.ElementTree as ElementTree

import pytest
from benchmarks.peers.bars import BARS, Bar, Values, verdicts
from benchmarks.peers.chart import Bar as ChartBar
from benchmarks.peers.chart import Panel, draw
from benchmarks.peers.estimate import seconds
from benchmarks.peers.figures import (
    advantage,
    best_figure,
    number,
    paired_advantage,
    table,
)
from benchmarks.peers.work import FULL, QUICK, Work, prompt
from hypothesis import given
from hypothesis import strategies as st

SVG = "{http://www.w3.org/2000/svg}"
speeds = st.floats(0.1, 1e6)


@given(st.dictionaries(st.text(max_size=4), st.lists(speeds, max_size=5), max_size=4))
def test_the_best_way_is_the_one_no_other_median_beats(by_way: dict[str, list[float]]) -> None:
    highest, lowest = best_figure(by_way, True), best_figure(by_way, False)
    singles = [best_figure({way: values}, True) for way, values in by_way.items() if values]
    medians = [figure.value for figure in singles if figure is not None]
    assert (highest is None) == (not medians) == (lowest is None)
    if highest is not None and lowest is not None:
        assert highest.value == max(medians)
        assert lowest.value == min(medians)
        assert highest.lowest <= highest.value <= highest.highest
        assert highest.runs == len(by_way[highest.way])


@given(speeds, speeds)
def test_an_advantage_does_not_depend_on_the_unit_pointing_up_or_down(a: float, b: float) -> None:
    assert advantage(a, b, True) == pytest.approx(advantage(1 / a, 1 / b, False))
    assert advantage(a, b, True) * advantage(b, a, True) == pytest.approx(1)


@given(st.lists(st.floats(0.5, 2), min_size=1, max_size=7), st.floats(0.1, 10))
def test_what_slows_whole_rounds_down_does_not_change_the_paired_advantage(
    drift: list[float], ratio: float
) -> None:
    theirs = [100 * factor for factor in drift]
    ours = [ratio * value for value in theirs]
    assert paired_advantage(ours, theirs, True) == pytest.approx(ratio)


def test_a_round_that_only_one_side_has_is_left_out_of_the_paired_advantage() -> None:
    assert paired_advantage([10.0, 12.0, 1.0], [5.0, 6.0], True) == 2.0


def test_a_bar_counts_the_peers_best_way_unless_it_names_one() -> None:
    values: Values = {
        "a": {"smysl": {"": [30.0]}, "llama": {"good": [10.0], "bad": [5.0]}},
        "b": {"smysl": {"": [2.0]}, "llama": {"": [5.0]}},
    }
    bars = [Bar("a", "llama", 4.0), Bar("a", "llama", 4.0, "bad"), Bar("b", "llama", 2.0)]
    found = verdicts(values, {"a": True, "b": False}, bars)
    assert [(one.ratio, one.reached) for one in found] == [(3.0, False), (6.0, True), (2.5, True)]


def test_a_bar_without_figures_gives_no_verdict() -> None:
    values: Values = {"a": {"smysl": {"": [1.0]}, "llama": {"good": []}}}
    missing = [Bar("a", "llama", 1.0), Bar("a", "openvino", 1.0), Bar("b", "llama", 1.0)]
    assert verdicts(values, {"a": True}, missing) == []


def test_every_bar_is_about_work_of_the_full_run() -> None:
    assert {bar.work for bar in BARS} <= {work.name for work in FULL}


def test_prompts_of_different_salts_share_no_beginning() -> None:
    texts = [prompt(64, salt) for salt in random.Random(1).sample(range(20_000), 200)]
    assert len({text[0] for text in texts}) == len(texts)
    assert all(0 <= token < 150_000 for text in texts for token in text)


@pytest.mark.parametrize("work", [*FULL, *QUICK], ids=lambda work: work.name)
def test_more_branches_or_tokens_are_estimated_to_take_longer(work: Work) -> None:
    more = Work(work.name, work.kind, work.prompt + 512, work.branches, work.tokens)
    for peer in ("smysl", "llama", "openvino", "genai", "transformers"):
        assert 0 < seconds(work, peer, "") < seconds(more, peer, "")


def test_a_plot_is_a_picture_whose_longest_bars_are_the_largest_values() -> None:
    panel = Panel("x < y & z", (ChartBar("us", 20.0, "20", ours=True), ChartBar("them", 5.0, "5")))
    root = ElementTree.fromstring(draw("a title", "below it", [panel, panel]))
    bars = [float(one.attrib["width"]) for one in root.iter(f"{SVG}rect")][1:]
    assert bars[:2] == bars[2:]
    assert bars[0] == pytest.approx(4 * bars[1], rel=0.01)
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert "x < y & z" in texts
    bottom = float(root.attrib["height"])
    assert all(float(one.attrib["y"]) < bottom for one in root.iter(f"{SVG}text"))


def test_an_empty_panel_is_drawn() -> None:
    ElementTree.fromstring(draw("t", "s", [Panel("nothing", ())]))


@given(
    st.lists(st.lists(st.text("ab1", min_size=1, max_size=9), min_size=3, max_size=3), max_size=4)
)
def test_columns_of_a_table_end_where_their_headers_do(rows: list[list[str]]) -> None:
    lines = table(["first", "second", "third"], rows).splitlines()
    assert len(lines) == len(rows) + 2
    assert max(map(len, lines)) == len(lines[1])


@pytest.mark.parametrize(
    ("value", "text"), [(1234.6, "1,235"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23")]
)
def test_numbers_show_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text
