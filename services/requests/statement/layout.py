"""Plain text as a page shows it: paragraphs, headings (``## ``) and lists (``- ``), and no markup of the writer's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["heading", "list", "paragraph"]


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together; of a heading and a paragraph there is one."""

    kind: Kind
    lines: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    """Cut a text into blocks: at blank lines, and where a heading or a list begins or ends."""
    return [block for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()) for block in _blocks(part)]


def _blocks(part: str) -> Iterator[Block]:
    for kind, group in groupby((line.strip() for line in part.splitlines()), key=_kind):
        lines = tuple(group)
        if kind == "paragraph":
            yield Block(kind, (" ".join(lines),))
        elif kind == "list":
            yield Block(kind, tuple(line[2:].strip() for line in lines))
        else:
            yield from (Block(kind, (line.lstrip("#").strip(),)) for line in lines)


def _kind(line: str) -> Kind:
    if re.match(r"#{1,6} ", line):
        return "heading"
    return "list" if re.match(r"[-•] ", line) else "paragraph"
