"""Every verb about the graph, against a real daemon over a scripted service."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

FILE_BYTES = 1_000_000
"""About what the scripted service exports as anything but JSON."""


@pytest.fixture
def nodes(talk: Any) -> list[dict[str, Any]]:
    """The question, a computed node and the answer of a new session."""
    asked = talk("--json", "What is 6 * 7?")
    found = json.loads(asked.out)["nodes"]
    assert [node["kind"] for node in found] == ["question", "computed", "answer"]
    assert isinstance(found, list)
    return found


def refused(said: Any, code: int, *words: str) -> None:
    assert (said.code, said.out) == (code, ""), said
    assert said.err.startswith("smysl: ") and said.err.count("\n") == 1
    for word in words:
        assert word in said.err


# ------------------------------------------------------------ changes


def test_an_edit_says_what_became_stale_and_how_to_derive_it(talk: Any, nodes: Any) -> None:
    question, computed, answer = nodes
    said = talk("edit", question["id"], "--text", "What is 6 * 8?")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith(f"edited {question['id'][:8]}, in branch main of session")
    assert lines[1] == "2 thoughts are stale:"
    assert [line.split()[0] for line in lines[2:]] == ["computed", "answer"]
    assert all("stale" in line and len(line) <= 80 for line in lines[2:])
    assert f"`smysl derive {question['id'][:8]}`" in said.err and "--preview" in said.err
    shown = talk("show").out.splitlines()
    assert "2 stale" in shown[1] and "1 held" in shown[1]
    assert "edited" in shown[2] and "stale" in shown[3]
    assert max(map(len, shown)) <= 80


def test_derive_streams_and_answers_as_ask_does(talk: Any, nodes: Any) -> None:
    talk("edit", nodes[0]["id"], "-t", "What is 6 * 8?", "-q")
    said = talk("derive", "--json")
    result = json.loads(said.out)
    assert said.code == 0 and said.err == ""
    assert list(result)[:4] == ["session", "answer", "verdict", "confidence"]
    assert result["answer"] == "43" and len(result["nodes"]) == 2
    again = talk("derive")
    assert (again.code, again.out) == (0, "42\n")
    assert "nothing is stale in branch main; this answer stands" in again.err
    assert json.loads(talk("derive", "--json").out)["answer"] == "42"


def test_an_edit_with_derive_prints_only_the_new_answer(talk: Any, nodes: Any) -> None:
    said = talk("edit", nodes[0]["id"], "-t", "What is 6 * 8?", "--derive")
    assert (said.code, said.out) == (0, "43\n")
    assert "2 thoughts are stale" in said.err
    quiet = talk("inject", nodes[0]["id"], "mind the units", "--derive", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, "43\n", "")


def test_a_preview_changes_nothing_and_names_the_cost(talk: Any, nodes: Any) -> None:
    before = talk("show", "--json").out
    said = talk("edit", nodes[0]["id"], "-t", "What is 6 * 8?", "--preview", "--json")
    assert json.loads(said.out) == {
        "stale": [nodes[1]["id"], nodes[2]["id"]],
        "reused": [nodes[1]["id"]],
        "calls": 2,
        "expected_tokens": 20,
        "expected_seconds": 0.5,
    }
    text = talk("edit", nodes[0]["id"], "-t", "What is 6 * 8?", "--preview").out.splitlines()
    assert text[0] == "2 thoughts to derive: 1 to compute, 1 from the cache; 1 stay as they are"
    assert text[1] == "about 20 tokens in 2 calls, 0.5 s"
    assert [line.split()[0] for line in text[2:]] == ["reuse", "compute"]
    assert max(map(len, text)) <= 80
    assert talk("show", "--json").out == before
    assert talk("derive", "--preview").out == "nothing is stale: 3 thoughts as they should be\n"


def test_the_text_of_an_edit_comes_from_a_pipe_or_an_editor(
    talk: Any, nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = nodes[2]["id"]
    assert talk("edit", id, "-q", stdin=b"44\n").code == 0
    assert json.loads(talk("show", id, "--json").out)["text"] == "44"
    editor = tmp_path / "editor"
    editor.write_text(f"#!{sys.executable}\nimport sys\nopen(sys.argv[1], 'a').write('and more')\n")
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setattr("smysl_cli.wording.given", lambda text, option="": text)
    assert talk("edit", id, "-q").code == 0
    assert json.loads(talk("show", id, "--json").out)["text"] == "44\nand more"
    monkeypatch.setenv("VISUAL", "true")
    assert "nothing changed" in talk("edit", id).err
    monkeypatch.setenv("VISUAL", "false")
    refused(talk("edit", id), 1, "'false' ended with code 1")
    monkeypatch.setenv("VISUAL", "/nowhere/ed")
    refused(talk("edit", id), 1, "/nowhere/ed")
    monkeypatch.delenv("VISUAL")
    monkeypatch.delenv("EDITOR", raising=False)
    refused(talk("edit", id), 2, "--text", "EDITOR")


def test_a_node_lists_its_versions_and_which_one_is_shown(talk: Any, nodes: Any) -> None:
    talk("edit", nodes[2]["id"], "-t", "43", "-q")
    text = talk("show", nodes[2]["id"]).out
    assert "status    done, edited: not derived again" in text
    first, second = (line for line in text.splitlines() if line.startswith("version"))
    assert re.fullmatch(r"version +0 +[-\d]+ [:\d]+ +42", first)
    assert re.fullmatch(r"version +1 +[-\d]+ [:\d]+ +shown +43", second)
    found = json.loads(talk("show", nodes[2]["id"], "--json").out)
    assert found["revision"] == 1 and found["hold"] == "edited"
    assert [one["text"] for one in found["versions"]] == ["42", "43"]


def test_notes_pins_deletions_and_takings_are_told_in_a_line(talk: Any, nodes: Any) -> None:
    question, _, answer = nodes
    note = talk("inject", question["id"], "mind", "the", "units", "--json")
    note = json.loads(note.out)
    assert list(note) == ["session", "branch", "op", "label", "node", "stale"]
    assert "mind the units" in talk("show").out
    assert talk("pin", answer["id"]).out.startswith(f"pinned {answer['id'][:8]}, in branch main")
    assert "pinned" in talk("show").out
    assert talk("unpin", answer["id"]).code == 0
    assert talk("delete", note["node"]).out.startswith("deleted ")
    talk("fork", question["id"], "--name", "alt")
    took = talk("merge", answer["id"], "--from", "main")
    assert f"took {answer['id'][:8]} from branch main, in branch alt" in took.out


def test_a_retry_derives_at_once_with_a_seed_of_its_own(talk: Any, nodes: Any) -> None:
    said = talk("retry", nodes[1]["id"])
    assert (said.code, said.out) == (0, "43\n")
    assert "is made again with seed" in said.err
    later = talk("retry", nodes[1]["id"], "--seed", "7", "--no-derive")
    assert "with seed 7, in branch main" in later.out
    assert talk("retry", nodes[1]["id"], "-p", "direct", "-q").out == "42\n"
    refused(talk("retry", nodes[1]["id"], "--seed", "-1"), 2, "-1", "0 to")
    refused(talk("retry", nodes[1]["id"], "-p", "direct", "--temperature", "1"), 2, "-p")


def test_undo_and_redo_name_what_they_moved_over(talk: Any, nodes: Any) -> None:
    talk("pin", nodes[0]["id"], "-q")
    assert talk("undo").out.startswith(f"undone: pin {nodes[0]['id'][:8]}")
    refused(talk("undo"), 1, "nothing to undo")
    assert talk("redo").out.startswith(f"done again: pin {nodes[0]['id'][:8]}")
    refused(talk("redo"), 1)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("edit", "zzzz", "-t", "x"), 1, "zzzz"),
        (("edit", "{id}", "-t", " "), 2, "empty"),
        (("edit", "{id}"), 2, "empty"),
        (("edit", "{id}", "-t", "x", "-b", "nowhere"), 1, "nowhere"),
        (("edit", "{computed}", "-t", "x"), 2, "computed"),
        (("edit", "{id}", "-t", "x" * 5_000_000), 2, "4,194,304"),
        (("edit", "{id}", "-t", "x", "-q", "-v"), 2, "-q"),
        (("inject", "{id}", ""), 2, "empty"),
        (("merge", "{id}"), 2, "--from"),
        (("merge", "{id}", "--from", "nowhere"), 1, "nowhere"),
        (("derive", "zzzz"), 1, "zzzz"),
        (("derive", "-b", "nowhere"), 1, "nowhere"),
        (("switch", "nowhere"), 1, "nowhere"),
        (("fork", "{id}"), 2, "--name"),
        (("fork", "{id}", "--name", "main"), 2, "main"),
        (("show", "-b", "nowhere"), 1, "nowhere"),
        (("why", "zzzz"), 1, "zzzz"),
        (("diff", "main"), 2, "B"),
        (("diff", "{id}", "zzzz"), 1, "zzzz"),
        (("search", " "), 2, "nothing to search"),
        (("export", "--format", "pdf"), 2, "pdf"),
        (("export", "-o", "/nowhere/x"), 1, "/nowhere/x"),
        (("pause",), 2, "nothing runs"),
        (("sessions", "rename", "@last", " "), 2, "title"),
        (("sessions", "delete", "@last"), 2, "--yes"),
        (("sessions", "import", "/nowhere/x"), 1, "/nowhere/x"),
        (("ask", "-b", "alt", "x"), 2, "-s"),
        (("why", "is", "the", "sky", "blue"), 2, "smysl ask 'why is the sky blue'"),
    ],
)
def test_bad_input_is_one_line_and_the_documented_code(
    talk: Any, nodes: Any, words: tuple[str, ...], code: int, said: str
) -> None:
    ids = {"{id}": nodes[0]["id"], "{computed}": nodes[1]["id"]}
    refused(talk(*[ids.get(word, word) for word in words]), code, said)


# ------------------------------------------------------------ branches


def test_a_fork_becomes_the_current_branch_until_another_one_is_chosen(
    talk: Any, nodes: Any
) -> None:
    forked = talk("fork", nodes[0]["id"], "--name", "alt")
    assert forked.out.startswith("branch alt of session ") and "3 thoughts, 0 stale" in forked.out
    lines = talk("branches").out.splitlines()
    assert [line.split()[:2] for line in lines] == [["NAME", "NODES"], ["main", "3"], ["*", "alt"]]
    assert max(map(len, lines)) <= 80
    found = json.loads(talk("branches", "--json").out)
    assert [(one["name"], one["current"]) for one in found] == [("main", False), ("alt", True)]
    assert "branch alt" in talk("show").out
    assert "branch main of session" in talk("switch", "main").out
    assert json.loads(talk("show", "--branch", "alt", "--json").out)["session"]["branch"] == "alt"


def test_branches_are_compared_node_by_node_and_nodes_word_by_word(talk: Any, nodes: Any) -> None:
    talk("fork", nodes[0]["id"], "--name", "alt", "--json")
    lines = talk("diff", "main", "alt").out.splitlines()
    assert lines[0] == "main -> alt: 2 thoughts differ"
    assert lines[1:] == [
        f"computed {nodes[1]['id'][:8]}: changed",
        "  - 6 * 7 = 42",
        "  + 6 * 8 = 48",
        f"answer {nodes[2]['id'][:8]}: only in alt",
        "  + 42",
    ]
    found = json.loads(talk("diff", "main", "alt", "--json").out)
    assert [one["what"] for one in found["differences"]] == ["changed", "only b"]
    words = talk("diff", nodes[1]["id"], nodes[2]["id"])
    assert words.out.endswith("same [-6 * 7 = 42-]{+42+}\n")
    assert json.loads(talk("diff", nodes[1]["id"], nodes[2]["id"], "--json").out)["words"][0] == [
        "=",
        "same ",
    ]


# ------------------------------------------------------------ looking


def test_why_lists_what_a_node_rests_on_with_the_text_that_was_used(talk: Any, nodes: Any) -> None:
    talk("edit", nodes[0]["id"], "-t", "What is 6 * 8?", "-q")
    text = talk("why", nodes[2]["id"]).out
    assert text.startswith(f"answer {nodes[2]['id'][:8]} rests on 2 thoughts (branch main of")
    assert "used as input; edited\n    What is 6 * 8?\n" in text
    assert "what was used said otherwise:\n    What is 6 * 7?" in text
    found = json.loads(talk("why", nodes[2]["id"], "--json").out)
    assert [one["node"]["id"] for one in found["reasons"]] == [node["id"] for node in nodes]
    assert found["reasons"][0]["used"] == ["What is 6 * 7?"]


def test_a_search_names_the_session_and_the_node(talk: Any) -> None:
    asked = json.loads(talk("--json", "How many zebras are there?").out)
    lines = talk("search", "zebras").out.splitlines()
    assert lines[0] == f"{asked['session'][:8]}  How many zebras are there?"
    assert lines[1].split()[:2] == [asked["nodes"][0]["id"][:8], "question"]
    (hit,) = json.loads(talk("search", "zebras", "--json").out)
    assert hit["session"] == asked["session"]
    assert talk("search", "unicorn").out == "Nothing says 'unicorn'.\n"


# ------------------------------------------------------------ sessions


def test_a_session_is_renamed_measured_logged_and_deleted(talk: Any, nodes: Any) -> None:
    session = nodes[0]["id"][:8]
    assert "now: Sixes and sevens" in talk("sessions", "rename", session, "Sixes and sevens").out
    assert json.loads(talk("sessions", "list", "-n", "1", "--json").out)[0]["title"] == (
        "Sixes and sevens"
    )
    stats = talk("sessions", "stats").out
    assert "branch main" in stats and "100 prompt (50 cached), 9 generated" in stats
    assert json.loads(talk("sessions", "stats", session, "--json").out)["nodes"] == 3
    log = talk("sessions", "log").out.splitlines()
    assert log[1].split()[0] == "0" and log[1].endswith("run   What is 6 * 7?")
    assert json.loads(talk("sessions", "log", "--json").out)[0]["kind"] == "run"
    deleted = talk("sessions", "delete", session, "--yes")
    assert deleted.out == f"session {session} deleted: Sixes and sevens\n"
    refused(talk("show", session), 1, session)


def test_a_replay_is_checked_by_its_exit_code(talk: Any, nodes: Any) -> None:
    assert talk("sessions", "replay", "--check").out == "2 the same, 0 different\n"
    talk("ask", "-q", "a doubtful thing")
    said = talk("sessions", "replay", "--check")
    assert said.code == 3 and "came out otherwise" in said.err
    assert said.out.splitlines()[-2:] == ["  was 41", "  now 7"]
    assert talk("sessions", "replay").code == 0
    report = json.loads(talk("sessions", "replay", "--json").out)
    assert list(report) == [
        "session",
        "branch",
        "same",
        "held",
        "different",
        "engines_were",
        "engine_now",
    ]


def test_a_session_is_exported_to_a_file_and_imported_again(
    talk: Any, nodes: Any, tmp_path: Path
) -> None:
    file = tmp_path / "s.json"
    file.write_text("older")
    assert talk("sessions", "export", "-o", str(file)) == (0, "", "")
    assert json.loads(file.read_text()) == {"title": "What is 6 * 7?"}
    assert list(tmp_path.iterdir()) == [file]
    taken = talk("sessions", "import", str(file))
    assert taken.code == 0 and taken.out.endswith("is here: What is 6 * 7?\n")
    piped = talk("sessions", "import", "-", "--json", stdin=file.read_bytes())
    assert json.loads(piped.out)["title"] == "What is 6 * 7?"
    refused(talk("sessions", "import", "-", stdin=b"{"), 2, "no session")
    refused(talk("sessions", "import", "-"), 2, "empty")


def test_an_export_of_many_frames_is_whole(
    talk: Any, nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.md"
    talk("export", "--format", "markdown", "-o", str(file))
    assert file.stat().st_size > FILE_BYTES and file.read_text().startswith("# What is 6 * 7?\n")
    assert talk("export").out == file.read_text()
    monkeypatch.chdir(tmp_path)
    assert talk("export", "-o", "-").out == file.read_text()
    assert list(tmp_path.iterdir()) == [file]


def test_an_import_of_many_frames_is_whole(talk: Any, nodes: Any) -> None:
    data = json.dumps({"padding": "x" * 3_000_000, "title": "long"}).encode()
    assert json.loads(talk("sessions", "import", "-", "--json", stdin=data).out)["title"] == "long"


def test_a_run_is_steered_from_another_terminal(shell: Any, talk: Any) -> None:
    asking = shell.popen("--stream", "a slow question")
    assert asking.stderr.readline().startswith("question")
    assert talk("pause").out.endswith("paused; `smysl resume` goes on\n")
    assert talk("resume").out.endswith("goes on\n")
    assert json.loads(talk("finish", "--json").out)["action"] == "finish"
    asking.communicate(timeout=120)
    assert asking.returncode == 75
    refused(talk("cancel"), 2, "nothing runs")
