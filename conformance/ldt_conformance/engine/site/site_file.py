"""Reading `ldt.yaml`: every mistake at once, each with its place and what to write instead.

No target is touched before the file is right.
"""

from __future__ import annotations

import difflib
import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.site.endpoints import Endpoint
from ldt_conformance.engine.site.model import Site, SiteInfo

DEFAULT_NAME = "ldt.yaml"
Location = tuple[int | str, ...]


def load_site(path: Path) -> Site:
    """Read and validate a site file.

    Raises:
        SiteError: It cannot be read, is no YAML or does not fit the model; names every problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SiteError([f"{path}: there is no such file; expected a site file. Try: ldt discover URL"]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError([f"{path}: cannot be read ({error}); expected a UTF-8 text file"]) from error
    return parse_site(text, str(path))


def parse_site(text: str, name: str = DEFAULT_NAME) -> Site:
    """As `load_site`, from the text itself; `name` is printed in errors."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark is not None else name
        raise SiteError(
            [f"{where}: not YAML: {error.problem or error.context}; expected the form `key: value`"]
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SiteError([f"{name}: not YAML: {str(error).splitlines()[0]}"]) from error
    problems = [] if tree is None else _duplicates(tree, name)
    if not isinstance(document, dict):
        raise SiteError([f"{name}: expected keys such as site, endpoints, claims; found {_kind(document)}"])
    try:
        site = Site.model_validate(document)
    except ValidationError as error:
        raise SiteError(problems + _problems(error, tree, name)) from error
    if problems:
        raise SiteError(problems)
    return site


def site_for_url(url: str) -> Site:
    """The site file of a user who only gave the broker's URL.

    Raises:
        SiteError: Not a URL, or one with credentials in it.
    """
    try:
        return Site(site=SiteInfo(name=url), endpoints={"broker": Endpoint(url=url)})
    except ValidationError as error:
        shown = re.sub(r"//[^/]*@", "//…@", url.partition("?")[0])  # where a secret may stand, in a URL that is refused
        raise SiteError([f"{shown}: {entry['msg']}" for entry in error.errors()]) from error


def _problems(error: ValidationError, tree: Any, name: str) -> list[str]:
    found = []
    for entry in error.errors():
        location = tuple(part for part in entry["loc"] if part != "[key]")
        where = ".".join(map(str, _in_file(location))) or "the file"
        found.append((_place(tree, location), f"{where}: {_message(entry, location)}"))
    found.sort(key=lambda pair: pair[0] or (0, 0))
    return [f"{name}:{place[0]}:{place[1]}: {text}" if place else f"{name}: {text}" for place, text in found]


def _message(entry: Any, location: Location) -> str:
    key = str(location[-1]) if location else ""
    if entry["type"] == "extra_forbidden":
        return "unknown key" + nearest(key, _keys_at(location[:-1]))
    if entry["type"] == "missing":
        return "is missing and needed"
    if entry["type"] in {"literal_error", "enum"}:
        allowed = _allowed(entry)
        kind = (
            "unknown role"
            if location[:1] == ("endpoints",) and entry["loc"][-1] == "[key]"
            else f"{entry['input']!r} is not known here"
        )
        return f"{kind}{nearest(str(entry['input']), allowed)}"
    if entry["type"] == "union_tag_invalid":
        tags = _quoted(entry["ctx"]["expected_tags"])
        return f"unknown kind {entry['ctx']['tag']!r}{nearest(str(entry['ctx']['tag']), tags)}"
    if entry["type"] == "union_tag_not_found":
        return "needs a kind: none, header, bearer, basic, oauth2, oidc, mtls or s3"
    return str(entry["msg"])


def nearest(word: str, known: list[str]) -> str:
    """The end of an error message: the nearest known word, or all of them."""
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"; nearest known: {close[0]}" if close else f"; known: {', '.join(known)}"


def _allowed(entry: Any) -> list[str]:
    return _quoted(entry.get("ctx", {}).get("expected", ""))


def _quoted(text: str) -> list[str]:
    return [part.strip().strip("'") for part in text.replace(" or ", ", ").split(",") if part.strip()]


def _keys_at(location: Location) -> list[str]:
    """The keys that the model knows at a place."""
    models: list[Any] = [Site]
    for part in location:
        models = [step for model in models for step in _step(model, part)]
    return sorted({name for model in models if _is_model(model) for name in model.model_fields})


def _step(model: Any, part: int | str) -> list[Any]:
    if _is_model(model):
        if isinstance(part, str) and part in model.model_fields:
            return _flatten(model.model_fields[part].annotation)
        kind = model.model_fields.get("kind")
        return [model] if kind is not None and part in get_args(kind.annotation) else []
    arguments = get_args(model)
    return _flatten(arguments[-1] if get_origin(model) is dict else arguments[0]) if arguments else []


def _flatten(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _flatten(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [leaf for one in get_args(annotation) for leaf in _flatten(one)]
    return [] if origin is Literal else [annotation]


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _in_file(location: Location) -> Location:
    """A location without the tag that a union of kinds adds to it."""
    return tuple(
        part
        for index, part in enumerate(location)
        if not (index and location[index - 1] == "auth" and index < len(location) - 1)
    )


def _place(tree: Any, location: Location) -> tuple[int, int] | None:
    """Line and column (from 1) of a location, or of the nearest thing around it that stands in the file."""
    node = tree
    mark = getattr(tree, "start_mark", None)
    for part in _in_file(location):
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            mark = node.start_mark
        else:
            break
    return (mark.line + 1, mark.column + 1) if mark is not None else None


def _duplicates(tree: yaml.Node, name: str) -> list[str]:
    """Keys that stand twice: YAML lets the last one win silently."""
    found: list[str] = []
    todo: list[yaml.Node] = [tree]
    done: set[int] = set()
    while todo:
        node = todo.pop()
        if id(node) in done:
            continue
        done.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        found.append(
                            f"{name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}: {key.value}: stands twice"
                        )
                    seen.add(key.value)
                todo.append(value)
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value
    return found


def _kind(document: Any) -> str:
    return "nothing" if document is None else f"a {type(document).__name__}"
