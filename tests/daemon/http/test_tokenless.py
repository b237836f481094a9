"""An address that others reach, without a token: refused where it is written, and where it would be opened."""

from pathlib import Path
from typing import Any

import pytest

from smysl_daemon.config import HttpConfig, load_config
from smysl_daemon.errors import BadConfig

FILE = '[http]\ntcp = "{}"\ntoken = false\n'


@pytest.mark.parametrize("where", ["0.0.0.0:0", "192.0.2.1:80", "[::]:7465"])
async def test_both_say_the_same(facade: Any, tmp_path: Path, where: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(FILE.format(where))
    with pytest.raises(BadConfig) as written:
        load_config(file)
    with pytest.raises(BadConfig) as opened:
        async with facade(http=HttpConfig(tcp=where, token=False)):
            pass
    assert str(written.value) == f"{file}: {opened.value}"


@pytest.mark.parametrize("where", ["7465", "127.0.0.1:0", "[::1]:80", "localhost:80"])
def test_on_this_machine_alone_it_is_taken(tmp_path: Path, where: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(FILE.format(where))
    assert load_config(file).http == HttpConfig(tcp=where, token=False)
