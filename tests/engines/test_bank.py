from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines import bank as bank_module
from smysl_engines.bank import Bank, Float32
from smysl_engines.base import BadCall, Mix, State
from smysl_engines.manifest import AdapterEntry, Architecture, CorruptEngine, Width

LAYERS = 2
WIDTHS = {"qkv": Width(6, 10), "o": Width(4, 6), "gate_up": Width(6, 16), "down": Width(8, 6)}
RANKS: dict[str, dict[str, int]] = {
    "ask": {"qkv": 3, "o": 2},
    "plan": {"qkv": 1, "down": 4},
    "verify": {"o": 5},
}
ARCHITECTURE = Architecture(
    vocabulary=10, hidden_size=6, layers=LAYERS, kv_heads=1, head_dim=4, context=8
)


class Described(msgspec.Struct, frozen=True):
    adapters: dict[str, AdapterEntry]
    architecture: Architecture = ARCHITECTURE


def entry(name: str, **fields: Any) -> AdapterEntry:
    ranks = RANKS[name]
    widths = {role: WIDTHS[role] for role in ranks}
    sound = AdapterEntry(kind="lora", file=f"adapter.{name}.npz", ranks=ranks, widths=widths)
    return msgspec.structs.replace(sound, **fields)


def arrays_of(name: str) -> dict[str, Float32]:
    random = np.random.default_rng(sum(name.encode()))
    arrays: dict[str, Any] = {}
    for role, rank in RANKS[name].items():
        for layer in range(LAYERS):
            width = WIDTHS[role]
            arrays[f"layers.{layer}.{role}.a"] = random.standard_normal((width.inputs, rank))
            arrays[f"layers.{layer}.{role}.b"] = random.standard_normal((rank, width.outputs))
    return {key: array.astype(np.float32) for key, array in arrays.items()}


def save(path: Path, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    for name in RANKS:
        save(folder / f"adapter.{name}.npz", arrays_of(name))
    return folder


@pytest.fixture(scope="module")
def bank(folder: Path) -> Bank:
    return Bank(folder, Described({name: entry(name) for name in ("verify", "plan", "ask")}))


def change(
    bank_inputs: dict[str, Float32], gates: dict[str, Float32], product: str, x: Float32
) -> Float32:
    """What the graph adds to a product."""
    role = product.rsplit(".", 1)[1]
    low = x @ bank_inputs[f"adapter_a.{product}"]
    changed = (low * gates[f"gates.{role}"]) @ bank_inputs[f"adapter_b.{product}"]
    return np.asarray(changed, np.float32)


def alone(state: State, product: str, x: Float32) -> Float32:
    """The sum of each adapter's own change times its weight."""
    role = product.rsplit(".", 1)[1]
    total = np.zeros((*x.shape[:-1], WIDTHS[role].outputs))
    for name, weight in state:
        if role in RANKS[name]:
            arrays = arrays_of(name)
            total += weight * (x @ arrays[f"{product}.a"] @ arrays[f"{product}.b"])
    return total.astype(np.float32)


PRODUCTS = [f"layers.{layer}.{role}" for layer in range(LAYERS) for role in ("qkv", "o", "down")]
weights = st.floats(-2, 2, width=32)
states = st.dictionaries(st.sampled_from(sorted(RANKS)), weights, max_size=3).map(
    lambda parts: tuple(sorted(parts.items()))
)


@given(st.lists(states, min_size=1, max_size=5))
def test_each_row_of_a_batch_gets_the_sum_of_its_own_adapters(
    bank: Bank, rows: list[State]
) -> None:
    selected = bank.select(bank.names_in(rows))
    gates = selected.gates(rows)
    for product in PRODUCTS:
        width = WIDTHS[product.rsplit(".", 1)[1]]
        x = np.random.default_rng(1).standard_normal((len(rows), 1, width.inputs), np.float32)
        found = change(selected.inputs, gates, product, x)
        for row, state in enumerate(rows):
            assert np.allclose(found[row], alone(state, product, x[row]), atol=1e-4)


@given(states, st.integers(1, 6), st.integers(-3, 8))
def test_a_span_gives_the_tokens_from_the_activation_on_the_state(
    bank: Bank, state: State, tokens: int, since: int
) -> None:
    selected = bank.select(bank.names_in([state]))
    gates = selected.span(state, tokens, since)
    for product in PRODUCTS:
        role = product.rsplit(".", 1)[1]
        x = np.ones((1, tokens, WIDTHS[role].inputs), np.float32)
        found = change(selected.inputs, gates, product, x)[0]
        first = min(max(since, 0), tokens)
        assert not found[:first].any()
        assert np.allclose(found[first:], alone(state, product, x[0, first:]), atol=1e-4)


def test_what_the_graph_is_given_has_its_names_shapes_and_layout(bank: Bank) -> None:
    assert bank.names == ("ask", "plan", "verify")
    assert bank.widths == {role: WIDTHS[role] for role in ("qkv", "o", "down")}
    for names in ((), ("plan",), ("ask", "plan", "verify")):
        selected = bank.select(names)
        gates = selected.gates([(), ()]) | {}
        assert set(gates) == {"gates.qkv", "gates.o", "gates.down"}
        assert len(selected.inputs) == 2 * LAYERS * 3
        for role, width in bank.widths.items():
            rank = sum(RANKS[name].get(role, 0) for name in names)
            assert gates[f"gates.{role}"].shape == (2, 1, rank)
            for layer in range(LAYERS):
                a = selected.inputs[f"adapter_a.layers.{layer}.{role}"]
                b = selected.inputs[f"adapter_b.layers.{layer}.{role}"]
                assert a.shape == (width.inputs, rank) and b.shape == (rank, width.outputs)
        for array in (*selected.inputs.values(), *gates.values()):
            assert array.dtype == np.float32 and array.flags.c_contiguous


def test_a_set_of_adapters_stays_put_together_until_others_come(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(folder, Described({name: entry(name) for name in RANKS}))
    sets = [("ask", "plan"), ("ask", "verify"), ("plan", "verify")]
    monkeypatch.setattr(bank_module, "KEPT_SETS", 2)
    single, first = bank.select(("ask",)), bank.select(sets[0])
    assert bank.select(sets[0]) is first
    bank.select(sets[1])
    assert bank.select(sets[0]) is first
    for names in sets[1:]:
        bank.select(names)
    assert not bank.keeps(first)
    assert bank.select(sets[0]) is not first
    assert bank.select(("ask",)) is single


def test_adapters_that_are_side_by_side_with_others_are_not_put_together_again(
    folder: Path,
) -> None:
    bank = Bank(folder, Described({name: entry(name) for name in RANKS}))
    assert bank.covering(("ask", "plan")) == ("ask", "plan")
    bank.select(("ask", "plan", "verify"))
    assert bank.covering(("ask", "plan")) == ("ask", "plan", "verify")
    assert bank.covering(("ask",)) == ("ask",)
    bank.select(("ask", "plan"))
    assert bank.covering(("ask", "plan")) == ("ask", "plan")


@given(
    st.lists(st.integers(0, 3), max_size=20), st.lists(st.integers(0, 3), min_size=1, max_size=3)
)
def test_an_activated_adapter_sets_in_at_the_last_place_of_its_invocation(
    tokens: list[int], invocation: list[int]
) -> None:
    alora = entry("ask", kind="alora", invocation=tuple(invocation))
    bank = Bank(Path("nowhere"), Described({"ask": alora}))
    length = len(invocation)
    places = [n for n in range(len(tokens)) if tokens[n : n + length] == invocation]
    if places:
        assert bank.activation(tokens, "ask") == bank.since(tokens, (("ask", 1.0),)) == places[-1]
    else:
        with pytest.raises(BadCall, match="does not hold"):
            bank.activation(tokens, "ask")


def test_where_a_state_begins_is_given_or_where_its_adapters_agree(folder: Path) -> None:
    adapters = {
        "ask": entry("ask", kind="alora", invocation=(5,)),
        "plan": entry("plan"),
        "verify": entry("verify", kind="alora", invocation=(5, 6)),
    }
    bank = Bank(folder, Described(adapters))
    prompt = (1, 5, 6, 2)
    assert (bank.kind("ask"), bank.kind("plan")) == ("alora", "lora")
    assert bank.since(prompt, ()) == 0
    assert bank.since(prompt, bank.state("plan")) == 0
    assert bank.since(prompt, bank.state(Mix((("ask", 1.0), ("verify", 1.0))))) == 1
    mix = bank.state(Mix((("ask", 1.0), ("plan", 1.0))))
    with pytest.raises(BadCall, match="ask at 1, plan at 0.*`activation`"):
        bank.since(prompt, mix)
    assert bank.since(prompt, mix, 3) == 3
    assert bank.since(prompt, mix, 4) == 4
    for outside in (-1, 5):
        with pytest.raises(BadCall, match=f"activation is {outside}.*4 tokens"):
            bank.since(prompt, mix, outside)


def test_a_state_is_names_in_order_with_the_sum_of_their_weights(bank: Bank) -> None:
    assert bank.state(None) == ()
    assert bank.state("plan") == (("plan", 1.0),)
    parts = (("verify", 0.5), ("ask", 2.0), ("verify", 0.25), ("plan", 0.0))
    assert bank.state(Mix(parts)) == (("ask", 2.0), ("verify", 0.75))
    assert bank.state(Mix((("ask", 1.0), ("ask", -1.0)))) == ()
    with pytest.raises(BadCall, match="no adapter 'other'; it has: ask, plan, verify"):
        bank.state("other")
    with pytest.raises(BadCall, match="'ask' has the weight nan"):
        bank.state(Mix((("ask", float("nan")),)))
    assert bank.names_in([(("plan", 1.0),), (), (("ask", 1.0), ("plan", 2.0))]) == ("ask", "plan")


def test_a_bank_of_none_knows_the_base_model_only(tmp_path: Path) -> None:
    bank = Bank(tmp_path, Described({}))
    assert bank.names == () and bank.state(None) == () and bank.select(()).inputs == {}
    with pytest.raises(BadCall, match="it has: none"):
        bank.state("ask")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "alora"},
        {"invocation": (1,)},
        {"ranks": {"qkv": 3}},
        {"ranks": {"qkv": 3, "o": 0}},
        {"ranks": {"qkv": 3, "x": 1}, "widths": {"qkv": WIDTHS["qkv"], "x": WIDTHS["o"]}},
        {"widths": {"qkv": WIDTHS["o"], "o": WIDTHS["o"]}},
    ],
)
def test_entries_that_contradict_each_other_are_refused(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    adapters = {"plan": entry("plan"), "ask": entry("ask", **fields)}
    with pytest.raises(CorruptEngine, match="ask.*Rebuild|plan.*Rebuild"):
        Bank(tmp_path, Described(adapters))


def test_a_file_that_is_not_what_the_manifest_describes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "adapter.ask.npz"
    sound = arrays_of("ask")
    key = "layers.1.o.b"

    def refusal() -> str:
        with pytest.raises(CorruptEngine) as caught:
            Bank(tmp_path, Described({"ask": entry("ask")})).select(("ask",))
        return str(caught.value)

    assert "cannot be read" in refusal()
    wrong: list[Any] = [
        sound[key].T,
        sound[key].astype(np.float64),
        np.array([{"an": "object"}], dtype=object),
    ]
    for array in wrong[:2]:
        save(path, sound | {key: array})
        assert key in refusal()
    save(path, sound | {key: wrong[2]})
    assert "cannot be read" in refusal()
    save(path, {name: array for name, array in sound.items() if name != key})
    assert "other arrays" in refusal()
    save(path, sound | {"layers.2.o.a": sound[key]})
    assert "other arrays" in refusal()
    with path.open("wb") as file:
        np.save(file, sound[key])
    assert "other arrays" in refusal()
    save(path, sound)
    path.write_bytes(path.read_bytes()[:-30])
    assert "cannot be read" in refusal()
    save(path, sound)
    inputs = Bank(tmp_path, Described({"ask": entry("ask")})).select(("ask",)).inputs
    assert np.array_equal(inputs[f"adapter_b.{key.removesuffix('.b')}"], sound[key])
