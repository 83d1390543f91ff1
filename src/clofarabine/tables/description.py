"""The description of every file and column (data/datapackage.json), read and checked.

What it says must be what the reader enforces: a rule that nothing enforces is refused here.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from . import paths
from .schema import KINDS, DataError, content, problem

_TABLES = "the description of the tables, in JSON"


@cache
def package() -> dict[str, Any]:
    """The data package: datapackage.json as a dictionary."""
    return read(paths.DATA / "datapackage.json")


def resource(name: str) -> dict[str, Any]:
    """Description of one table."""
    for entry in package()["resources"]:
        if entry["name"] == name:
            return entry
    names = ", ".join(r["name"] for r in package()["resources"])
    raise DataError(f"table: found {name!r}, expected one of {names}")


def codebook() -> str:
    """The description of every file and column as Markdown, for data/README.md."""
    out = []
    for entry in package()["resources"]:
        schema = entry["schema"]
        out += [
            f"### `{entry['path']}`",
            "",
            f"{entry['title']}. Source: {entry['sources'][0]['title']}. "
            f"Key: {', '.join(f'`{k}`' for k in schema['primaryKey'])}.",
            "",
            "| column | type | unit | meaning | allowed |",
            "|---|---|---|---|---|",
        ]
        for f in schema["fields"]:
            rules = f.get("constraints", {})
            allowed = "; ".join(
                {"required": "never missing", "enum": "one of: " + ", ".join(rules.get("enum", []))}
                .get(r, f"{r} {v}")
                for r, v in rules.items()
            )  # fmt: skip
            cells = (f"`{f['name']}`", f["type"], f.get("unit", ""), f["description"], allowed)
            out.append("| " + " | ".join(cells) + " |")
        out.append("")
    return "\n".join(out)


def read(path: Path) -> dict[str, Any]:
    """A data package, checked.

    Raises
    ------
    DataError
        One line: the file, the place within it, what was found and what was expected.
    """
    file = paths.display_name(path)
    try:
        text = content(path, file, _TABLES).decode()
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        place = f"{file}, line {error.lineno}, column {error.colno}"
        raise DataError(f"{place}: found no JSON ({error.msg}), expected {_TABLES}") from None
    except UnicodeDecodeError as error:
        found = f"byte {error.object[error.start]:#04x}, which is not UTF-8"
        raise DataError(problem(file, None, None, found, _TABLES)) from None
    except RecursionError:
        raise DataError(problem(file, None, None, "brackets without end", _TABLES)) from None
    except DataError:
        raise
    except ValueError as error:  # a key twice, or a number that JSON or Python does not know
        raise DataError(problem(file, None, None, str(error), _TABLES)) from None
    for place, what, expected in _package(found):
        raise DataError(f"{file}, {place}: found {_brief(what)}, expected {expected}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the key {name!r} twice in one object")
    return dict(pairs)


def _no_number(name: str) -> None:
    raise ValueError(name)


def _brief(found: Any) -> str:
    """What was found, cut where it is long; absent, it is nothing."""
    if found is None:
        return "nothing"
    text = json.dumps(found, ensure_ascii=True)
    return text if len(text) <= 60 else text[:60] + "…"


# A problem: where in the file, what was found, what was expected.
Problems = Iterator[tuple[str, Any, str]]


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_text(v) for v in value)


def _package(found: Any) -> Problems:
    """What is wrong with a data package, from the outside in; the first is what a reader needs."""
    if not isinstance(found, dict):
        yield "the whole", found, "an object with resources"
        return
    entries = found.get("resources")
    if not isinstance(entries, list) or not entries:
        yield "resources", entries, "a list of tables"
        return
    for i, entry in enumerate(entries):
        yield from _entry(f"resources[{i}]", entry)
    for key in ("name", "path"):
        values = [e[key] for e in entries]
        for i, value in enumerate(values):
            if value in values[:i]:
                yield f"resources[{i}].{key}", value, "each once"
    columns = {e["name"]: [f["name"] for f in e["schema"]["fields"]] for e in entries}
    for i, entry in enumerate(entries):
        yield from _keys(f"resources[{i}].schema", entry["schema"], columns)


def _entry(place: str, entry: Any) -> Problems:
    """What is wrong with the description of one file."""
    if not isinstance(entry, dict):
        yield place, entry, "an object that describes a table"
        return
    for key in ("name", "path", "title"):
        if not _text(entry.get(key)):
            yield f"{place}.{key}", entry.get(key), "text"
    path = PurePosixPath(entry["path"])
    if path.is_absolute() or ".." in path.parts or len(path.parts) != 2 or path.suffix != ".csv":
        yield f"{place}.path", entry["path"], "a folder below data/ and a file, as in sources/a.csv"
    sources = entry.get("sources")
    if not (isinstance(sources, list) and sources and isinstance(sources[0], dict)
            and _text(sources[0].get("title"))):  # fmt: skip
        yield f"{place}.sources", sources, "a list of objects with a title"
    schema = entry.get("schema")
    if not isinstance(schema, dict):
        yield f"{place}.schema", schema, "an object with fields"
        return
    fields = schema.get("fields")
    if not isinstance(fields, list) or not fields:
        yield f"{place}.schema.fields", fields, "a list of columns"
        return
    for j, field in enumerate(fields):
        yield from _field(f"{place}.schema.fields[{j}]", field)
        if field["name"] in [f["name"] for f in fields[:j]]:
            yield f"{place}.schema.fields[{j}].name", field["name"], "each once"


def _field(place: str, field: Any) -> Problems:
    """What is wrong with the description of one column."""
    if not isinstance(field, dict):
        yield place, field, "an object that describes a column"
        return
    for key in ("name", "description"):
        if not _text(field.get(key)):
            yield f"{place}.{key}", field.get(key), "text"
    kind = field.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        yield f"{place}.type", kind, "one of " + ", ".join(KINDS)
        return
    if "unit" in field and not _text(field["unit"]):
        yield f"{place}.unit", field["unit"], "text"
    if "missingValues" in field and not _missing(field["missingValues"]):
        yield f"{place}.missingValues", field["missingValues"], "a list of text"
    rules = field.get("constraints", {})
    if not isinstance(rules, dict):
        yield f"{place}.constraints", rules, "an object of rules"
        return
    for name, value in rules.items():
        expected = _rule(name, value, kind)
        if expected:
            yield f"{place}.constraints.{name}", value, expected


def _missing(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _rule(name: str, value: Any, kind: str) -> str:
    """What a rule should be, nothing if it is that."""
    if name in ("required", "unique"):
        return "" if isinstance(value, bool) else "true or false"
    if name in ("minimum", "maximum") and kind in ("integer", "number"):
        return "" if _number(value) else "a number"
    if name == "enum" and kind == "string":
        return "" if _texts(value) else "a list of text"
    return f"a rule that a column of type {kind} can have"


def _keys(place: str, schema: dict[str, Any], columns: dict[str, list[str]]) -> Problems:
    """What is wrong with missing values and keys, which name columns and other tables."""
    own = [f["name"] for f in schema["fields"]]
    if not _missing(schema.get("missingValues")):
        yield f"{place}.missingValues", schema.get("missingValues"), "a list of text"
    key = schema.get("primaryKey")
    if not _texts(key) or not set(key) <= set(own):
        yield f"{place}.primaryKey", key, "a list of the table's columns"
    foreign = schema.get("foreignKeys", [])
    if not isinstance(foreign, list):
        yield f"{place}.foreignKeys", foreign, "a list"
        return
    for i, link in enumerate(foreign):
        if not _leads(link, own, columns):
            expected = "fields: [a column], reference: {resource: a table, fields: [its column]}"
            yield f"{place}.foreignKeys[{i}]", link, expected


def _leads(link: Any, own: list[str], columns: dict[str, list[str]]) -> bool:
    """Whether a foreign key leads from one column of the table to one of a table that is there."""
    other = link.get("reference") if isinstance(link, dict) else None
    if not isinstance(other, dict) or not _texts([other.get("resource")]):
        return False
    ends = link.get("fields"), other.get("fields")
    if not all(_texts(e) and len(e) == 1 for e in ends):
        return False
    return ends[0][0] in own and ends[1][0] in columns.get(other["resource"], [])
