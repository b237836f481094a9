"""Adds to the wheel what is made from the commands themselves: the manual page and shell completions.

Hatchling calls it (`tool.hatch.build.hooks.custom`); an editable installation gets neither.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPLETIONS = {
    "bash": "share/bash-completion/completions/smysl",
    "zsh": "share/zsh/site-functions/_smysl",
    "fish": "share/fish/vendor_completions.d/smysl.fish",
}
MANUAL = "from smysl_cli.manual import main; main()"
START = "sys.argv[0] = 'smysl'; from smysl_cli.app import main; main()"


class GeneratedFiles(BuildHookInterface[BuilderConfig]):
    """What a package manager would put beside the programs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        folder = Path(self.directory) / "generated"
        folder.mkdir(parents=True, exist_ok=True)
        shared = build_data["shared_data"]
        page = self._written(folder / "smysl.1", MANUAL)
        shared[str(page)] = "share/man/man1/smysl.1"
        for shell, place in COMPLETIONS.items():
            # what a shell's own start file would run
            asking = {"_SMYSL_COMPLETE": f"source_{shell}"}
            script = self._written(folder / shell, START, asking)
            shared[str(script)] = place

    def _written(self, file: Path, code: str, variables: dict[str, str] | None = None) -> Path:
        root = Path(self.root)
        # what the build asked for is on this process's path, not beside its interpreter; PYTHONPATH is
        # how pip keeps it so, and not ours to set
        places = [str(root / "cli"), str(root / "daemon"), *sys.path]
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:] = {places!r}; {code}"],
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | (variables or {}),
            cwd=root,
            capture_output=True,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"{file.name} cannot be made: {said[-1] if said else code}")
        # zsh looks for #compdef in the first line
        file.write_bytes(done.stdout.lstrip())
        return file
