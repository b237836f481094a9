"""Quantises a 16-bit checkpoint with NVIDIA Model Optimizer.

`python optimizer.py --source DIR --target NEW --format nvfp4 --calibration FILE` needs
`nvidia-modelopt[torch]`, transformers and a GPU that holds the 16-bit model; smysl need not be there.
It calls Model Optimizer at three places only: the format's own configuration, `quantize`, and the
export as a Hugging Face folder, which appears whole or not at all.
"""

import argparse
import copy
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SAMPLES = 512
SAMPLE_TOKENS = 512
_FORMATS = {"fp8": "FP8_DEFAULT_CFG", "nvfp4": "NVFP4_DEFAULT_CFG"}
_KV = "FP8_KV_CFG"


def main(words: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(words)
    target: Path = given.target
    if target.exists():
        print(f"{target} is there already; give a new folder", file=sys.stderr)
        return 1
    lines = given.calibration.read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if line.strip()][:SAMPLES]
    if not texts:
        print(f"{given.calibration} has no text; give one sample a line", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _quantise(given.source, part, given.format, given.kv == "fp8", texts)
        part.chmod(0o755)
        os.rename(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="optimizer")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--format", choices=sorted(_FORMATS), required=True)
    parser.add_argument("--kv", choices=("fp8", "none"), default="fp8")
    parser.add_argument("--calibration", type=Path, required=True)
    return parser


def _quantise(source: Path, target: Path, form: str, kv: bool, texts: Sequence[str]) -> None:
    transformers: Any = importlib.import_module("transformers")
    quantization: Any = importlib.import_module("modelopt.torch.quantization")
    export: Any = importlib.import_module("modelopt.torch.export")
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        source, torch_dtype="auto", device_map="cuda"
    )
    settings = copy.deepcopy(getattr(quantization, _FORMATS[form]))
    if kv:
        settings["quant_cfg"].update(getattr(quantization, _KV)["quant_cfg"])
    quantization.quantize(model, settings, forward_loop=_forward(tokenizer, texts))
    export.export_hf_checkpoint(model, export_dir=str(target))
    tokenizer.save_pretrained(target)


def _forward(tokenizer: Any, texts: Sequence[str]) -> Callable[[Any], None]:
    def forward(model: Any) -> None:
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=SAMPLE_TOKENS)
            model(input_ids=tokens.input_ids.to(model.device))

    return forward


if __name__ == "__main__":
    # its folder, where other modules' names would stand before those of packages
    sys.path.pop(0)
    sys.exit(main())
