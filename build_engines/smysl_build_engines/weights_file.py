"""Writes the tensors of a graph one after the other into a file beside it.

Knows where each tensor lies; never what it is for. At most a few pieces of rows are in memory.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

_ALIGNMENT = 64


class WeightsFile:
    """`tensors` are the graph's initializers: names and places, no data."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """`name`: of the file, as the graph refers to it."""
        self.tensors: list[TensorProto] = []
        self._file = file
        self._name = name

    def store(self, name: str, array: npt.NDArray[Any]) -> None:
        self.stream(name, array.shape, array.dtype, [array])

    def stream(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        pieces: Iterable[npt.NDArray[Any]],
    ) -> None:
        """`pieces`: the tensor's rows, cut anywhere between rows."""
        self._file.write(bytes(-self._file.tell() % _ALIGNMENT))
        start = self._file.tell()
        for piece in pieces:
            # unlike `tofile`, a file says why it takes no more
            self._file.write(np.ascontiguousarray(piece, dtype).reshape(-1).view(np.uint8).data)
        length = self._file.tell() - start
        assert length == int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        tensor = TensorProto(name=name, data_type=onnx_type(dtype), dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": self._name, "offset": start, "length": length}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.tensors.append(tensor)

    def constant(self, name: str, array: npt.NDArray[Any]) -> None:
        """A small tensor within the graph itself."""
        self.tensors.append(
            helper.make_tensor(name, onnx_type(array.dtype), array.shape, array.ravel())
        )


def read_stored(folder: Path, tensor: TensorProto) -> npt.NDArray[Any]:
    """An array of the caller's own from where a graph's initializer says it lies."""
    place = {entry.key: entry.value for entry in tensor.external_data}
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    count = int(np.prod(tensor.dims, dtype=np.int64))
    path = folder / Path(place["location"]).name
    return np.fromfile(path, dtype, count, offset=int(place["offset"])).reshape(tensor.dims)


def onnx_type(dtype: npt.DTypeLike) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
