"""A ring of keys has one that is current and loses the others when they are replaced."""

from __future__ import annotations

import pytest

from shared.errors import ConfigurationError
from shared.keys import KeyRing


def test_a_ring_survives_being_written_and_read() -> None:
    """Ids, keys and which one is current come back as they were."""
    ring = KeyRing.generate().with_new_key()
    assert KeyRing.decode(ring.encode()) == ring


def test_a_new_key_is_current_and_the_older_ones_stay_until_they_are_dropped() -> None:
    """What was made under an older key must be readable for as long as it takes to redo it."""
    old = KeyRing.generate()
    both = old.with_new_key()
    assert both.current != old.current
    assert both.keys[old.current] == old.current_key
    assert both.with_current_only().keys == {both.current: both.current_key}


def test_two_keys_are_never_alike() -> None:
    """They come from the machine's source of chance."""
    rings = [KeyRing.generate() for _ in range(50)]
    assert len({ring.current_key for ring in rings}) == len({ring.current for ring in rings}) == 50


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"current": "a", "keys": {}}',
        b'{"current": "a", "keys": {"b": "' + b"A" * 43 + b'="}}',
        b'{"current": "a", "keys": {"a": "AAAA"}}',
        b'{"current": "a", "keys": {"a": "secret!"}}',
        b'{"current": "a", "keys": {"a": "' + b"A" * 43 + b'="}, "more": 1}',
    ],
)
def test_a_file_that_is_no_ring_is_refused_without_being_repeated(content: bytes) -> None:
    """A key file that was cut off or edited by hand is said to be one, and not shown."""
    with pytest.raises(ConfigurationError) as caught:
        KeyRing.decode(content)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_keys_are_not_shown() -> None:
    """A traceback with the object in it gives nothing away."""
    assert "keys" not in repr(KeyRing.generate())
