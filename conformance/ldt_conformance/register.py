"""The register of checks: every declaration in `ldt_conformance.checks`, by its permanent id."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ldt_conformance import checks
from ldt_conformance.engine.declare import CheckDeclaration, declaration_of


@cache
def declared_checks() -> dict[str, CheckDeclaration]:
    """Every check by id.

    Raises:
        ValueError: Two checks bear the same id.
    """
    found: dict[str, CheckDeclaration] = {}
    places: dict[str, str] = {}
    for module_info in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}."):
        if not module_info.name.rsplit(".", 1)[-1].startswith("test_"):
            continue
        module = importlib.import_module(module_info.name)
        for name, function in vars(module).items():
            check = declaration_of(function)
            if check is None or not name.startswith("test_"):
                continue
            place = f"{module_info.name}.{name}"
            if places.setdefault(check.id, place) != place and getattr(function, "__module__", "") == module_info.name:
                raise ValueError(f"the check id {check.id} stands twice: {places[check.id]} and {place}")
            found[check.id] = check
    return found
