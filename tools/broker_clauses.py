"""Which function of the embedded broker implements which clause of the standard: writes docs/broker-clauses.md.

    python tools/broker_clauses.py            # from the docstrings as they are now
    python tools/broker_clauses.py --index    # and the list of clauses anew, from the text that LDT_SPEC_DIR names

A clause is implemented by whatever names it, one of its parts or one of its tables in a docstring. A clause that nobody
names must have a reason below; a reason for a clause that somebody names is an error, too.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
BROKER: Final = ROOT / "reference-stack/ldt_stack/broker"
TABLE: Final = ROOT / "docs/broker-clauses.md"
# Every operation and resource has these parts; they are implemented with it, and have no row of their own.
PARTS: Final = frozenset(
    {
        "behaviour",
        "description",
        "foreword",
        "input data",
        "output data",
        "resource definition",
        "resource methods",
        "use case diagram",
    }
)
_INTRODUCTION: Final = "it says what the chapter is about"
REASONS: Final[dict[str, str]] = {
    **dict.fromkeys(("5.1", "5.2.1", "5.5.1", "5.11.1", "6.1", "6.3.1"), _INTRODUCTION),
    "6.3.21": "optional, for those that know the version of a payload in part; this broker knows all versions",
}
_NUMBER: Final = re.compile(r"(?<![\w.])[56]\.\d+(?:\.\d+)*(?![\w.]*\d)")
_RANGE: Final = re.compile(r"(?<![\w.])([56](?:\.\d+)+) to ((?:[56]\.)?\d+(?:\.\d+)*)")
# Numbers of sections of other documents: "RFC 7231, 5.3.2", "section 5.1", "TLS 5.1".
_FOREIGN: Final = re.compile(r"(?:RFC \d+,? |section |MQTT )[\d.]+(?:\d)")
_LEFT_OUT: Final = re.compile(r"Left out:.*?(?=\n\n|\Z)", re.DOTALL)
_SHOWN: Final = 4
_HEAD: Final = """# Clauses of the standard, and where the embedded broker has them

Every clause of chapters 5 and 6 of ETSI GS CIM 009 V1.9.1, by number and title, and what names it in its docstring.
Descriptions, input and output data, behaviour, resource definitions and resource methods belong to the operation or
resource above them and have no row. Paths are below `reference-stack/ldt_stack/broker/`. Made by
`python tools/broker_clauses.py`; a test sees that it is up to date.

| clause | title | implemented by |
|---|---|---|
"""


def citations() -> dict[str, list[str]]:
    """Clause number -> `file: name` of what names it: functions and classes, and modules where no function does."""
    named: dict[str, list[str]] = {}
    modules: dict[str, list[str]] = {}
    for path in sorted(BROKER.rglob("*.py")):
        file = path.relative_to(BROKER).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for holder, name in _documented(tree):
            target = modules if isinstance(holder, ast.Module) else named
            where = f"`{file}`" if isinstance(holder, ast.Module) else f"`{file}: {name}`"
            docstring = _LEFT_OUT.sub("", ast.get_docstring(holder) or "")
            for clause in clauses_in(docstring):
                target.setdefault(clause, []).append(where)
    return {clause: named.get(clause) or modules[clause] for clause in named.keys() | modules.keys()}


_Holder = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _documented(tree: ast.Module) -> Iterator[tuple[_Holder, str]]:
    yield tree, ""

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[tuple[_Holder, str]]:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield node, prefix + node.name
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, f"{prefix}{node.name}.")

    yield from walk(tree.body, "")


def clauses_in(text: str) -> list[str]:
    """Numbers of clauses of chapters 5 and 6 in a docstring, ranges spelled out, each once.

    >>> clauses_in("Clauses 5.8.1 to 5.8.3, table 6.4.3.2-1; RFC 7231, 5.3.2")
    ['5.8.1', '5.8.2', '5.8.3', '6.4.3.2']
    """
    own = _FOREIGN.sub("", " ".join(text.split()))
    found: list[str] = []
    for first, last in _RANGE.findall(own):
        head, _, begin = first.rpartition(".")
        end = last.rpartition(".")[2]
        # "6.3.7 to 6.3.13", not "6.18 to 6.22 and 6.24" across chapters of different depth
        if begin.isdigit() and end.isdigit() and int(begin) <= int(end) <= int(begin) + 50:
            found += [f"{head}.{number}" for number in range(int(begin), int(end) + 1)]
    found += [number.rstrip(".") for number in _NUMBER.findall(own)]
    return list(dict.fromkeys(found))


def index_from_spec(directory: Path) -> list[tuple[str, str]]:
    """Clauses of chapters 5 and 6 from the text of the standard: a file each, its first line `# NUMBER TITLE`."""
    found: dict[str, str] = {}
    for path in [*(directory / "5").glob("*.md"), *(directory / "6").glob("*.md")]:
        number, _, title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(" ")
        found[number] = title.strip("'").strip()
    rows = []
    for number in sorted(found, key=_order):
        title = found[number]
        if number.count(".") and title.lower() in PARTS and number.count(".") > 1:
            continue
        if title in {"GET", "POST", "PUT", "PATCH", "DELETE"}:  # say of which resource
            title = f"{title} {found['.'.join(number.split('.')[:2])].removeprefix('Resource: ')}"
        rows.append((number, title))
    return rows


def index_from_table() -> list[tuple[str, str]]:
    """Clauses as the committed table lists them."""
    rows = re.findall(r"^\| ([56][\d.]*) \| (.*?) \| ", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(number, title.strip("`")) for number, title in rows]


def _order(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]


def render(index: list[tuple[str, str]]) -> tuple[str, list[str]]:
    """The table, and what is wrong: clauses without function and reason, and reasons that are not needed."""
    cited = citations()
    problems: list[str] = []
    rows: list[str] = []
    numbers = [number for number, _ in index]
    for number, title in index:
        where = _implementers(number, numbers, cited)
        reason = REASONS.get(number)
        is_parent = any(other.startswith(f"{number}.") for other in numbers)
        if where and reason:
            problems.append(f"{number} {title}: has a reason, but is implemented by {where[0]}")
        if where:
            said = ", ".join(where[:_SHOWN]) + (" …" if len(where) > _SHOWN else "")
        elif reason:
            said = f"not implemented: {reason}"
        elif is_parent:
            said = "its clauses, below"
        else:
            problems.append(f"{number} {title}: nobody implements it, and there is no reason why not")
            said = "not implemented"
        rows.append(f"| {number} | {title} | {said} |")
    problems += [f"{number}: has a reason, but is no clause" for number in REASONS.keys() - set(numbers)]
    return _HEAD + "\n".join(rows) + "\n", problems


def _implementers(number: str, numbers: list[str], cited: dict[str, list[str]]) -> list[str]:
    """Who names the clause itself, or a part of it that has no row of its own; public names, where there are any."""
    found = list(cited.get(number, ()))
    for other in sorted(cited, key=_order):
        if other.startswith(f"{number}.") and _row_of(other, numbers) == number:
            found += cited[other]
    names = sorted(dict.fromkeys(found))
    return [where for where in names if ": _" not in where and "._" not in where] or names


def _row_of(clause: str, numbers: list[str]) -> str:
    """The clause with a row of its own to which another belongs."""
    while clause and clause not in numbers:
        clause = clause.rpartition(".")[0]
    return clause


def main() -> int:
    """Write the table; 1 if a clause is neither implemented nor explained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--index", action="store_true", help="take the list of clauses from LDT_SPEC_DIR")
    options = parser.parse_args()
    index = index_from_spec(Path(os.environ["LDT_SPEC_DIR"])) if options.index else index_from_table()
    text, problems = render(index)
    TABLE.write_text(text, encoding="utf-8")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
