"""Arguments and options as plain data, for a command that has to start before Typer could be loaded.

Knows how they are written and what they say, and puts them into Typer's words; never what they do.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, get_args, get_origin


class Words(NamedTuple):
    """All words that belong to no option."""

    metavar: str
    help: str


class Flag(NamedTuple):
    """An option. What it takes is said by the type of the parameter that it stands at."""

    flags: tuple[str, ...]
    """As Typer takes them: `--stream/--no-stream` is a pair."""
    help: str
    metavar: str | None = None
    minimum: float | None = None
    offers: str | None = None
    """Name of the function in `completing` that finds what the shell offers."""


def split(annotation: Any) -> tuple[Any, Words | Flag | None]:
    """A parameter's type, and what is declared of it here."""
    if get_origin(annotation) is not Annotated:
        return annotation, None
    kind, *said = get_args(annotation)
    return kind, next((one for one in said if isinstance(one, Words | Flag)), None)


def typed(declared: Words | Flag) -> Any:
    """The same in Typer's words, for `Annotated`."""
    import typer  # for those who need help, completion or a message

    if isinstance(declared, Words):
        return typer.Argument(metavar=declared.metavar, help=declared.help)
    from smysl_cli import completing

    return typer.Option(
        *declared.flags,
        help=declared.help,
        metavar=declared.metavar,
        min=declared.minimum,
        autocompletion=getattr(completing, declared.offers) if declared.offers else None,
    )


def for_typer(command: Callable[..., Any]) -> Callable[..., Any]:
    """`command`, with what is declared of its parameters in Typer's words."""
    import functools  # for those who pay for Typer
    import inspect

    @functools.wraps(command)
    def called(**values: Any) -> Any:
        return command(**values)

    signature = inspect.signature(command)
    parameters = []
    for one in signature.parameters.values():
        kind, declared = split(one.annotation)
        annotation = one.annotation if declared is None else Annotated[kind, typed(declared)]
        parameters.append(one.replace(annotation=annotation))
    called.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return called
