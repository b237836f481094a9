import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smysl_build_engines.quantise import Float32, Format, block_for, dequantise, quantise

weights = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 70)),
    elements=st.floats(-8, 8, width=32),
)


formats = st.builds(Format, st.sampled_from([4, 8]), st.sampled_from([16, 32]), st.booleans())


@given(weights, formats)
def test_no_weight_moves_by_more_than_its_scale(weight: Float32, form: Format) -> None:
    stored = quantise(weight, form)
    back = dequantise(stored)
    assert back.shape == weight.shape
    scale = stored.scales.repeat(form.block, axis=1)[:, : weight.shape[1]]
    # an asymmetric block rounds its zero as well
    steps = 0.501 if form.symmetric else 1.01
    assert (np.abs(back - weight) <= scale * steps + 1e-30).all()
    assert stored.codes.shape == (*stored.scales.shape, form.block * form.bits // 8)


@given(weights, formats)
def test_a_format_tells_the_bytes_it_takes(weight: Float32, form: Format) -> None:
    stored = quantise(weight, form)
    zeros = 0 if stored.zeros is None else stored.zeros.nbytes
    taken = stored.codes.nbytes + stored.scales.nbytes + zeros
    assert form.bytes_of(*weight.shape) == taken


@given(weights, st.sampled_from([4, 8]))
def test_rounding_what_is_rounded_changes_nothing(weight: Float32, bits: int) -> None:
    once = dequantise(quantise(weight, Format(bits, 16)))
    again = dequantise(quantise(once, Format(bits, 16)))
    np.testing.assert_allclose(again, once, rtol=1e-5, atol=1e-30)


def test_a_zero_of_its_own_serves_weights_on_one_side() -> None:
    weight = np.random.default_rng(0).uniform(0.5, 1.5, (8, 64)).astype(np.float32)
    errors = [
        float(np.abs(dequantise(quantise(weight, Format(4, 32, symmetric))) - weight).mean())
        for symmetric in (True, False)
    ]
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize(("width", "block"), [(256, 128), (192, 64), (96, 32), (48, 16), (50, 16)])
def test_the_widest_block_that_divides_is_used(width: int, block: int) -> None:
    assert block_for(width) == block


def test_a_block_of_zeros_stays_zero() -> None:
    np.testing.assert_array_equal(
        dequantise(quantise(np.zeros((2, 32), np.float32), Format(4, 32))), 0
    )
