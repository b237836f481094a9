"""What clients may know of programs and modules: lists, texts, checks, plans.

Knows the runtime's library and compiler; never sockets, runs or how replies look.
"""

from typing import Any

from smysl_daemon.protocol import (
    PROGRAMS_LIMIT_BYTES,
    CheckPrograms,
    Explain,
    ProgramFile,
    ProgramList,
)
from smysl_daemon.shapes import CheckedView, ModuleView, PlanView, ProgramWhole
from smysl_daemon.views import module_view, plan_view, program_view, program_whole
from smysl_reasoning.compiler import require
from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.flat import flatten
from smysl_reasoning.grammar import schema
from smysl_reasoning.library import Library
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime


class Programs:
    """Reads one runtime's library, which looks into the person's folder each time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def list(self) -> ProgramList:
        library = self._runtime.library
        return ProgramList(
            programs=tuple(program_view(one) for one in library.list()),
            problems=tuple(_one_line(error) for error in library.problems()),
        )

    def whole(self, name: str) -> ProgramWhole:
        """Raises `BadRequest` for an unknown name, `ProgramError` for a broken file."""
        library = self._runtime.library
        return program_whole(library.part(name), library.text(name))

    def check(self, request: CheckPrograms) -> tuple[CheckedView, ...]:
        """Raises `BadRequest` for too much, and for two files that would be one program."""
        size = sum(len(one.text.encode()) for one in request.files)
        if size > PROGRAMS_LIMIT_BYTES:
            raise BadRequest(
                f"the program files have {size:,} bytes together; the limit is "
                f"{PROGRAMS_LIMIT_BYTES:,}. Check fewer at once."
            )
        given: dict[str, tuple[str, str]] = {}
        for one in request.files:
            if one.name in given:
                raise BadRequest(
                    f"{given[one.name][1]} and {one.file} would both be the program {one.name!r}; "
                    "check them one by one"
                )
            given[one.name] = (one.text, one.file)
        library = self._runtime.library.having(given)
        return tuple(self._checked(one, library) for one in request.files)

    def _checked(self, file: ProgramFile, library: Library) -> CheckedView:
        try:
            program = library.part(file.name)
            flat = flatten(program, program.settled({}))
        except ProgramError as error:
            return CheckedView(file=file.file, program=None, problem=_one_line(error))
        except BadRequest as error:
            problem = f"{file.file}: {_one_line(error)}"
            return CheckedView(file=file.file, program=None, problem=problem)
        warning = None
        try:
            require(flat, self._runtime.dialect, self._runtime.engine.info)
        except BadRequest as error:
            warning = _one_line(error)
        whole = program_whole(program, file.text)
        return CheckedView(file=file.file, program=whole, warning=warning)

    def schema(self) -> dict[str, Any]:
        return schema()

    def modules(self) -> tuple[ModuleView, ...]:
        return tuple(module_view(one) for one in self._runtime.library.modules.values())

    async def explain(self, request: Explain, recall: int) -> PlanView:
        """`recall`: most memories that fall into the question. Raises what a run's start raises; an analysis
        stops when this is cancelled."""
        plan = await self._runtime.explain(
            RunRequest(
                question=request.question,
                program=request.program,
                context=request.context,
                seed=request.seed,
                options=request.options,
                adapter=request.adapter,
                recall=recall,
            ),
            request.analyze,
        )
        return plan_view(plan)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
