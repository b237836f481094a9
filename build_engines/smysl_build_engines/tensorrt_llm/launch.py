"""The first file of the process that holds TensorRT-LLM: run by a Python that has the library and need
not have smysl, beside msgspec.

`launch.py ENGINES TOOLKIT ANSWER`: the folder of the package smysl_engines, what makes the toolkit
(`module:name`), and the file for the answer; the job comes on standard input. Finds its own package by
its own place, so both sides are of one version, and takes its folder off the path, where its modules'
names would stand before others'. Imports the standard library alone.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def _provide(name: str, folder: Path) -> None:
    spec = spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    package = module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)


# the library's own processes import this file again, under another name
if __name__ == "__main__":
    sys.path.pop(0)
    _provide("smysl_engines", Path(sys.argv[1]))
    _provide("smysl_build_engines", Path(__file__).resolve().parents[1])
    from smysl_build_engines.tensorrt_llm.child import main

    main(sys.argv[2], Path(sys.argv[3]))
