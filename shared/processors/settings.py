"""Settings of an adapter, read strictly from its part of the register."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")


def settings_from(shape: type[S], given: Mapping[str, Any]) -> S:
    """Return `shape` filled from a register's `settings`, in which secrets are the content of their files.

    Raises ConfigurationError for a key that is unknown, missing, empty or of another type.
    """
    known = {field.name: field for field in fields(shape)}
    needed = {name for name, field in known.items() if field.default is MISSING}
    if unknown := sorted(set(given) - set(known)):
        raise ConfigurationError(f"The register has unknown settings: {', '.join(unknown)}.")
    if missing := sorted(needed - set(given)):
        raise ConfigurationError(f"The register lacks the settings: {', '.join(missing)}.")
    return shape(**{name: _checked(name, known[name].default, value) for name, value in given.items()})


def _checked(name: str, default: object, value: object) -> float | int | str:
    """Return a setting that is a number of seconds or a count where its default is one, and text otherwise."""
    if isinstance(default, int):
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    elif isinstance(default, float):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return float(value)
    elif isinstance(value, str) and value.strip():
        return value.strip()
    raise ConfigurationError(f"The setting {name} in the register is empty or of the wrong type.")
