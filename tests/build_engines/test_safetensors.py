import json
from pathlib import Path

import numpy as np
import pytest

from smysl_build_engines.errors import BadCheckpoint
from smysl_build_engines.random_model import write_safetensors
from smysl_build_engines.safetensors import SafetensorsFile

TENSORS = {
    "a": np.array([[1.5, -2.0, 0.25]], np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "number": np.array(7.0, np.float32),
}


def write(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_tensors_of_every_type_come_back_as_float32(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, TENSORS, dtype)
    file = SafetensorsFile(path)
    assert list(file) == list(TENSORS)
    for name, tensor in TENSORS.items():
        assert file[name].dtype == np.float32
        assert file.shape(name) == tensor.shape
        np.testing.assert_array_equal(file[name], tensor)


@pytest.mark.parametrize(("dtype", "torch_name"), [("F16", "float16"), ("BF16", "bfloat16")])
def test_half_precision_is_read_as_the_safetensors_library_reads_it(
    tmp_path: Path, dtype: str, torch_name: str
) -> None:
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    tensor = torch.randn(5, 3).to(getattr(torch, torch_name))
    library.save_file({"x": tensor}, tmp_path / "x", metadata={"format": "pt"})
    np.testing.assert_array_equal(SafetensorsFile(tmp_path / "x")["x"], tensor.float().numpy())


GOOD = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("header", "data", "complaint"),
    [
        (b"\xff\xfe", b"", "cannot be read"),
        (b"[]", b"", "cannot be read"),
        (b"[" * 50_000, b"", "cannot be read"),
        ({"a": {"dtype": "F32"}}, b"", "cannot be read"),
        ({"a": GOOD | {"extra": 1}}, b"1234", "cannot be read"),
        ({"a": GOOD | {"shape": [1.5]}}, b"1234", "cannot be read"),
        ({"a": GOOD | {"dtype": "I64"}}, b"1234", "I64"),
        ({"a": GOOD | {"shape": [-1]}}, b"1234", "shape"),
        ({"a": GOOD | {"shape": [2**62, 2**62]}}, b"1234", "demand"),
        ({"a": GOOD | {"data_offsets": [-4, 0]}}, b"1234", "demand"),
        ({"a": GOOD | {"data_offsets": [4, 8]}}, b"12345678", "demand"),
        ({"a": GOOD, "b": GOOD}, b"1234", "demand"),
        ({"a": GOOD}, b"123", "3 bytes of data"),
        ({"a": GOOD}, b"12345", "5 bytes of data"),
    ],
)
def test_a_header_that_does_not_describe_the_file_is_refused(
    tmp_path: Path, header: object, data: bytes, complaint: str
) -> None:
    with pytest.raises(BadCheckpoint, match=complaint):
        SafetensorsFile(write(tmp_path / "x", header, data))


@pytest.mark.parametrize("content", [b"", b"1234567", b"\xff" * 8, (2**40).to_bytes(8, "little")])
def test_a_truncated_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadCheckpoint):
        SafetensorsFile(tmp_path / "x")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="No such file"):
        SafetensorsFile(tmp_path / "x")
