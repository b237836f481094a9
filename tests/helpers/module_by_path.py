"""Loads a module of the tests by its path: tests are no package (import-mode=importlib)."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load(name: str, path: Path) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def thinker_module() -> ModuleType:
    """Of the scripted model that the tests of reasoning speak with."""
    return load("smysl_test_thinker", Path(__file__).parents[1] / "reasoning" / "conftest.py")
