import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smysl_build_engines.quantise import Float32, block_for, dequantise, quantise

weights = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 70)),
    elements=st.floats(-8, 8, width=32),
)


@given(weights, st.sampled_from([4, 8]), st.sampled_from([16, 32]))
def test_no_weight_moves_by_more_than_half_its_scale(
    weight: Float32, bits: int, block: int
) -> None:
    stored = quantise(weight, bits, block)
    back = dequantise(stored)
    assert back.shape == weight.shape
    scale = stored.scales.repeat(block, axis=1)[:, : weight.shape[1]]
    assert (np.abs(back - weight) <= scale * 0.501 + 1e-30).all()
    assert stored.codes.shape == (*stored.scales.shape, block * bits // 8)


@given(weights, st.sampled_from([4, 8]))
def test_rounding_what_is_rounded_changes_nothing(weight: Float32, bits: int) -> None:
    once = dequantise(quantise(weight, bits, 16))
    np.testing.assert_allclose(dequantise(quantise(once, bits, 16)), once, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize(("width", "block"), [(256, 128), (192, 64), (96, 32), (48, 16), (50, 16)])
def test_the_widest_block_that_divides_is_used(width: int, block: int) -> None:
    assert block_for(width) == block


def test_a_block_of_zeros_stays_zero() -> None:
    np.testing.assert_array_equal(dequantise(quantise(np.zeros((2, 32), np.float32), 4)), 0)
