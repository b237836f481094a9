"""How the next question is asked: program, model, adapter, memories, seed and budget, in one dialog at the prompt.

Knows requests and the dialog; the screen keeps what was set.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from smysl_cli.model_commands import listed
from smysl_cli.tui.dialogs.form import Field, Form, Values
from smysl_cli.tui.link.threads import in_thread
from smysl_cli.tui.model import request
from smysl_cli.tui.model.request import Asking
from smysl_cli.tui.screens.engines import use_model
from smysl_daemon.protocol import DaemonStatus, GetStatus

if TYPE_CHECKING:
    from smysl_cli.tui.screens.session import SessionScreen


async def choose(screen: "SessionScreen") -> None:
    """Set them; another model is loaded at once, for every client."""
    asking = screen.asking
    requests = screen.smysl.requests
    models = await in_thread(lambda: listed(requests.dirs))
    loaded = (await requests.ask(GetStatus(), DaemonStatus)).model
    names = dict.fromkeys([loaded, *(one.model for one in models)])
    adapters = await screen.adapters()
    values = await screen.app.push_screen_wait(
        Form(
            "How to ask",
            [
                Field("program", "Program", asking.program, choices=await screen.programs()),
                Field("model", "Model", loaded, choices=list(names)),
                *_adapter_field(adapters, asking.adapter),
                Field("recall", "Recall", _number(asking.recall), "memories; as the settings say"),
                Field("seed", "Seed", str(asking.seed), "the same seed gives the same nodes"),
                Field("tokens", "Token budget", str(asking.budget_tokens or ""), "no limit"),
                Field("seconds", "Seconds", _number(asking.budget_seconds), "no limit"),
            ],
            ok="Keep",
            check=_wrong,
        )
    )
    if values is None:
        return
    screen.asking = _asking(values)
    screen.draw()
    if values["model"] != loaded:
        screen.say(f"loading {values['model']}")
        screen.model = await use_model(screen, values["model"])
        await _keep_to_adapters(screen)
        screen.draw()


async def _keep_to_adapters(screen: "SessionScreen") -> None:
    """The adapter of one model is none of another."""
    adapter = screen.asking.adapter
    if adapter is not None and adapter not in await screen.adapters():
        screen.asking = msgspec.structs.replace(screen.asking, adapter=None)
        screen.say(f"{screen.model} answers, without adapter {adapter}, which it does not have")


def _adapter_field(adapters: Sequence[str], chosen: str | None) -> list[Field]:
    """None for a model without adapters."""
    if not adapters:
        return []
    value = chosen if chosen is not None and chosen in adapters else ""
    return [Field("adapter", "Adapter", value, choices=["", *adapters], empty="none")]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _asking(values: Values) -> Asking:
    """Raises `BadSetting`."""
    return Asking(
        program=values["program"],
        adapter=values.get("adapter") or None,
        recall=request.recall(values["recall"]),
        seed=request.seed(values["seed"]) or 0,
        budget_tokens=request.tokens(values["tokens"]),
        budget_seconds=request.seconds(values["seconds"]),
    )


def _wrong(values: Values) -> str:
    try:
        _asking(values)
    except request.BadSetting as error:
        return str(error)
    return ""
