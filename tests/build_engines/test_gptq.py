import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_build_engines.gptq import compensate
from smysl_build_engines.quantise import Float32, Format, dequantise, quantise


def correlated(seed: int, count: int, width: int) -> Float32:
    """Inputs whose features hang together, always in one way, as a model's do: [count, width]."""
    mixing = np.random.default_rng(0).standard_normal((max(2, width // 8), width))
    random = np.random.default_rng(seed)
    seen = random.standard_normal((count, len(mixing))) @ mixing
    return (seen + 0.1 * random.standard_normal((count, width))).astype(np.float32)


def output_error(weight: Float32, rounded: Float32, inputs: Float32) -> float:
    return float(np.linalg.norm(inputs @ (weight - rounded).T))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("block", [32, 64])
def test_outputs_move_less_than_by_rounding_to_nearest(symmetric: bool, block: int) -> None:
    weight = np.random.default_rng(1).standard_normal((48, 128)).astype(np.float32)
    form, fitted = Format(4, block, symmetric), correlated(2, 400, 128)
    moments = fitted.T.astype(np.float64) @ fitted
    nearest = dequantise(quantise(weight, form))
    compensated = dequantise(compensate(weight, moments, form))
    for inputs in (fitted, correlated(3, 400, 128)):
        better = output_error(weight, compensated, inputs)
        assert better < 0.5 * output_error(weight, nearest, inputs)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 99), st.booleans())
def test_any_shape_and_any_moments_give_weights_that_are_numbers(
    rows: int, width: int, seed: int, symmetric: bool
) -> None:
    random = np.random.default_rng(seed)
    weight = random.standard_normal((rows, width)).astype(np.float32)
    inputs = random.standard_normal((seed % 4, width))
    inputs[:, ::2] = 0
    stored = compensate(weight, inputs.T @ inputs, Format(4, 16, symmetric))
    back = dequantise(stored)
    assert back.shape == weight.shape
    assert np.isfinite(back).all()


def test_independent_inputs_of_one_strength_leave_nothing_to_make_up_for() -> None:
    weight = np.random.default_rng(3).standard_normal((8, 32)).astype(np.float32)
    form = Format(8, 32)
    compensated = dequantise(compensate(weight, np.eye(32), form))
    scale = quantise(weight, form).scales.repeat(32, axis=1)
    assert (np.abs(compensated - weight) <= 0.6 * scale).all()
