"""Secrets of a site file: named there, never written there.

A secret is `${NAME}` (an environment variable, also inside a longer text such as `Token ${NAME}`) or `{file: path}`.
The models keep the reference; the value is read once, when a run starts, and lives in `Secrets` alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema
from pydantic_core import PydanticCustomError, core_schema

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
MINIMUM_CHARACTERS = 4  # shorter values occur by chance in any text, so that they could not be masked


class SecretFile(BaseModel):
    """A secret that is the content of a file, without its last line break."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str


def _is_reference(value: Any) -> Any:
    if isinstance(value, SecretFile):
        return value
    if isinstance(value, dict):
        return SecretFile.model_validate(value)
    if not isinstance(value, str):
        raise PydanticCustomError("secret_literal", "a secret is ${NAME} or {file: path}")
    if not VARIABLE.search(value):
        raise PydanticCustomError(
            "secret_literal",
            "a secret stands in the file itself; put it into an environment variable and write ${NAME} here, "
            "or into a file of its own and write {file: path}",
        )
    return value


SecretRef = Annotated[
    str | SecretFile,
    GetPydanticSchema(
        lambda _source, handler: core_schema.no_info_before_validator_function(
            _is_reference,
            core_schema.union_schema(
                [core_schema.str_schema(pattern=r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"), handler(SecretFile)]
            ),
        )
    ),
    Field(description="${NAME} of an environment variable, or {file: path}; never the secret itself"),
]


@dataclass
class Secrets:
    """The values behind the references of one site file, and the names under which they may be shown.

    Attributes:
        values: Secret value -> what is printed in its place, e.g. `${LDT_SECRET}`.
        problems: What could not be read, one sentence each.
    """

    environ: Mapping[str, str]
    directory: Path
    values: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def resolve(self, reference: str | SecretFile, where: str) -> str:
        """The value of a reference; a problem is noted (and "" returned) where it cannot be had."""
        if isinstance(reference, SecretFile):
            return self._from_file(reference, where)
        for name in VARIABLE.findall(reference):
            value = self.environ.get(name, "")
            if not value:
                self.problems.append(f"{where}: the environment variable {name} is not set; try: export {name}=…")
            else:
                self._remember(value, f"${{{name}}}", where)
        return VARIABLE.sub(lambda match: self.environ.get(match.group(1), ""), reference)

    def add(self, value: str, shown_as: str) -> None:
        """Keep a secret that came up during the run (an access token) out of every output from now on."""
        if len(value) >= MINIMUM_CHARACTERS:
            self.values[value] = shown_as

    def _from_file(self, reference: SecretFile, where: str) -> str:
        path = self.directory / reference.file
        try:
            value = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{where}: the secret's file {path} cannot be read ({error.__class__.__name__})")
            return ""
        if not value:
            self.problems.append(f"{where}: the secret's file {path} is empty")
        else:
            self._remember(value, f"$(cat {reference.file})", where)
        return value

    def _remember(self, value: str, shown_as: str, where: str) -> None:
        if len(value) < MINIMUM_CHARACTERS:
            self.problems.append(
                f"{where}: the secret has under {MINIMUM_CHARACTERS} characters and could not be kept out of the report"
            )
        self.values[value] = shown_as
