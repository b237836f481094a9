"""As much of a torch tensor as a caller of the library touches."""

from typing import Any

import numpy as np
import numpy.typing as npt


class Tensor:
    def __init__(self, values: npt.NDArray[Any]) -> None:
        self._values = values

    @property
    def shape(self) -> tuple[int, ...]:
        return self._values.shape

    def __len__(self) -> int:
        return len(self._values)

    def reshape(self, *shape: int) -> "Tensor":
        return Tensor(self._values.reshape(*shape))

    def float(self) -> "Tensor":
        return Tensor(self._values.astype(np.float32))

    def cpu(self) -> "Tensor":
        return self

    def numpy(self) -> npt.NDArray[Any]:
        return self._values
