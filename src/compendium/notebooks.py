"""A notebook's file before it runs: whether it is one, its cells, and its parameters."""

import ast
import difflib
import json
import math
import re
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import PipelineError
from .files import need_file
from .steps import Project, Step

KERNEL = "python3"
_CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)


def _problem(content: bytes) -> str:
    """What is wrong with the content of a notebook's file, "" if nothing is."""
    if not content.strip():
        return "found nothing"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"found byte {content[error.start]:#04x}, which is not UTF-8"
    if text.startswith("\ufeff"):
        return "found a byte order mark"
    if _CONFLICT.search(text):
        return "found the marks of a merge conflict"
    try:
        nb = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"found what is not JSON ({error})"
    if not isinstance(nb, dict) or "cells" not in nb or nb.get("nbformat") != 4:
        version = nb.get("nbformat") if isinstance(nb, dict) else None
        return f"found version {version!r} of the format" if version else "found no notebook"
    import nbformat

    try:
        nbformat.validate(nb)
    except nbformat.ValidationError as error:
        return f"found a notebook that is not valid ({str(error).partition(chr(10))[0]})"
    kernel = nb["metadata"].get("kernelspec", {}).get("name")
    return "" if kernel == KERNEL else f"found the kernel {kernel!r}"


def check(path: Path) -> None:
    """Refuse a file that is no notebook which can be run, in one line.

    Raises
    ------
    PipelineError
        Naming the file, what was found and what was expected.
    """
    place = f"{path.parent.name}/{path.name}"
    expected = f"a notebook in UTF-8, nbformat 4, kernel {KERNEL}"
    need_file(path, place, expected)
    if found := _problem(path.read_bytes()):
        raise PipelineError(f"{place}: {found}, expected {expected}")


def cells(path: Path) -> int:
    """Number of cells of a notebook."""
    return len(json.loads(path.read_text(encoding="utf-8"))["cells"])


def parameters_of(s: Step) -> dict[str, Any]:
    """Parameters of a notebook with their defaults, as papermill reads them."""
    from papermill.inspection import inspect_notebook  # a second, for runs with parameters alone

    return {k: ast.literal_eval(v["default"]) for k, v in inspect_notebook(str(s.path)).items()}


_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}


def _fits(value: Any, default: Any) -> bool:
    """Whether a value is of the kind of a default; None as a default stands for any kind."""
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return False
    if default is None:
        return value is None or kind in _KINDS
    return kind is type(default) or (kind is int and type(default) is float)


def check_parameters(
    s: Step, parameters: dict[str, Any], place: str = "", valid: dict[str, Any] | None = None
) -> None:
    """Refuse a parameter that the notebook does not have, or a value of another kind.

    A message begins with ``place``; ``valid`` are the notebook's parameters where they are known.
    """
    if valid is None:
        valid = parameters_of(s) if parameters else {}
    for name, value in parameters.items():
        if name in valid:
            if not _fits(value, valid[name]):
                where = f"{place}{s.name}, parameter {name}"
                expected = _KINDS.get(type(valid[name]), "text, a number, True or False")
                raise PipelineError(f"{where}: found {reprlib.repr(value)}, expected {expected}")
        else:
            near = difflib.get_close_matches(str(name), valid, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = ", ".join(valid)
            raise PipelineError(f"{place}{s.name} has no parameter {name!r}; it has {known}{hint}")


def check_values(project: Project, parameters: dict[str, Any], place: str = "") -> None:
    """Refuse a value that the project does not take, and a name of what a reader would wait for."""
    try:
        project.hooks.check_parameters(parameters)
    except ValueError as error:
        raise PipelineError(f"{place}{error}") from None
    for name, value in parameters.items():
        if isinstance(value, str) and "\0" not in value and len(value) < 4096:
            path = Path(value)
            if path.exists() and not (path.is_file() or path.is_dir()):
                need_file(path, f"{place}{name}", "a file")


def own_parameters(
    project: Project, steps: Iterable[Step], parameters: dict[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """The given parameters that each notebook has, by the notebook's name.

    Raises
    ------
    PipelineError
        If no notebook has a parameter, or a value is of another kind or not one that is taken.
    """
    steps = list(steps)
    if not parameters:
        return {s.name: {} for s in steps}
    valid = {s.name: parameters_of(s) for s in steps}
    for name in parameters:
        if not any(name in v for v in valid.values()):
            check_parameters(steps[0], {name: None})
    own = {n: {k: v for k, v in parameters.items() if k in valid[n]} for n in valid}
    for s in steps:
        check_parameters(s, own[s.name])
    check_values(project, parameters)
    return own
