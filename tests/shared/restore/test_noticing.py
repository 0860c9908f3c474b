"""Which databases were put back, told from three marks, whatever crashed and whatever was put back when."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.restore.noticing import Life, Mark, what_was_put_back

FIRST = (Life("a", 1, 0),)


def lives(mark: int, *, earlier: int = 0, **more: object) -> tuple[Life, ...]:
    """Return a life ``b`` with this mark, after an earlier one."""
    return (Life("a", 1, earlier), Life("b", 2, mark, put_back="data", **more))


def test_a_new_installation_was_not_put_back():
    """It has no mark anywhere."""
    assert what_was_put_back(None, FIRST, None) is None


@pytest.mark.parametrize(
    ("file", "data", "keys", "answer"),
    [
        (7, 7, 7, None),
        (6, 6, 7, None),  # a crash between the key database and the data
        (6, 7, 7, None),  # a crash between the data and the file
        (7, 3, 7, "data"),
        (7, 7, 3, "keys"),
        (7, 3, 3, "both"),
        (7, 3, 5, "both"),  # from different moments
        (7, 5, 3, "both"),
        (None, 3, 3, "both"),  # another machine, or lost marks
        (7, 0, None, "data"),  # from before the first mark
    ],
)
def test_what_is_behind_was_put_back(file: int | None, data: int, keys: int | None, answer: str | None):
    """The keys come first, the data next, the file last; never the other way."""
    outside = None if file is None else Mark("a", file)
    assert what_was_put_back(outside, (Life("a", 1, data),), None if keys is None else Mark("a", keys)) == answer


def test_each_holds_the_others_mark():
    """One put back alone shows without the file too: as if the marks lay on the same disk and came back with it."""
    assert what_was_put_back(Mark("a", 3), (Life("a", 1, 3),), Mark("a", 7)) == "data"
    assert what_was_put_back(Mark("a", 3), (Life("a", 1, 7),), Mark("a", 3)) == "keys"


def test_a_backup_of_an_earlier_life_is_known_by_its_name():
    """Numbers begin anew in every life, so they alone would not tell."""
    assert what_was_put_back(Mark("b", 1), (Life("a", 1, 9),), Mark("b", 1)) == "data"
    assert what_was_put_back(Mark("b", 1), lives(1), Mark("a", 9)) == "keys"
    assert what_was_put_back(Mark("b", 1), (Life("a", 1, 9),), Mark("a", 9)) == "both"
    assert what_was_put_back(Mark("b", 1), (Life("a", 1, 9),), Mark("a", 12)) == "both"  # keys of a later moment


def test_a_crash_while_a_new_life_begins_is_no_second_backup():
    """The key database still has the earlier life's mark then."""
    assert what_was_put_back(Mark("b", 0), lives(0, is_caught_up=False), Mark("a", 9)) is None


def test_what_a_command_put_back_counts_whatever_the_numbers_say():
    """Also when nothing happened between the backup and now."""
    assert what_was_put_back(Mark("a", 7, ("keys",)), (Life("a", 1, 7),), Mark("a", 7)) == "keys"
    assert what_was_put_back(Mark("", 0, ("data",)), FIRST, None) == "data"


@dataclass
class Installation:
    """Three places that are written one after another, with a crash at any moment."""

    data: int = 0
    keys: int | None = None
    file: int | None = None
    backups: list[tuple[int, int | None]] = field(default_factory=list)

    def mark(self, crash_after: int) -> None:
        """Raise the mark; stop after so many writes."""
        number = self.data + 1
        for step in range(min(crash_after, 4)):
            match step:
                case 0 if self.file is None:
                    self.file = self.data
                case 1:
                    self.keys = number
                case 2:
                    self.data = number
                case 3:
                    self.file = number

    def ask(self) -> str | None:
        """Return what was put back."""
        file = None if self.file is None else Mark("a", self.file)
        return what_was_put_back(file, (Life("a", 1, self.data),), None if self.keys is None else Mark("a", self.keys))


@given(st.lists(st.integers(0, 4), max_size=30))
def test_no_order_of_crashes_looks_like_a_backup(crashes: list[int]):
    """A false alarm would hold up everything that is stored."""
    installation = Installation()
    for crash in crashes:
        installation.mark(crash)
        assert installation.ask() is None


@given(st.lists(st.integers(0, 4), max_size=10), st.lists(st.integers(0, 4), max_size=10), st.booleans(), st.booleans())
def test_every_backup_from_before_a_whole_mark_is_noticed(
    before: list[int], after: list[int], data_too: bool, keys_too: bool
):
    """Whichever crashes came before the backup and after it."""
    installation = Installation()
    installation.mark(4)
    for crash in before:
        installation.mark(crash)
    backup = installation.data, installation.keys
    for crash in (*after, 4, 4):
        installation.mark(crash)
    installation.data = backup[0] if data_too else installation.data
    installation.keys = backup[1] if keys_too else installation.keys
    expected = {(True, True): "both", (True, False): "data", (False, True): "keys", (False, False): None}
    assert installation.ask() == expected[data_too, keys_too]
