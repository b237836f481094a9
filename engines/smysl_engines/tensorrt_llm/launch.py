"""The worker process's first file: run by a Python that has TensorRT-LLM and need not have smysl.

Finds the package that it lies in by its own place, so that both sides are always of one version, and
nothing else of that installation gets onto the library's path. Knows no library; imports the standard
one alone.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

PACKAGE = "smysl_engines"


def _provide_package() -> None:
    folder = Path(__file__).resolve().parents[1]
    spec = spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    package = module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


# the library's own processes import this file again, under another name
if __name__ == "__main__":
    _provide_package()
    from smysl_engines.tensorrt_llm.worker import main

    main(sys.argv[1:])
