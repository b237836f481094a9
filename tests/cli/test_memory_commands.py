"""`smysl memory ...`, against a real daemon over a scripted service."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from smysl_cli import memory_adding, memory_lines, memory_looking
from smysl_daemon.memory_protocol import (
    LIST_LIMIT,
    MAP_LIMIT,
    TEXTS_LIMIT,
    LinkView,
    MemoryMap,
    MemoryShown,
    MemoryView,
    PointView,
    UseView,
)

WHEN = "2026-11-23T12:00:00+00:00"


def refused(said: Any, code: int, *words: str) -> None:
    assert (said.code, said.out) == (code, ""), said
    assert said.err.startswith("smysl: ") and said.err.count("\n") == 1
    for word in words:
        assert word in said.err


def added(talk: Any, text: str, *words: str) -> str:
    """The id of a new memory."""
    said = talk("memory", "add", text, *words, "--json")
    assert said.code == 0, said.err
    return str(json.loads(said.out)["memory"]["id"])


def shown(talk: Any, id: str) -> Any:
    return json.loads(talk("memory", "show", id, "--json").out)


# ------------------------------------------------------------ adding


def test_a_text_is_added_once_and_linked_to_what_is_alike(talk: Any) -> None:
    first = talk("memory", "add", "Pelicans", "carry", "fish", "home")
    id = re.fullmatch(r"memory (\w{8}) added\n", first.out)
    assert first.code == 0 and id is not None
    again = talk("memory", "add", "Pelicans carry fish home")
    assert again.out == f"memory {id[1]} was there already\n"
    near = talk("memory", "add", stdin=b"Penguins carry stones home\n")
    lines = near.out.splitlines()
    assert re.fullmatch(rf"  0\.\d\d  near      {id[1]}  Pelicans carry fish home", lines[1])
    told = json.loads(talk("memory", "add", "Pelicans carry fish home", "--json").out)
    assert told["known"] is True and told["memory"]["source"] == "person"
    assert {link["origin"] for link in told["links"]} == {"near"}


def test_a_memory_is_linked_as_it_is_added_or_not_added_at_all(talk: Any) -> None:
    a, b = added(talk, "Zebras graze"), added(talk, "Yaks climb")
    both = added(talk, "Ibexes jump", "--link", a[:8], "--link", b)
    links = shown(talk, both)["linked"]
    assert {link["a"] for link in links} == {a, b}
    assert {(link["origin"], link["weight"]) for link in links} == {("person", 1.0)}
    refused(talk("memory", "add", "Okapis hide", "--link", "zzz"), 1, "no memory", "'zzz'")
    assert "Okapis" not in talk("memory", "list", "-n", "1000").out


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        (["add"], b"", 2, "the text is empty (standard input)"),
        (["add", " "], b"", 2, "the text is empty (TEXT)"),
        (["add"], b"\xff\xfe", 2, "standard input is not UTF-8 text"),
        (["add"], b"a\0b", 2, "a NUL byte at position 1"),
        (["add"], b"x" * 1_000_000, 2, "the limit is 8,192"),
        (["search", " "], b"", 2, "nothing to search for"),
        (["search", "\udcff"], b"", 2, "the words are not UTF-8 text"),
        (["show", "\udcff"], b"", 2, "the words are not UTF-8 text"),
        (["show", "zzzz"], b"", 1, "no memory has an id that begins with 'zzzz'"),
        (["edit", "zzzz", "--text", "x"], b"", 1, "'zzzz'"),
        (["pin", "zzzz"], b"", 1, "'zzzz'"),
        (["mute", "zzzz"], b"", 1, "'zzzz'"),
        (["cut", "zzzz", "yyyy"], b"", 1, "'zzzz'"),
        (["forget", "zzzz", "--yes"], b"", 1, "'zzzz'"),
        (["link", "a", "b", "--weight", "0"], b"", 2, "--weight 0 is out of range"),
        (["link", "a", "b", "--weight", "2"], b"", 2, "--weight 2 is out of range"),
        (["link", "a", "b", "--weight", "nan"], b"", 2, "--weight nan is out of range"),
        (["link", "a", "b", "-w", "heavy"], b"", 2, "'heavy'"),
        (["list", "--order", "late"], b"", 2, "'late'"),
        (["list", "-n", "0"], b"", 2, "0"),
        (["import", "nowhere.txt"], b"", 1, "nowhere.txt cannot be read: No such file"),
        (["import", "-"], b"", 2, "standard input says nothing"),
        (["import", "-"], b'{"text": 1}', 2, "standard input:1 has no text"),
        (["import"], b"", 2, "FILE"),
        (["brood"], b"", 2, "brood"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    talk: Any, words: list[str], stdin: bytes, code: int, said: str
) -> None:
    refused(talk("memory", *words, stdin=stdin), code, said)


def test_an_ambiguous_beginning_is_refused(talk: Any) -> None:
    added(talk, "Gnus wander")
    added(talk, "Emus hurry")
    refused(talk("memory", "show", "0"), 1, "ids that begin with '0'")


# ------------------------------------------------------------ importing


def test_a_file_is_remembered_paragraph_by_paragraph(talk: Any, tmp_path: Path) -> None:
    file = tmp_path / "guide.md"
    file.write_text("# Tapirs\n\nThey swim.\n\nThey dive.\n")
    done = talk("memory", "import", str(file))
    assert (done.code, done.out, done.err) == (0, "guide.md: 2 memories added\n", "")
    again = talk("memory", "import", str(file), "--json")
    told = json.loads(again.out)
    assert told[0]["file"] == str(file) and told[0]["added"] == [] and len(told[0]["known"]) == 2
    first = shown(talk, told[0]["known"][0])
    assert (first["text"], first["source"]) == ("They swim. (Tapirs)", "import guide.md")
    origins = {link["origin"] for link in first["linked"]}
    assert "source" in origins
    assert talk("memory", "import", str(file)).out == "guide.md: 0 memories added, 2 known before\n"


def test_lines_of_json_and_standard_input_are_remembered(talk: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "Quaggas are gone"}\n{"text": "Aurochs too"}\n')
    piped = b'\n{"text": "Dodos as well"}\n'
    done = talk("memory", "import", str(file), "-", stdin=piped)
    assert done.out == "a.jsonl: 2 memories added\nstandard input: 1 memory added\n"


def test_nothing_is_remembered_of_files_of_which_one_is_bad(talk: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.jsonl"
    good.write_text("Wombats dig.\n")
    bad.write_text('{"text": 1}\n')
    refused(talk("memory", "import", str(good), str(bad)), 2, "bad.jsonl:1")
    assert "Wombats" not in talk("memory", "list", "-n", "1000").out


def test_the_chain_of_an_import_goes_on_over_its_requests(talk: Any, tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    count = memory_adding.BATCH + 2
    assert count <= TEXTS_LIMIT
    # words of three letters: nothing is linked for being alike
    file.write_text("".join(f'{{"text": "n {i:03d}"}}\n' for i in range(count)))
    (told,) = json.loads(talk("memory", "import", str(file), "--json").out)
    assert len(told["added"]) == count and told["known"] == []
    at_the_border = shown(talk, told["added"][memory_adding.BATCH])
    linked = {link["a"] for link in at_the_border["linked"]} | {
        link["b"] for link in at_the_border["linked"]
    }
    assert set(told["added"][memory_adding.BATCH - 1 :]) <= linked


# ------------------------------------------------------------ looking


def test_a_search_says_what_falls_how_strongly_and_why(talk: Any) -> None:
    near = added(talk, "Quokkas smile broadly")
    far = added(talk, "Wallabies hop", "--link", near)
    said = talk("memory", "search", "Which quokkas smile?")
    lines = said.out.splitlines()
    assert lines[0] == f"0.50  {near[:8]}  Quokkas smile broadly"
    assert lines[1] == f"      mass 0.75, nearness 0.67; words -> {near[:8]} (0.67)"
    assert lines[2] == f"0.25  {far[:8]}  Wallabies hop"
    assert lines[3].strip() == "mass 0.75, nearness 0.00"
    assert (
        lines[4].strip() == f"words -> {near[:8]} Quokkas smile broadly (0.67) -> {far[:8]} (1.00)"
    )
    assert max(map(len, lines)) <= 80
    pulls = json.loads(talk("memory", "search", "Which quokkas smile?", "--json").out)
    assert [one["memory"] for one in pulls] == [near, far]
    assert [hop["memory"] for hop in pulls[1]["path"]] == [near, far]
    # looking is no use
    assert shown(talk, near)["uses"] == 0
    nothing = talk("memory", "search", "xylophone")
    assert nothing.out == "Nothing falls into 'xylophone'.\n" or "pinned" in nothing.out


def test_a_long_way_is_wrapped_between_its_steps(talk: Any) -> None:
    near = added(talk, "Caracals leap over very high fences whenever they are chased by dogs")
    far = added(talk, "Servals listen to very small noises under the ground in the high grass")
    talk("memory", "link", near, far, "--weight", "0.9")
    said = talk("memory", "search", "Caracals leap over")
    assert max(map(len, said.out.splitlines())) <= 80
    assert f"-> {far[:8]} (0.90)" in said.out


def test_a_list_fits_the_terminal_and_says_what_is_pinned_or_muted(talk: Any) -> None:
    id = added(talk, "Bilbies dig " + "deep burrows " * 20)
    talk("memory", "mute", id)
    said = talk("memory", "list", "--order", "new", "-n", "2")
    lines = said.out.splitlines()
    assert lines[0].split() == ["ID", "MASS", "USES", "LINKS", "CREATED", "TEXT"]
    assert lines[1].startswith(id[:8]) and "[muted] Bilbies dig" in lines[1]
    assert max(map(len, lines)) <= 80
    assert re.fullmatch(r"smysl: 2 of \d+; -n N shows more\n", said.err)
    assert len(json.loads(talk("memory", "list", "--json", "-n", "2").out)) == 2
    talk("memory", "unmute", id)


def test_a_list_says_how_more_is_found(own: Any, tmp_path: Path) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text("".join(f'{{"text": "x{number}"}}\n' for number in range(LIST_LIMIT + 1)))
    assert own.smysl("memory", "import", str(many)).returncode == 0
    assert own.smysl("memory", "list", "-n", "1").stderr == "smysl: 1 of 1,001; -n N shows more\n"
    assert own.smysl("memory", "list", "-n", str(LIST_LIMIT)).stderr == (
        "smysl: 1,000 of 1,001; `smysl memory search` finds the others\n"
    )


def test_a_memory_is_shown_whole_with_its_links_and_uses(talk: Any) -> None:
    id = added(talk, "Kakapos cannot fly")
    other = added(talk, "Kiwis neither", "--link", id)
    talk("ask", "-q", "--recall", "2", "Which kakapos cannot walk?")
    said = talk("memory", "show", id)
    lines = said.out.splitlines()
    assert lines[0] == f"memory {id}"
    assert lines[1].startswith("source    person, ")
    assert re.fullmatch(r"mass      \d\.\d\d, used 1 time, last .*", lines[2])
    assert f"linked    1.00  person    {other[:8]}  Kiwis neither" in lines
    assert any(line.startswith("used in   ") and "kakapos" in line for line in lines)
    assert lines[-2:] == ["", "Kakapos cannot fly"]


def test_a_map_names_the_heaviest_or_what_falls_into_a_question(talk: Any) -> None:
    id = added(talk, "Axolotls regrow limbs")
    heavy = talk("memory", "map", "-n", "5")
    assert "light to heavy" in heavy.out and " of " in heavy.out.splitlines()[-1]
    assert max(map(len, heavy.out.splitlines())) <= 80
    asked = talk("memory", "map", "Which axolotls regrow?")
    assert re.search(rf"^[a-z]  0\.\d\d  {id[:8]}  Axolotls regrow limbs$", asked.out, re.M)
    found = json.loads(talk("memory", "map", "axolotls", "--json").out)
    assert list(found) == ["points", "links", "pulls", "total"]
    assert {"memory", "x", "y", "mass"} <= set(found["points"][0])


@pytest.mark.parametrize(
    ("points", "total", "said"),
    [
        (60, 100, "of 100 memories; -n N shows more of them"),
        (100, 100, "of 100 memories; there is no room for the others"),
        (MAP_LIMIT, 9000, "of 9,000 memories; there is no room for the others"),
    ],
)
def test_a_map_says_how_more_of_it_is_seen_where_that_can_be(
    points: int, total: int, said: str
) -> None:
    crowd = [PointView(memory=f"{i:04d}", text="", x=0, y=0, mass=0.5) for i in range(points)]
    lines = memory_looking.drawn(MemoryMap(points=tuple(crowd), links=(), total=total), asked=False)
    assert re.fullmatch(rf"\d+ {re.escape(said)}", lines[-1])


def test_a_memory_without_anything_says_how_to_begin(own: Any) -> None:
    for words in (("list",), ("map",)):
        said = own.smysl("memory", *words)
        assert (said.returncode, said.stdout) == (
            0,
            "No memory yet; `smysl memory add TEXT` makes one.\n",
        )


# ------------------------------------------------------------ changing


@pytest.fixture
def used(talk: Any) -> tuple[str, str]:
    """A memory, and the session into which it fell."""
    name = f"Narwhals{len(json.loads(talk('memory', 'list', '--json', '-n', '1000').out))}"
    id = added(talk, f"{name} have one tusk")
    done = talk("--json", "--recall", "1", f"Which tusks have {name}?")
    found = json.loads(done.out)
    assert [node["kind"] for node in found["nodes"]][:2] == ["question", "memory"]
    return id, str(found["session"])


def test_an_edit_says_which_session_became_stale_and_how_to_derive_it(talk: Any, used: Any) -> None:
    id, session = used
    said = talk("memory", "edit", id[:8], "--text", "Narwhals have a tusk or two")
    lines = said.out.splitlines()
    assert lines[0] == f"edited {id[:8]}"
    assert re.match(rf"3 thoughts are stale in {session[:8]}: Which tusks", lines[1])
    assert f"`smysl derive {session[:8]}`" in said.err
    assert shown(talk, id)["revision"] == 1
    tree = talk("show", session)
    assert re.search(r"memory .* stale", tree.out)
    assert talk("derive", session, "-q").code == 0
    assert "nothing is stale" in talk("derive", session).err


def test_a_memory_edited_like_a_node_names_who_rests_on_it_and_is_not_derived_itself(
    talk: Any, used: Any
) -> None:
    id, session = used
    said = talk("edit", id[:8], "--text", "Narwhals dive", "--derive")
    lines = said.out.splitlines()
    assert said.code == 0 and lines[0] == f"edited {id[:8]}, a memory"
    assert lines[1].startswith(f"3 thoughts are stale in {session[:8]}: Which tusks")
    assert f"`smysl derive {session[:8]}`" in said.err
    other = added(talk, "Sea cows graze")
    assert talk("edit", other, "--text", "Sea cows rest", "--derive").out == (
        f"edited {other[:8]}, a memory\nnothing is stale\n"
    )
    told = json.loads(talk("edit", other, "--text", "Sea cows sleep", "--json").out)
    assert told["elsewhere"] == [] and told["node"] == other


def test_a_memory_that_fell_into_many_sessions_says_once_how_they_are_derived(talk: Any) -> None:
    id = added(talk, "Quokkas smile")
    for number in range(14):
        talk("ask", "-q", "--recall", "5", f"Which quokkas smile, {number}?")
    said = talk("memory", "mute", id)
    assert said.out.count(" stale in ") == 12
    assert said.out.endswith("and 2 sessions more\n")
    assert said.err == "smysl: `smysl derive SESSION` derives one, a question at a time\n"


def test_the_text_of_an_edit_comes_from_a_pipe_or_an_editor(
    talk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = added(talk, "Dugongs graze")
    assert talk("memory", "edit", id, stdin=b"Dugongs graze at night\n").code == 0
    editor = tmp_path / "editor"
    editor.write_text(f"#!{sys.executable}\nimport sys\nopen(sys.argv[1], 'a').write('and day')\n")
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setattr("smysl_cli.wording.given", lambda text, option="": text)
    assert talk("memory", "edit", id).code == 0
    assert shown(talk, id)["text"] == "Dugongs graze at night\nand day"
    monkeypatch.setenv("VISUAL", "true")
    assert "nothing changed" in talk("memory", "edit", id).err
    monkeypatch.delenv("VISUAL")
    monkeypatch.delenv("EDITOR", raising=False)
    refused(talk("memory", "edit", id), 2, "no editor is set; give --text, or set EDITOR")
    refused(talk("memory", "add"), 2, "no editor is set; give TEXT, or set EDITOR")


def test_pins_mutes_links_and_cuts_say_what_they_did(talk: Any) -> None:
    a, b = added(talk, "Manatees float"), added(talk, "Otters dive")
    assert talk("memory", "pin", a).out == f"pinned {a[:8]}\nnothing is stale\n"
    assert talk("memory", "unpin", a).out.startswith(f"unpinned {a[:8]}")
    assert talk("memory", "link", a, b, "-w", "0.25").out.startswith(
        f"linked {a[:8]} and {b[:8]}, weight 0.25"
    )
    assert json.loads(talk("memory", "cut", a, b, "--json").out) == {
        "memory": a,
        "label": f"cut {a[:8]} from {b[:8]}",
        "stale": [],
    }
    assert f"linked    cut   person    {b[:8]}  Otters dive" in talk("memory", "show", a).out
    refused(talk("memory", "cut", a, b), 2, "are not linked; nothing to cut")
    refused(talk("memory", "link", a, a), 2, "cannot be linked to itself")


def test_a_muted_memory_makes_what_used_it_stale_until_it_is_heard_again(
    talk: Any, used: Any
) -> None:
    id, session = used
    told = json.loads(talk("memory", "mute", id, "--json").out)
    assert [one["session"] for one in told["stale"]] == [session]
    assert talk("memory", "unmute", id).code == 0


def test_forgetting_asks_first_and_says_who_keeps_a_copy(talk: Any, used: Any) -> None:
    id, session = used
    refused(talk("memory", "forget", id), 2, id[:8], "for good", "--yes")
    assert talk("memory", "show", id).code == 0
    said = talk("memory", "forget", id, "--yes")
    assert said.code == 0 and said.out.startswith(f"forgot {id[:8]}: Narwhals")
    assert f"session {session[:8]} keeps a copy of its text" in said.err
    refused(talk("memory", "forget", id, "--yes"), 1, "no memory has an id")


def test_a_deleted_session_is_named_as_such_and_keeps_no_copy() -> None:
    memory = MemoryView(
        id="m" * 20, text="Ants dig", source="person", created=WHEN, mass=0.9, uses=2
    )
    uses = [
        UseView(session=f"{letter}" * 20, node="n" * 20, title=title, at=WHEN)
        for letter, title in (("a", "Who digs?"), ("b", ""))
    ]
    both = MemoryShown(memory=memory, links=(), texts={}, uses=tuple(uses))
    gone = MemoryShown(memory=memory, links=(), texts={}, uses=(uses[1],))
    lines = memory_lines.whole(both, 80)
    assert any(re.fullmatch(r"used in   aaaaaaaa  .*  Who digs\?", line) for line in lines)
    assert any(re.fullmatch(r"used in   bbbbbbbb  .*  \(deleted\)", line) for line in lines)
    assert memory_lines.copies(both) == "session aaaaaaaa keeps a copy of its text"
    assert memory_lines.copies(gone) == "no session holds a copy of it"


def test_of_many_links_the_strongest_are_shown() -> None:
    id = "m" * 20
    memory = MemoryView(id=id, text="Ants dig", source="person", created=WHEN, mass=0.9, uses=0)
    links = [
        LinkView(a=id, b=f"{number:020d}", weight=1 - number / 100, origin="near")
        for number in range(40)
    ]
    shown = MemoryShown(memory=memory, links=tuple(links), texts={}, uses=())
    lines = [line for line in memory_lines.whole(shown, 80) if line.startswith("linked ")]
    assert len(lines) == memory_lines.LINKED + 1
    assert lines[-1] == "linked    and 20 more; --json has them all"


def test_a_person_is_asked_before_anything_is_forgotten(
    talk: Any, used: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    id, session = used

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for reply, code in (("n\n", 130), ("y\n", 0)):
        # `talk` puts a pipe there, which a person at a terminal has not
        monkeypatch.setattr("sys.stdin", Terminal(reply))
        from smysl_cli.dispatch import run

        assert run(["memory", "forget", id]) == code
    assert talk("memory", "show", id).code == 1


# ------------------------------------------------------------ recalling


def test_what_was_recalled_shows_its_way_in_show_and_why(talk: Any, used: Any) -> None:
    id, session = used
    nodes = json.loads(talk("show", session, "--json").out)["nodes"]
    pulled = next(node for node in nodes if node["kind"] == "memory")
    assert pulled["pull"]["memory"] == id
    whole = talk("show", pulled["id"])
    assert f"memory    {id}, with strength " in whole.out
    assert f"words -> {id[:8]} (" in whole.out and "data      memory" not in whole.out
    why = talk("why", nodes[-1]["id"])
    assert re.search(rf"memory {id[:8]}, strength 0\.\d\d:\n    mass 0\.75", why.out)
    assert max(map(len, why.out.splitlines())) <= 80


def test_how_much_is_recalled_is_checked_before_anything_is_asked(talk: Any) -> None:
    refused(talk("--recall", "21", "x"), 2, "--recall 21 is out of range; use 0 (none) to 20")
    refused(talk("--recall", "-1", "x"), 2, "--recall -1")
    refused(talk("ask", "--recall", "many", "x"), 2, "many")
    refused(talk("explain", "solve", "x", "--recall", "21"), 2, "--recall 21 is out of range")


def test_nothing_is_recalled_that_nobody_asked_for(talk: Any) -> None:
    added(talk, "Lemurs sunbathe")
    for words in ((), ("--recall", "0")):
        found = json.loads(talk(*words, "--json", "Which lemurs sunbathe?").out)
        assert "memory" not in {node["kind"] for node in found["nodes"]}
