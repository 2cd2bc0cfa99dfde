"""The generated part of the Python client: its answers, requests and methods, made from the description of the API.

`python -m tests.house.pages` writes it; a test holds what is committed equal to what this makes, so it cannot drift.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from types import SimpleNamespace
from typing import Any, cast

from tests.house.source import ROOT, SRC

from scidex.economy import Economy

CLIENT = SRC / "scidex/client"
MOST_LINES = 300
"""A module is begun anew after about so many, so that none is longer than a module of the house may be."""
BY_HAND = {"post_batch": "batch", "post_usage_batch": "usage_batch", "get_event_stream": "events"}
"""Operations that do not answer with one JSON document, and the methods of `Client` that were written for them."""
FOR_OTHERS = {
    "post_traces": "spans, which OpenTelemetry's exporters send",
    "get_metrics": "figures, which Prometheus asks for",
}
"""Operations in formats of other programs, which have clients of their own."""
HEADERS = {"x-scidex-actor", "authorization", "idempotency-key", "if-match", "if-none-match"}
"""What the client sends by itself, or not at all; the version that a change is meant for is an argument."""
HEAD = '"""{what}; made by `python -m tests.house.pages`."""\n\nfrom __future__ import annotations\n\n'

Schema = dict[str, Any]


def description() -> Schema:
    """The API as it describes itself, which needs no database."""
    from scidex.surfaces.http import create_app

    # The routes ask for the economy when they are called, which none is here.
    return create_app(
        cast("Economy", SimpleNamespace(settings=SimpleNamespace(pool_size=1, auth="loopback")))
    ).openapi()


@dataclass
class Operation:
    """A route and its method."""

    name: str
    tag: str
    method: str
    path: str
    doc: str
    parameters: list[Schema]
    body: str | None
    needs_body: bool
    answer: Schema | None
    keyed: bool
    matched: str | None = None
    """The type of the version that a change may be meant for."""
    module: str = ""


@dataclass
class Api:
    """The description, by operation and by the module that each schema goes to."""

    schemas: dict[str, Schema]
    operations: list[Operation]
    names: dict[str, str] = field(default_factory=dict)
    modules: dict[str, list[str]] = field(default_factory=dict)
    """Schemas of answers by module, each after those that it is made of."""
    places: dict[str, str] = field(default_factory=dict)
    given: dict[str, list[str]] = field(default_factory=dict)
    """Schemas within bodies by the module that first takes them."""
    receipts: set[str] = field(default_factory=set)


def read_api(found: Schema) -> Api:
    """What the description says."""
    operations = [
        _operation(method, path, said)
        for path, methods in found["paths"].items()
        for method, said in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    api = Api(found["components"]["schemas"], operations)
    last = Counter(name.rsplit("__", 1)[-1] for name in api.schemas)
    for name in api.schemas:
        *where, short = name.split("__")
        api.names[name] = short if last[short] == 1 else where[-1].title() + short
    tags = list(dict.fromkeys(operation.tag for operation in operations))
    for tag in tags:
        _place(api, tag, [each for each in operations if each.tag == tag and each.name not in {*BY_HAND, *FOR_OTHERS}])
    return api


def _operation(method: str, path: str, said: Schema) -> Operation:
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = next(_references(content["schema"]), None) if content else None
    answer = next((said["responses"][code] for code in said["responses"] if code.startswith("2")), {})
    return Operation(
        name=said["operationId"],
        tag=said["tags"][0],
        method=method.upper(),
        path=path,
        doc=(said.get("description") or said.get("summary") or "").split("\n\n")[0].replace("\n", " "),
        parameters=[each for each in said.get("parameters", []) if each["name"].lower() not in HEADERS],
        body=body,
        needs_body=bool(said.get("requestBody", {}).get("required")),
        answer=answer.get("content", {}).get("application/json", {}).get("schema"),
        keyed=any(each["name"].lower() == "idempotency-key" for each in said.get("parameters", [])),
        matched=next((_version(each) for each in said.get("parameters", []) if each["name"] == "If-Match"), None),
    )


def _version(parameter: Schema) -> str:
    """What is between the quotes: a number, or a word."""
    (pattern,) = (each["pattern"] for each in parameter["schema"]["anyOf"] if "pattern" in each)
    return "int" if "[0-9]{" in pattern else "str"


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rsplit("/", 1)[-1]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _place(api: Api, tag: str, operations: list[Operation]) -> None:
    """Put what these operations answer and take, and nobody before, into modules of this tag."""
    fresh: list[str] = []

    def visit(name: str) -> None:
        if name in api.places:
            return
        api.places[name] = ""
        for inner in _references(api.schemas[name]):
            visit(inner)
        if not name.startswith("Page_"):
            fresh.append(name)

    for operation in operations:
        if operation.answer:
            top = list(_references(operation.answer))
            if operation.keyed and "$ref" in operation.answer:
                api.receipts.update(top)
            for name in top:
                visit(name)
    number, lines = 1, 0
    for name in fresh:
        length = len(_model(api, name))
        if lines + length > MOST_LINES:
            number, lines = number + 1, 0
        lines += length
        module = tag if number == 1 else f"{tag}_{number}"
        api.places[name] = module
        api.modules.setdefault(module, []).append(name)
    number, lines = 1, 0
    for operation in operations:
        length = _length(api, operation)
        if lines + length > MOST_LINES:
            number, lines = number + 1, 0
        lines += length
        operation.module = tag if number == 1 else f"{tag}_{number}"
        api.given.setdefault(operation.module, [])
        if operation.body:
            _take(api, operation.module, operation.body)


def _take(api: Api, module: str, name: str) -> None:
    """Put what a body is made of into the module that first takes it."""
    for inner in _references(api.schemas[name]):
        _take(api, module, inner)
        if not any(inner in names for names in api.given.values()):
            api.given[module].append(inner)


def _length(api: Api, operation: Operation) -> int:
    """About as many lines as the function takes, with what its body is made of."""
    members = len(api.schemas[operation.body]["properties"]) if operation.body else 0
    inner = set(_references(api.schemas[operation.body])) if operation.body else set()
    within = sum(len(api.schemas[name].get("properties", ())) + 5 for name in inner)
    return 12 + 2 * (len(operation.parameters) + members) + within


def _type(api: Api, schema: Schema, *, given: bool) -> str:
    """The type of a value: of an answer, or of what is given."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        if name.startswith("Page_"):
            return f"Page[{_type(api, api.schemas[name]['properties']['items']['items'], given=given)}]"
        return _given_name(api, name) if given else api.names[name]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        kinds = {choice.get("type") for choice in choices}
        if given and {"number", "string"} <= kinds and all("format" not in choice for choice in choices):
            return "Amount | None" if "null" in kinds else "Amount"
        return " | ".join(dict.fromkeys(_type(api, choice, given=given) for choice in choices))
    if "const" in schema:
        return f"Literal[{json.dumps(schema['const'])}]"
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(word) for word in schema['enum'])}]"
    kind, form = schema.get("type"), schema.get("format")
    if kind == "array":
        inner = _type(api, schema["items"], given=given) if schema.get("items") else "Any"
        return f"Sequence[{inner}]" if given else f"list[{inner}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        inner = _type(api, values, given=given) if isinstance(values, dict) and values else "Any"
        return f"Mapping[str, {inner}]" if given else f"dict[str, {inner}]"
    if kind == "string" and form in ("date-time", "date"):
        return "datetime" if form == "date-time" else "date"
    return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}.get(
        kind or "", "Any"
    )


def _given_name(api: Api, name: str) -> str:
    return re.sub(r"Body$", "", api.names[name]) + "Given"


def _optional(kind: str) -> str:
    return kind if kind.endswith("None") or kind == "Any" else f"{kind} | None"


def _safe(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _model(api: Api, name: str) -> list[str]:
    """A class of answers."""
    schema = api.schemas[name]
    base = "Receipt" if name in api.receipts else "Answer"
    lines = [f"class {api.names[name]}({base}):", *_doc(schema.get("description") or schema.get("title") or name), ""]
    required = set(schema.get("required", []))
    for member, said in schema.get("properties", {}).items():
        if base == "Receipt" and member in ("number", "at", "actor"):
            continue
        kind = _type(api, said, given=False)
        # An older server may not know what is optional; what it always gives is required.
        asked = member in required or "default" in said
        kind = kind if asked else _optional(kind)
        value = "" if asked and member in required else " = None" if not asked else f" = {said['default']!r}"
        if keyword.iskeyword(member):
            value = f" = Field(alias={member!r})"
        line = f"    {_safe(member)}: {kind}{value}"
        said_of_it = said.get("description")
        if said_of_it:
            text = " ".join(said_of_it.split())
            lines += [f"    # {part}" for part in wrap(text, 112)]
        lines.append(line)
    return [*lines, "", ""]


def _doc(text: str, indent: str = "    ") -> list[str]:
    first = " ".join(text.split("\n\n", maxsplit=1)[0].split()).replace("\\", "\\\\")
    first = first if first.endswith((".", ":", "?", "!")) else f"{first}."
    parts = wrap(first, 108)
    if len(parts) == 1:
        return [f'{indent}"""{parts[0]}"""']
    return [f'{indent}"""{parts[0]}', *(f"{indent}{part}" for part in parts[1:]), f'{indent}"""']


def models_module(api: Api, module: str) -> str:
    """The answers of a tag, or a part of them."""
    body = [line for name in api.modules[module] for line in _model(api, name)]
    needed: dict[str, set[str]] = {}
    for name in api.modules[module]:
        for inner in _references(api.schemas[name]):
            if api.places.get(inner, module) not in ("", module):
                needed.setdefault(api.places[inner], set()).add(api.names[inner])
    imports = [
        f"from scidex.client.models.{place} import {', '.join(sorted(names))}" for place, names in needed.items()
    ]
    text = "\n".join(body)
    return (
        HEAD.format(what=f"What the server answers: {module}") + _imports(text) + "\n".join(imports) + "\n\n\n" + text
    )


def _imports(text: str) -> str:
    """What a generated module needs of the standard library, of pydantic and of the client's own part."""
    lines = []
    words = set(re.findall(r"\w+", text))
    for module, names in (
        ("collections.abc", ("Mapping", "Sequence")),
        ("datetime", ("date", "datetime")),
        ("typing", ("Any", "Literal", "NotRequired", "TypedDict")),
        ("pydantic", ("Field",)),
        ("scidex.client.answers", ("Answer", "Page", "Receipt")),
        ("scidex.client.request", ("Amount", "Request")),
    ):
        used = [name for name in names if name in words and re.search(rf"(?<![\w#'\"]){name}\b(?!:)", _code(text))]
        if used:
            lines.append(f"from {module} import {', '.join(used)}")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    """The text without comments and docstrings."""
    return re.sub(r'"""[\s\S]*?"""|^\s*#.*$', "", text, flags=re.MULTILINE)


def _given_class(api: Api, name: str) -> list[str]:
    schema = api.schemas[name]
    lines = [f"class {_given_name(api, name)}(TypedDict):", *_doc(schema.get("description") or name), ""]
    required = set(schema.get("required", []))
    for member, said in schema.get("properties", {}).items():
        if member == "idempotency_key":
            continue
        kind = _type(api, said, given=True)
        # The word that tells kinds of evidence apart is always said.
        always = member in required or "const" in said
        lines.append(f"    {member}: {kind if always else f'NotRequired[{kind}]'}")
    return [*lines, "", ""]


def _function(api: Api, operation: Operation) -> list[str]:
    """A request as a function of its arguments."""
    arguments, keywords, query, body = [], [], [], []
    for each in operation.parameters:
        name, kind = _safe(each["name"]), _type(api, each["schema"], given=True)
        if each["in"] == "path":
            arguments.append(f"{name}: {kind}")
        elif each["required"]:
            keywords.insert(0, f"{name}: {kind}")
        else:
            keywords.append(f"{name}: {_optional(kind)} = None")
        if each["in"] == "query":
            query.append(f'"{each["name"]}": {name}')
    taken = {each["name"] for each in operation.parameters}
    if operation.body:
        schema = api.schemas[operation.body]
        required = [name for name in schema["properties"] if name in schema.get("required", [])]
        for member in [*required, *(name for name in schema["properties"] if name not in required)]:
            if member == "idempotency_key":
                continue
            assert member not in taken, f"{operation.name} takes {member} twice"
            kind = _type(api, schema["properties"][member], given=True)
            keywords.append(f"{_safe(member)}: {kind if member in required else _optional(kind) + ' = None'}")
            body.append(f'"{member}": {_safe(member)}')
    keywords.sort(key=lambda each: each.endswith("= None"))
    if operation.matched:
        keywords.append(f"if_match: {operation.matched} | None = None")
    if operation.keyed:
        keywords.append("idempotency_key: str | None = None")
    answer = _type(api, operation.answer, given=False) if operation.answer else "str"
    path = re.sub(r":path\}", "}", operation.path)
    sent = [f'"{operation.method}"', f'"{path}"', answer]
    places = [f'"{each["name"]}": {_safe(each["name"])}' for each in operation.parameters if each["in"] == "path"]
    sent += [f"places={{{', '.join(places)}}}"] if places else []
    sent += [f"query={{{', '.join(query)}}}"] if query else []
    sent += [f"body={{{', '.join(body)}}}"] if operation.body and (body or operation.needs_body) else []
    sent += ["if_match=if_match"] if operation.matched else []
    sent += ["key=idempotency_key", "keyed=True"] if operation.keyed else []
    star = ["*", *keywords] if keywords else []
    return [
        f"def {operation.name}({', '.join([*arguments, *star])}) -> Request[{answer}]:",
        *_doc(operation.doc),
        f"    return Request({', '.join(sent)})",
        "",
        "",
    ]


def operations_module(api: Api, module: str) -> str:
    """The requests of a tag, or a part of them."""
    operations = [each for each in api.operations if each.module == module]
    body = [line for name in api.given[module] for line in _given_class(api, name)]
    body += [line for operation in operations for line in _function(api, operation)]
    text = "\n".join(body)
    needed: dict[str, set[str]] = {}
    for operation in operations:
        for name in _references(operation.answer):
            inner = [name] if not name.startswith("Page_") else list(_references(api.schemas[name]))
            for each in inner:
                needed.setdefault(f"scidex.client.models.{api.places[each]}", set()).add(api.names[each])
    for other, names in api.given.items():
        if other != module:
            used = {_given_name(api, name) for name in names} & set(re.findall(r"\w+", text))
            if used:
                needed[f"scidex.client.operations.{other}"] = used
    imports = [f"from {place} import {', '.join(sorted(names))}" for place, names in needed.items()]
    what = f"Requests of the server: {module}"
    return HEAD.format(what=what) + _imports(text) + "\n".join(imports) + "\n\n\n" + text


def methods_module(api: Api, kind: str, doc: str) -> str:
    """Every request as a method that sends it: `kind` is sync or async."""
    modules = list(api.given)
    maker = "method" if kind == "sync" else "async_method"
    lines = [f"from scidex.client.operations import {', '.join(sorted(modules))}"]
    lines += [
        f"from scidex.client.sending import {maker}",
        "",
        "",
        f"class {'' if kind == 'sync' else 'Async'}Methods:",
    ]
    lines.append('    """Every operation of the API by its name, with its arguments and its answer."""')
    for module in modules:
        lines.append("")
        names = [each.name for each in api.operations if each.module == module]
        lines += [f"    {name} = {maker}({module}.{name})" for name in names]
    return HEAD.format(what=doc) + "\n".join(lines) + "\n"


def names_module(what: str, names: dict[str, list[str]]) -> str:
    """One place to import what is spread over modules: names by module."""
    lines = [f"from {module} import {', '.join(found)}" for module, found in names.items() if found]
    offered = sorted(name for found in names.values() for name in found)
    return HEAD.format(what=what) + "\n".join(lines) + f"\n\n__all__ = {offered}\n"


def generated(found: Schema | None = None) -> dict[str, str]:
    """Every generated module of the client by its path below `scidex/client`, formatted as the house formats."""
    api = read_api(description() if found is None else found)
    files = {f"models/{module}.py": models_module(api, module) for module in api.modules}
    files |= {f"operations/{module}.py": operations_module(api, module) for module in api.given}
    given = {
        f"scidex.client.operations.{module}": [_given_name(api, each) for each in api.given[module]]
        for module in api.given
    }
    files["given.py"] = names_module("What is given within requests, as mappings", given)
    files["methods.py"] = methods_module(api, "sync", "The methods of `Client`")
    files["async_methods.py"] = methods_module(api, "async", "The methods of `AsyncClient`")
    return dict(zip(files, _formatted(list(files.values())), strict=True))


def _formatted(texts: list[str]) -> list[str]:
    """Sorted imports and the house's layout; all in one run, since each start of ruff takes a moment."""
    import tempfile

    ruff = Path(sys.executable).with_name("ruff")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"m{number}.py") for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text, encoding="utf-8")
        config = ["--config", str(ROOT / "pyproject.toml")]
        # Outside the tree ruff cannot see that `scidex` is ours.
        ours = ["--config", 'lint.isort.known-first-party=["scidex"]']
        for task in (["check", "--fix", "--select", "I,F401,RUF022", *ours], ["format"]):
            subprocess.run([ruff, *task, *config, "--quiet", folder], check=True)
        return [path.read_text(encoding="utf-8") for path in paths]


def write_client(folder: Path = CLIENT) -> None:
    """Make the generated part anew, and take away what is no longer made."""
    files = generated()
    for kind in ("models", "operations"):
        for path in (folder / kind).glob("*.py"):
            if path.name != "__init__.py" and f"{kind}/{path.name}" not in files:
                path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_client()
