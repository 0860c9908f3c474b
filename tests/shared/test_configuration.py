"""The clinic's own files mean what they look like, and what is wrong in them is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from marshmallow import Schema, fields

from shared.configuration import read_configuration
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


class _Land(Schema):
    code = fields.String(required=True)
    since = fields.String()
    count = fields.Integer(strict=True)
    open = fields.Boolean()


class _Lands(Schema):
    lands = fields.Dict(keys=fields.String(), values=fields.Nested(_Land))


def _read(tmp_path: Path, content: str | bytes) -> Any:
    path = tmp_path / "lands.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_configuration(path, _Lands, lambda said: said).made


def test_norway_is_a_country_and_a_date_is_text(tmp_path: Path) -> None:
    """YAML 1.1 would make False of `NO` and of `off`, a date of a date, and 90 of `1:30`."""
    made = _read(tmp_path, "lands:\n  a: {code: NO, since: 2024-07-01, count: 12, open: true}\n  b: {code: 1:30}\n")
    assert made == {
        "lands": {"a": {"code": "NO", "since": "2024-07-01", "count": 12, "open": True}, "b": {"code": "1:30"}}
    }


def test_a_key_that_is_there_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    """PyYAML would take the last one without a word."""
    with pytest.raises(ConfigurationError, match=r"lands\.yaml is not valid YAML: 'code' is there twice on line 3"):
        _read(tmp_path, "lands:\n  a:\n    {code: NL, code: BE}\n")


@pytest.mark.parametrize("content", ["lands: {a: [}", b"lands: \xff\xfe\x00", "1: {}", "lands: !!python/object:x.Y {}"])
def test_what_is_no_plain_yaml_is_refused(tmp_path: Path, content: str | bytes) -> None:
    """Broken, binary, with numbers for keys or with objects of Python: a configuration error, nothing else."""
    with pytest.raises(ConfigurationError, match="is not valid YAML"):
        _read(tmp_path, content)


def test_every_key_that_is_wrong_is_named(tmp_path: Path) -> None:
    """All at once, with where it stands; a file has to be mended only once."""
    with pytest.raises(ConfigurationError) as caught:
        _read(tmp_path, "lands: {a: {kode: NL}, b: {code: NL, count: many}}\nseas: {}\n")
    assert caught.value.detail.splitlines()[1:] == [
        "  lands.a.code: Missing data for required field.",
        "  lands.a.kode: Unknown field.",
        "  lands.b.count: Not a valid integer.",
        "  seas: Unknown field.",
    ]


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just text"])
def test_a_file_without_keys_is_refused(tmp_path: Path, content: str) -> None:
    """An empty file or a list says nothing that can be used."""
    with pytest.raises(ConfigurationError, match="the file: Invalid input type"):
        _read(tmp_path, content)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message says which file, and why it cannot be read."""
    with pytest.raises(ConfigurationError, match=r"none\.yaml cannot be read: No such file"):
        read_configuration(tmp_path / "none.yaml", _Lands, lambda said: said)
