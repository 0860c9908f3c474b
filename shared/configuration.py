"""The clinic's own files: YAML in which every key is said once and every value means what it looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import yaml
from marshmallow import ValidationError

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from marshmallow import Schema

MadeT = TypeVar("MadeT")

# As YAML 1.2 has it. YAML 1.1, PyYAML's own, makes False of Norway and a date of a version.
PLAIN_VALUES = {
    "bool": (r"true|false", "tf"),
    "int": (r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    "null": (r"null|~|", "n~\0"),
}


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - PyYAML fills it, below

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Refuse a key that is there twice; PyYAML would take the last without a word."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


for _name, (_pattern, _first) in PLAIN_VALUES.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), [c if c != "\0" else "" for c in _first]
    )


@dataclass(frozen=True, slots=True)
class ConfigurationFile(Generic[MadeT]):
    """One file: its exact bytes, what they say, and what was made of that."""

    raw: bytes
    said: dict[str, Any]
    made: MadeT


def read_configuration(
    path: Path, schema: type[Schema], make: Callable[[dict[str, Any]], MadeT]
) -> ConfigurationFile[MadeT]:
    """Read a file, check it, and ``make`` of it what it is for; ``make`` may raise ValidationError.

    Raises ConfigurationError that names every key that is wrong, and how.
    """
    try:
        raw = path.read_bytes()
        said, loaded = _understood(raw, schema)
        return ConfigurationFile(raw, said, make(loaded))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not valid YAML: {_where(error)}.") from error
    except ValidationError as error:
        wrong = "\n".join(f"  {line}" for line in _lines(error.messages))
        raise ConfigurationError(f"{path} cannot be used:\n{wrong}") from error


@lru_cache(maxsize=4)
def _understood(raw: bytes, schema: type[Schema]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Each service of a process reads the same file."""
    said = yaml.load(raw, Loader=_Loader)  # noqa: S506 - a SafeLoader
    return said, schema().load(said)


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} on line {error.problem_mark.line + 1}"
    return "it is not text in UTF-8"


def _lines(messages: dict[Any, Any] | list[Any], at: str = "") -> Iterator[str]:
    """Write marshmallow's nested messages as `key.key: message`; its own layers are left out of the name."""
    if isinstance(messages, list):
        yield f"{at or 'the file'}: {' '.join(str(message) for message in messages)}"
        return
    for key, below in messages.items():
        layer = key in ("_schema", "value", "key")
        yield from _lines(below, at if layer else f"{at}.{key}".lstrip("."))
