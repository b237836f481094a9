"""Templates, schemas, history, models and settings at the command line, against a daemon or none."""

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from smysl_cli import settings
from smysl_daemon.config import Config, load_config

FENCED = "Here it is:\n```sh\necho hi\n```\n"


@pytest.fixture
def config(talk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config folder of this test's own; the daemon is the module's."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("SMYSL_CONFIG_DIR", str(folder))
    return folder


# ------------------------------------------------------------ templates


def test_a_template_is_written_used_shown_and_deleted(talk: Any, config: Path) -> None:
    text = b'summary = "in few words"\nprompt = "In {n} words: {input}"\n[defaults]\nn = "three"\n'
    done = talk("templates", "edit", "brief", stdin=text)
    assert (done.code, done.out) == (0, f"{config}/templates/brief.toml\n")
    assert talk("templates", "list").out.splitlines()[1].split() == [
        "brief",
        "n",
        "in",
        "few",
        "words",
    ]
    assert 'prompt = "In {n} words: {input}"' in talk("templates", "show", "brief").out
    assert json.loads(talk("templates", "show", "brief", "--json").out)["variables"] == ["n"]
    asked = talk("-t", "brief", "--param", "n=9", "--json", "What", "is", "it?")
    assert json.loads(asked.out)["nodes"][0]["text"] == "In 9 words: What is it?"
    piped = talk("ask", "-t", "brief", "--json", stdin=b"a story")
    assert json.loads(piped.out)["nodes"][0]["text"] == "In three words: a story"
    assert talk("templates", "delete", "brief").code == 2
    assert talk("templates", "delete", "brief", "--yes").code == 0
    assert talk("templates", "list").out.startswith("No template in ")


def test_a_template_chooses_program_options_and_what_is_printed(talk: Any, config: Path) -> None:
    (config / "templates").mkdir()
    (config / "templates" / "t.toml").write_text('prompt = "{input}"\nprogram = "vote"\n')
    assert json.loads(talk("-t", "t", "--json", "x").out)["program"] == "vote"
    assert json.loads(talk("-t", "t", "-p", "solve", "--json", "x").out)["program"] == "solve"


def test_a_broken_template_is_not_kept(talk: Any, config: Path) -> None:
    done = talk("templates", "edit", "t", stdin=b"prompt = \n")
    assert done.code == 1 and "is not TOML" in done.err
    assert not (config / "templates").exists()


@pytest.fixture
def writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Sets an editor in which a person replaces everything by a text; returns what they saw."""
    monkeypatch.setattr("smysl_cli.template_commands._at_terminal", lambda: True)
    seen = tmp_path / "seen"

    def writing(text: str) -> Path:
        editor = tmp_path / "editor"
        editor.write_text(
            f"#!{sys.executable}\nimport shutil, sys\nshutil.copy(sys.argv[1], {str(seen)!r})\n"
            f"open(sys.argv[1], 'w').write({text!r})\n"
        )
        editor.chmod(0o700)
        monkeypatch.setenv("VISUAL", str(editor))
        return seen

    return writing


def test_what_was_typed_with_a_mistake_is_there_the_next_time(
    talk: Any, config: Path, writes: Callable[[str], Path]
) -> None:
    folder = config / "templates"
    folder.mkdir()
    (folder / "brief.toml").write_text('prompt = "old"\n')
    seen = writes('prompt = "new"\nprogramme = "vote"\n')
    done = talk("templates", "edit", "brief")
    assert done.code == 1 and "unknown field `programme`" in done.err
    assert f"{folder}/brief.draft" in done.err and "`smysl templates edit brief`" in done.err
    assert seen.read_text() == 'prompt = "old"\n'
    assert talk("templates", "show", "brief").out == 'prompt = "old"\n'
    seen = writes('prompt = "new"\nprogram = "vote"\n')
    done = talk("templates", "edit", "brief")
    assert done.code == 0 and f"{folder}/brief.draft" in done.err
    assert seen.read_text() == 'prompt = "new"\nprogramme = "vote"\n'
    assert talk("templates", "show", "brief").out == 'prompt = "new"\nprogram = "vote"\n'
    assert [path.name for path in folder.iterdir()] == ["brief.toml"]


def test_a_first_attempt_is_kept_too_until_it_is_deleted(
    talk: Any, config: Path, writes: Callable[[str], Path]
) -> None:
    writes("promt = 1")
    assert talk("templates", "edit", "new").code == 1
    assert (config / "templates" / "new.draft").read_text() == "promt = 1"
    assert talk("templates", "list").out.startswith("No template in ")
    assert talk("templates", "delete", "new", "--yes").code == 0
    assert list((config / "templates").iterdir()) == []
    assert talk("templates", "delete", "new", "--yes").code == 2


def test_an_unknown_template_is_refused_with_the_nearest(talk: Any, config: Path) -> None:
    (config / "templates").mkdir()
    (config / "templates" / "brief.toml").write_text('prompt = "x"')
    done = talk("-t", "breif", "x")
    assert done.code == 2 and "did you mean 'brief'?" in done.err
    done = talk("--param", "a=b", "x")
    assert done.code == 2 and "say which one with -t" in done.err


# ------------------------------------------------------------ answers


def test_a_schema_asks_the_structured_program(talk: Any) -> None:
    done = talk("--schema", "name, age int", "--json", "Who?")
    assert done.code == 2 and "'structured'" in done.err  # which the scripted daemon has not
    done = talk("--schema", "age number", "Who?")
    assert done.code == 2 and "there are str, int, float, bool" in done.err


def test_the_first_code_block_alone_is_printed(talk: Any) -> None:
    done = talk("-x", "say in a fence")
    assert (done.code, done.out) == (0, "echo hi\n")
    done = talk("-x", "What is 6 * 7?")
    assert (done.code, done.out) == (0, "42\n") and "no fenced code block" in done.err
    assert talk("-x", "--json", "x").code == 2


# ------------------------------------------------------------ history


def test_the_last_questions_are_shown_with_their_answers(talk: Any) -> None:
    for question in ("Where do herons sleep?", "Where do owls sleep?"):
        talk("-q", question)
    shown = talk("logs", "-n", "2").out
    assert shown.index("herons") < shown.index("owls") < shown.rindex("42")
    assert shown.count("## Question") == shown.count("## Answer (verified)") == 2
    assert talk("logs", "-r").out == "42\n"
    (one,) = json.loads(talk("logs", "-q", "herons", "--json").out)
    assert (one["question"], one["answer"]) == ("Where do herons sleep?", "42")
    assert len(talk("logs", "-s", "-n", "2").out.splitlines()) == 2
    assert talk("logs", "-q", "penguins").out == "Nothing has 'penguins' in it.\n"


def test_the_database_is_named_and_copied(talk: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SMYSL_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    database = Path(talk("logs", "path").out.strip())
    assert database.parent == tmp_path / "data"
    copy = tmp_path / "copy.db"
    assert talk("logs", "backup", str(copy)).code == 1
    with sqlite3.connect(database) as made:
        made.execute("CREATE TABLE t (x)")
        made.execute("INSERT INTO t VALUES (7)")
    made.close()
    assert talk("logs", "backup", str(copy)).out == f"{copy}\n"
    with sqlite3.connect(copy) as read:
        assert read.execute("SELECT x FROM t").fetchall() == [(7,)]
    read.close()
    assert copy.stat().st_mode & 0o777 == 0o600
    again = talk("logs", "backup", str(copy))
    assert again.code == 2 and "is there already" in again.err
    assert list(tmp_path.glob(".*.part")) == []


# ------------------------------------------------------------ settings


def test_settings_say_where_they_come_from(talk: Any, config: Path) -> None:
    (config / "config.toml").write_text("# mine\nthreads = 2  # both\n\n[tui]\ntheme = 'light'\n")
    shown = {line.split(" = ")[0]: line for line in talk("config", "show").out.splitlines()}
    file = str(config / "config.toml")
    assert shown["threads"].endswith(f"# {file}") and shown["tui.theme"].endswith(f"# {file}")
    assert shown["max_runs"].endswith("# default")
    told = json.loads(talk("config", "show", "--json").out)
    assert told["origins"]["threads"] == file and told["settings"]["tui"]["theme"] == "light"
    assert talk("config", "show", "threads").out == f"threads = 2  # {file}\n"
    assert "tui.theme" in talk("config", "show", "tui").out
    assert talk("config", "show", "thread").code == 2


def test_one_setting_is_changed_and_the_rest_of_the_file_stays(talk: Any, config: Path) -> None:
    file = config / "config.toml"
    file.write_text("# mine\nthreads = 2  # both\n\n[tui]\ntheme = 'light'\n")
    file.chmod(0o640)
    assert talk("config", "set", "threads", "3").code == 0
    assert talk("config", "set", "max_runs", "8").code == 0
    assert talk("config", "set", "model", "zerno").out == f'model = "zerno"  # {file}\n'
    assert talk("config", "set", "tui.keys.ask", "ctrl+a").code == 0
    text = file.read_text()
    assert "# mine\nthreads = 3  # both\n" in text and "theme = 'light'" in text
    found = load_config(file)
    assert (found.threads, found.max_runs, found.tui.keys) == (3, 8, {"ask": "ctrl+a"})
    assert file.stat().st_mode & 0o777 == 0o640
    assert talk("config", "set", "threads", "--unset").out == "# threads is not set  # default\n"
    assert load_config(file).threads is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("thraeds", "3"), "no setting 'thraeds'; did you mean 'threads'?"),
        (("threads", "many"), "threads = 'many'"),
        (("max_runs", "0"), "max_runs = 0"),
        (("tui.theme", "pink"), "tui.theme = 'pink'"),
        (("threads", "-1"), "threads = -1"),
        (("threads", "--unsett"), "no such option: --unsett"),
        (
            ("http.tcp", "127.0.0.1:99999"),
            "http.tcp is '127.0.0.1:99999'; a port is from 1 to 65535",
        ),
        (("model", '""'), "model = '': that names no model; say one of `smysl models list`, or"),
        (("model", "' '"), "model = ' ': that names no model"),
        (("threads",), "give a VALUE"),
        (("threads", "3", "--unset"), "give a VALUE"),
    ],
)
def test_what_cannot_be_set_changes_nothing(
    talk: Any, config: Path, words: tuple[str, ...], said: str
) -> None:
    (config / "config.toml").write_text("threads = 2\n")
    done = talk("config", "set", *words)
    assert done.code == 2 and said in done.err
    assert (config / "config.toml").read_text() == "threads = 2\n"
    assert [path.name for path in config.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ('[http]\ntcp = "0.0.0.0:7465"\n', ("http.token", "false")),
        ("[http]\ntoken = false\n", ("http.tcp", "0.0.0.0:7465")),
    ],
)
def test_nobody_is_let_in_from_elsewhere_without_a_token(
    talk: Any, config: Path, before: str, words: tuple[str, ...]
) -> None:
    file = config / "config.toml"
    file.write_text(before)
    done = talk("config", "set", *words)
    assert done.code == 2 and file.read_text() == before
    assert f"{file}: http.token is false and http.tcp is 0.0.0.0:7465" in done.err
    assert "take http.token out, or listen on 127.0.0.1" in done.err
    assert talk("config", "set", "http.tcp", "127.0.0.1:7465").code == 0
    assert talk("config", "set", "http.token", "false").code == 0


def test_a_file_with_a_mistake_is_named_with_the_nearest_key(talk: Any, config: Path) -> None:
    (config / "config.toml").write_text("thread = 2\n")
    done = talk("config", "show")
    assert done.code == 2 and "unknown key 'thread'; did you mean 'threads'?" in done.err
    assert talk("config", "set", "threads", "3").code == 2
    assert (config / "config.toml").read_text() == "thread = 2\n"


def test_it_is_said_when_a_setting_comes_into_force(talk: Any, config: Path) -> None:
    assert "`smysl daemon reload`" in talk("config", "set", "drain_seconds", "3").err
    assert "`smysl daemon restart`" in talk("config", "set", "threads", "3").err
    assert "`smysl daemon restart`" in talk("config", "set", "openai.retries", "3").err
    assert "daemon" not in talk("config", "set", "tui.theme", "light").err


def test_settings_that_are_changed_at_once_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    chosen = {"max_batch": 2, "max_runs": 3, "max_clients": 4, "backups": 5, "cache_megabytes": 6}
    with ThreadPoolExecutor(len(chosen)) as pool:
        for _ in range(10):
            list(pool.map(lambda one: settings.write(file, *one), chosen.items()))
            found = load_config(file)
            assert {key: getattr(found, key) for key in chosen} == chosen
            file.unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_linked_file_stays_a_link(talk: Any, config: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("threads = 2\n")
    (config / "config.toml").symlink_to(tmp_path / "mine.toml")
    assert talk("config", "set", "threads", "4").code == 0
    assert (config / "config.toml").is_symlink()
    assert (tmp_path / "mine.toml").read_text() == "threads = 4\n"


def test_every_setting_has_a_key() -> None:
    tables = {key.partition(".")[0] for key in settings.keys()}
    assert tables == set(Config.__struct_fields__)


def test_a_daemon_reads_its_settings_again(own: Any) -> None:
    own.dirs.config.mkdir(exist_ok=True)
    own.dirs.config_file.write_text("max_clients = 7\nmax_runs = 9\n[openai]\nretries = 5\n")
    assert "reads its settings again" in own.smysl("daemon", "reload").stdout
    deadline = time.monotonic() + 60
    while "needs a restart" not in own.dirs.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    said = own.dirs.log.read_text()
    assert "read again: max_clients = 7\n" in said
    assert "max_runs = 9, openai.retries = 5: this needs a restart" in said
    own.smysl("daemon", "stop")
    assert own.smysl("daemon", "reload").returncode == 69


# ------------------------------------------------------------ models


@pytest.fixture
def store(talk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with one model, and a store with an engine of another."""
    models, data = tmp_path / "models", tmp_path / "data"
    (models / "small").mkdir(parents=True)
    (models / "small" / "config.json").write_text("{}")
    engine = data / "engines" / ("ab" * 16)
    engine.mkdir(parents=True)
    manifest = {
        "model": "large",
        "backend": "onnx",
        "precision": "int4",
        "hardware": "here",
        "files": {"weights": {"bytes": 2_000_000}},
        "architecture": {"context": 4096},
        "adapters": {"tone": {}},
    }
    (engine / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("SMYSL_MODELS_DIR", str(models))
    monkeypatch.setenv("SMYSL_DATA_DIR", str(data))
    return data


def test_models_are_listed_from_folder_and_store_without_a_daemon(
    talk: Any, store: Path, config: Path
) -> None:
    (config / "config.toml").write_text('model = "small"\n')
    found = {one["model"]: one for one in json.loads(talk("models", "list", "--json").out)}
    assert set(found) == {"small", "large"}
    assert found["small"]["configured"] and not found["small"]["engines"]
    assert found["large"]["engines"][0]["size_bytes"] == 2_000_000
    assert "not built" in talk("models", "list").out
    assert "context 4096" in talk("models", "show", "large").out
    assert "not built" in talk("models", "show", "small").out
    assert talk("models", "show", "abab").out.startswith("model      large\n")
    assert talk("models", "show", "gpt").code == 2
    (config / "config.toml").write_text('model = "abab"\n')  # as the daemon takes it
    found = {one["model"]: one for one in json.loads(talk("models", "list", "--json").out)}
    assert found["large"]["configured"] and not found["small"]["configured"]


def test_without_a_daemon_a_model_is_set_for_the_next(talk: Any, store: Path, config: Path) -> None:
    file = config / "config.toml"
    assert talk("models", "use", "small").code == 0 and load_config(file).model == "small"
    assert talk("models", "use", "abab").code == 0 and load_config(file).model == "ab" * 16
    assert talk("models", "use", "large").code == 0 and load_config(file).model == "large"
    unknown = talk("models", "use", "gpt")
    assert unknown.code == 2 and "Models: small" in unknown.err
    assert talk("models", "use", "small", "--no-save").code == 2
    nameless = talk("models", "use", "")
    assert nameless.code == 2 and "model '' names none" in nameless.err
    assert load_config(file).model == "large"


def test_a_daemon_changes_its_model_and_the_choice_is_kept(own: Any) -> None:
    done = own.smysl("models", "use", "other", "--no-save")
    assert done.returncode == 0 and done.stdout.startswith("other oooooooooooo answers now")
    assert not own.dirs.config_file.exists()
    assert json.loads(own.smysl("--json", "x").stdout)["model"] == "other"
    listed = json.loads(own.smysl("models", "list", "--json").stdout)
    assert [one["model"] for one in listed if one["loaded"]] == ["other"]
    assert re.search(
        r"^other +not in the store +loaded +-$", own.smysl("models", "list").stdout, re.M
    )
    assert "answers now" in own.smysl("models", "show", "other").stdout
    used = json.loads(own.smysl("models", "use", "other", "--json").stdout)
    assert used["before"] == used["fingerprint"] and used["saved"]
    assert load_config(own.dirs.config_file).model == "other"
    wrong = own.smysl("models", "use", "gpt")
    assert wrong.returncode == 2 and "Models: fake, other" in wrong.stderr
    assert load_config(own.dirs.config_file).model == "other"


# ------------------------------------------------------------ completion


def completed(shell: Any, *words: str) -> list[str]:
    """What bash offers for the last word."""
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            # a daemon on a busy machine is slow, not absent
            "import sys; from smysl_cli import completing; completing.PATIENCE_S = 60; "
            "sys.argv[0] = 'smysl'; from smysl_cli.app import main; main()",
        ],
        env=shell.env
        | {
            "_SMYSL_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("smysl", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_tab_offers_what_the_daemon_has(shell: Any) -> None:
    session = json.loads(shell.smysl("--json", "What is 6 * 7?").stdout)
    assert "@last" in completed(shell, "show", "")
    ids = completed(shell, "edit", "")
    assert any(session["nodes"][0]["id"].startswith(id) for id in ids)
    assert completed(shell, "ask", "-p", "so") == ["solve"]
    assert completed(shell, "-p", "so") == ["solve"]  # of the default verb
    for verb in ((), ("ask",), ("explain",), ("retry",)):
        assert completed(shell, *verb, "-a", "") == ["careful", "terse"]
    assert "--program" in completed(shell, "--pr")
    assert completed(shell, "templ") == ["templates"]
    assert completed(shell, "config", "set", "max_r") == ["max_runs"]
    assert completed(shell, "config", "set", "memo") == ["memory.recall"]
    memory = json.loads(shell.smysl("memory", "add", "Hens lay eggs.", "--json").stdout)["memory"]
    for one in ("show", "edit", "pin", "mute", "cut", "forget"):
        (id,) = completed(shell, "memory", one, "")
        assert memory["id"].startswith(id)


def test_tab_starts_no_daemon_and_says_nothing(cold: Any) -> None:
    assert completed(cold, "show", "") == []
    assert completed(cold, "ask", "-p", "") == []
    assert not cold.dirs.socket.exists()


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(cold: Any, name: str) -> None:
    cold.env["_SMYSL_COMPLETE"] = f"source_{name}"
    done = cold.smysl()
    assert done.returncode == 0 and f"complete_{name}" in done.stdout
