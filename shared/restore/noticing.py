"""What was put back from a backup, told from marks: pure, so that every order of crashes can be tried.

A service's worker raises one number whenever its data changed, and writes it in three places, in this order: the
key database, the data database, and a file outside both. So the file is never ahead of the data, the data never
ahead of the keys, and the keys at most one ahead of the data. What is not so was put back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

PutBack = Literal["data", "keys", "both"]


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the life of a database had come. ``put_back`` names what a command has put back since."""

    incarnation: str
    number: int
    put_back: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a data database: the last one has the highest ``order``."""

    id: str
    order: int
    mark: int
    put_back: PutBack | None = None
    is_caught_up: bool = True

    @property
    def is_catching_up(self) -> bool:
        """Whether it began with a backup and has not yet done again what was decided since."""
        return self.put_back is not None and not self.is_caught_up


def what_was_put_back(file: Mark | None, lives: Sequence[Life], keys: Mark | None) -> PutBack | None:
    """Return what was put back since ``lives[-1]`` began, or None.

    ``file`` is the mark outside, ``keys`` the one in the key database. A new installation has none of them; a
    database that was marked and has no file any more stands on another machine, or its marks are lost: it is
    taken for a backup, because nothing shows that it is not one.
    """
    current = lives[-1]
    known = {life.id for life in lives}
    if file is None:
        return "both" if current.mark > 0 or len(lives) > 1 else None
    data = "data" in file.put_back or _is_behind(current, known, file)
    key = "keys" in file.put_back
    if keys is None:
        key |= current.mark > 0
    else:
        key |= keys.incarnation == file.incarnation and keys.number < file.number
        key |= keys.incarnation == current.id and keys.number < current.mark
        # An earlier life's mark is left only by a crash between a new life and its first mark.
        key |= keys.incarnation in known - {current.id} and not current.is_catching_up
        # The file's life began later than every life that these data know, and so did the keys' mark in it.
        key |= file.incarnation not in known and keys.incarnation in known
        data |= keys.incarnation not in known or (keys.incarnation == current.id and keys.number > current.mark + 1)
    return together("data" if data else None, "keys" if key else None)


def together(one: PutBack | None, other: PutBack | None) -> PutBack | None:
    """Return what was put back in all."""
    said = {each for each in (one, other) if each is not None}
    return "both" if len(said) > 1 else next(iter(said), None)


def _is_behind(current: Life, known: set[str], file: Mark) -> bool:
    return file.incarnation not in known or (file.incarnation == current.id and current.mark < file.number)
