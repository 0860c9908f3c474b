"""docker-compose.yml as the tests read it: which processes there are, with what they are given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


@dataclass(frozen=True)
class Container:
    """One process: its command, its environment, its secrets by name and file, and which keys are covered."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    secrets: Mapping[str, str]
    covered_keys: frozenset[str]
    raw: Mapping[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether it runs our own program."""
        return self.command[:1] == ("discreet",)


def containers(variables: Mapping[str, str]) -> Mapping[str, Container]:
    """Return every process, with ``variables`` filled in where .env would be."""
    text = VARIABLE.sub(lambda found: variables.get(found[1], found[2] or ""), FILE.read_text())
    services = yaml.safe_load(text)["services"]
    return {name: _container(name, said) for name, said in services.items()}


def _container(name: str, said: Mapping[str, Any]) -> Container:
    secrets = [{"source": each, "target": each} if isinstance(each, str) else each for each in said.get("secrets", [])]
    mounted = [each.partition(":")[0] for each in said.get("tmpfs", [])]
    return Container(
        name=name,
        command=tuple(said.get("command", ())),
        environ={key: str(value) for key, value in said.get("environment", {}).items()},
        secrets={each["target"]: each["source"] for each in secrets},
        covered_keys=frozenset(each.removeprefix("/keys/") for each in mounted if each.startswith("/keys/")),
        raw=said,
    )
