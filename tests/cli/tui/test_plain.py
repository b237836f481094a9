"""`smysl tui --plain`: line by line, and what `smysl tui` says where there is no terminal."""

from typing import Any

QUESTION = "What is 6 * 7?"


def lines(*said: str) -> bytes:
    return "".join(f"{line}\n" for line in said).encode()


def test_a_line_is_a_question_and_a_slash_a_command_of_the_session(shell: Any) -> None:
    done = shell.smysl(
        "tui",
        "--plain",
        stdin=lines(
            "/help",
            QUESTION,
            "/show",
            "/branches",
            "/diff main nowhere",
            "/export -o -",
            "/new",
            "What else is 6 * 7?",
            '/edit "half a quote',
            "/nonsense words",
            "/tui",
            "/open zzzzzzzz",
            "/program direct",
            "/quit",
            "never asked",
        ),
    )
    assert done.returncode == 0
    assert "A line is a question." in done.stdout
    assert done.stdout.count("42\n") >= 2 and "question  What is 6 * 7?" in done.stdout
    assert "main" in done.stdout and "the next question begins a session" in done.stdout
    assert "No closing quotation" in done.stderr and "zzzzzzzz" in done.stderr
    assert "/tui is where you are" in done.stderr and "computed" in done.stderr
    assert "never asked" not in done.stdout + done.stderr


def test_the_memory_is_reached_by_its_commands(own: Any) -> None:
    done = own.smysl(
        "tui",
        "--plain",
        stdin=lines(
            '/memory add "The ferry leaves at nine."',
            "/memory search When does the ferry leave?",
            "/memory list",
            "/memory pin nonsense",
        ),
    )
    assert done.returncode == 0
    assert "added" in done.stdout and done.stdout.count("The ferry leaves at nine.") == 2
    assert "nonsense" in done.stderr


def test_an_open_session_goes_on(shell: Any) -> None:
    shell.smysl("ask", QUESTION)
    done = shell.smysl("tui", "-c", "--plain", stdin=lines("/show", "/undo", "/switch other"))
    assert "thoughts: What is 6 * 7?" in done.stdout and "answer    42" in done.stdout
    assert "no branch 'other'" in done.stderr


def test_without_a_terminal_the_plain_form_is_named(shell: Any) -> None:
    done = shell.smysl("tui")
    assert done.returncode == 2 and "--plain" in done.stderr
    both = shell.smysl("tui", "-c", "someid")
    assert both.returncode == 2 and "contradict" in both.stderr
    two = shell.smysl("tui", "--plain", "abc", "def")
    assert two.returncode == 2 and "one session is opened, not 2 (abc def)" in two.stderr
    assert "Walk, edit and fork thoughts" in shell.smysl("tui", "--help").stdout
    alone = shell.smysl("tui", "-b", "main")
    assert alone.returncode == 2 and "-b names a branch" in alone.stderr


def test_a_mistake_in_the_settings_is_named(own: Any) -> None:
    own.dirs.config.mkdir(parents=True, exist_ok=True)
    own.dirs.config_file.write_text('[tui]\ntheme = "pink"\n')
    done = own.smysl("config", "show")
    assert done.returncode == 2 and "tui.theme = 'pink'" in done.stderr
    own.dirs.config_file.write_text('[tui.keys]\nfork = "F"\n')
    done = own.smysl("config", "show")
    said = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert any(line.startswith('tui.theme = "dark"') for line in said)
    assert any(line.startswith('tui.keys.fork = "F"') for line in said)
