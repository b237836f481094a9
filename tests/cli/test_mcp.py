"""`smysl mcp` as assistants use it: the protocol's own client, a process, a daemon."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from smysl_daemon.launch import stop_daemon

TOOLS = {
    *("ask", "derive", "answer", "show", "why", "edit", "inject", "undo", "preview"),
    *("list_programs", "list_sessions", "search", "search_memory", "add_memory"),
}


def parameters(shell: Any) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "smysl_cli.app", "mcp"], env=shell.env
    )


@asynccontextmanager
async def connected(shell: Any) -> AsyncIterator[Client]:
    async with Client(stdio_client(parameters(shell))) as client:
        yield client


def told(result: Any) -> dict[str, Any]:
    assert not result.is_error, result.content
    found = result.structured_content
    assert isinstance(found, dict)
    return found


def refused(result: Any) -> str:
    assert result.is_error
    return str(result.content[0].text)


async def test_the_tools_say_what_they_are_for(shell: Any) -> None:
    async with connected(shell) as client:
        assert client.server_info is not None and client.server_info.name == "smysl"
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == TOOLS
        assert all(tool.description for tool in tools.values())
        hints = {name: tool.annotations for name, tool in tools.items()}
        reads = {name for name, hint in hints.items() if hint and hint.read_only_hint}
        assert reads == {
            *(
                "show",
                "why",
                "preview",
                "list_programs",
                "list_sessions",
                "search",
                "search_memory",
            ),
        }
        assert tools["ask"].input_schema["required"] == ["question"]


async def test_a_question_is_answered_and_each_thought_is_told_meanwhile(shell: Any) -> None:
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    async with connected(shell) as client:
        result = told(
            await client.call_tool("ask", {"question": "What is 6 * 7?"}, progress_callback=hear)
        )
    assert (result["answer"], result["verdict"]) == ("42", "verified")
    assert [node["kind"] for node in result["nodes"]] == ["question", "computed", "answer"]
    assert [count for count, _ in heard] == [1, 2, 3]
    assert heard[0][1] == "question: What is 6 * 7?"


async def test_a_thought_is_looked_at_changed_and_derived_again(shell: Any) -> None:
    async with connected(shell) as client:
        asked = told(await client.call_tool("ask", {"question": "What is 6 * 7?"}))
        shown = told(await client.call_tool("show", {"id": asked["session"]}))
        assert [node["id"] for node in shown["nodes"]] == [node["id"] for node in asked["nodes"]]
        node = asked["nodes"][0]["id"]
        whole = told(await client.call_tool("show", {"id": node}))
        assert whole["node"]["text"] == "What is 6 * 7?"
        changed = told(await client.call_tool("edit", {"node": node, "text": "What is 6 * 8?"}))
        assert set(changed["stale"]) == {one["id"] for one in asked["nodes"][1:]}
        cost = told(await client.call_tool("preview", {"session": asked["session"]}))
        assert set(cost["stale"]) == set(changed["stale"])
        derived = told(await client.call_tool("derive", {"session": asked["session"]}))
        assert derived["session"] == asked["session"] and derived["answer"]
        reasons = told(await client.call_tool("why", {"node": asked["nodes"][-1]["id"]}))
        assert any("6 * 8" in one["node"]["text"] for one in reasons["reasons"])
        note = told(await client.call_tool("inject", {"node": node, "text": "mind the gap"}))
        undone = told(await client.call_tool("undo", {"session": asked["session"]}))
        assert note["label"] == undone["label"]


async def test_lists_name_programs_and_sessions_and_words_are_found(shell: Any) -> None:
    async with connected(shell) as client:
        asked = told(await client.call_tool("ask", {"question": "Where do pelicans sleep?"}))
        programs = told(await client.call_tool("list_programs", {}))["programs"]
        assert "solve" in {program["name"] for program in programs}
        sessions = told(await client.call_tool("list_sessions", {"limit": 1}))["sessions"]
        assert [one["id"] for one in sessions] == [asked["session"]]
        hits = told(await client.call_tool("search", {"text": "pelicans"}))["hits"]
        assert {hit["session"] for hit in hits} == {asked["session"]}


async def test_what_is_added_to_the_memory_falls_into_a_question(shell: Any) -> None:
    async with connected(shell) as client:
        first = told(await client.call_tool("add_memory", {"text": "Herons stand in rivers."}))
        id = first["memory"]["id"]
        assert not first["known"] and first["memory"]["source"] == "import mcp"
        more = {"text": "Storks like chimneys.", "link": [id[:8]]}
        second = told(await client.call_tool("add_memory", more))
        assert [link["weight"] for link in second["links"]] == [1.0]
        again = told(await client.call_tool("add_memory", {"text": "Herons stand in rivers."}))
        assert again["known"] and again["memory"]["id"] == id
        found = told(await client.call_tool("search_memory", {"text": "Where do herons stand?"}))
        assert [one["memory"] for one in found["pulls"]] == [id, second["memory"]["id"]]
        assert [hop["memory"] for hop in found["pulls"][1]["path"]][0] == id
        question = {"question": "Where do herons stand?", "recall": 1}
        asked = told(await client.call_tool("ask", question))
        (pulled,) = [node for node in asked["nodes"] if node["kind"] == "memory"]
        assert pulled["pull"]["memory"] == id and pulled["confidence"] == pulled["pull"]["strength"]


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("ask", {"question": "x", "program": "slove"}, "bad_request: "),
    ("ask", {"question": "x", "adapter": "brave"}, "it has: careful, terse"),
    ("ask", {"question": ""}, "bad_request: "),
    ("ask", {"question": "x", "seed": -1}, "seed"),
    ("ask", {"question": "x", "recall": 21}, "recall"),
    ("ask", {}, "question"),
    ("add_memory", {"text": " "}, "bad_request: "),
    ("add_memory", {"text": "x", "link": ["zzzz"]}, "not_found: "),
    ("show", {"id": "zzzz"}, "not_found: "),
    ("edit", {"node": "zzzz", "text": "x"}, "not_found: "),
    ("derive", {"session": "zzzz"}, "not_found: "),
    ("ask", {"question": "crash it"}, "internal: unexpected RuntimeError"),
]
"""A tool, its arguments, and what the error says."""


async def test_what_cannot_be_done_is_a_named_error_and_the_server_goes_on(shell: Any) -> None:
    async with connected(shell) as client:  # one for all: a server takes over a second to start
        for tool, arguments, words in REFUSALS:
            assert words in refused(await client.call_tool(tool, arguments))
            good = await client.call_tool("ask", {"question": "What is 6 * 7?"})
            assert told(good)["answer"] == "42"


async def test_a_verdict_is_no_error(shell: Any) -> None:
    async with connected(shell) as client:
        result = told(await client.call_tool("ask", {"question": "far outside"}))
    assert result["verdict"] == "failed" and "disagree" in result["message"]


async def test_a_client_that_cancels_stops_the_run(own: Any) -> None:
    async with connected(own) as client:
        begun = anyio.Event()

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            begun.set()

        async def slow() -> None:
            await client.call_tool("ask", {"question": "a slow one"}, progress_callback=hear)

        async with anyio.create_task_group() as group:
            group.start_soon(slow)
            await begun.wait()
            group.cancel_scope.cancel()
        with anyio.fail_after(60):
            while json.loads(own.smysl("daemon", "status", "--json").stdout)["runs"]:
                await anyio.sleep(0.05)
        # the server goes on
        assert told(await client.call_tool("ask", {"question": "What is 6 * 7?"}))["answer"] == "42"


async def test_a_run_that_asks_its_person_gets_the_answer(shell: Any) -> None:
    async with connected(shell) as client:

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            if message and message.startswith("the run asks: "):
                node = message.rpartition("node ")[2].rstrip(")")
                group.start_soon(client.call_tool, "answer", {"node": node, "text": "the first"})

        async with anyio.create_task_group() as group:
            result = await client.call_tool(
                "ask", {"question": "which one is it?"}, progress_callback=hear
            )
        assert told(result)["answer"]


def test_without_its_package_the_remedy_is_named(cold: Any, tmp_path: Path) -> None:
    # a package of that name which is not the one
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['mcp'] = None\n")
    env = cold.env | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-m", "smysl_cli.app", "mcp"],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert "pip install 'smysl[mcp]'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
async def test_the_bundled_model_answers_through_it(cold: Any) -> None:
    try:
        async with connected(cold) as client:
            arguments = {"question": "Tom has 12 apples and gives 5 to Anna. How many are left?"}
            result = told(await client.call_tool("ask", arguments))
            assert result["answer"] == "7" and result["model"] == "zerno"
            await client.call_tool("add_memory", {"text": "A box holds 12 eggs."})
            arguments = {"question": "Anna sells 3 boxes of eggs. How many eggs does she sell?"}
            result = told(await client.call_tool("ask", arguments | {"recall": 2}))
            assert "memory" in {node["kind"] for node in result["nodes"]}
            assert (result["answer"], result["verdict"]) == ("36", "verified")
    finally:
        stop_daemon(cold.dirs, now=True)
