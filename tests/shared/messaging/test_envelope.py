"""The envelope: CloudEvents that others can read, that last, and that nothing unreadable can pass for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.events import CATALOGUE, ContactFormReceived, Decision
from shared.messaging import envelope as envelopes
from shared.messaging.envelope import Envelope, UnknownEventError, UnreadableEventError
from tests.kit.golden import FILES, golden

if TYPE_CHECKING:
    from pathlib import Path

FORM = "discreet.fact.contact-form-received.v1"
EVENT = ContactFormReceived(form="8a4f", newsletter=True)


def written(**attributes: Any) -> str:
    """An event as the outbox writes it."""
    given = {
        "id": "6f9619ff-8b86-4d01-b42d-00c04fc964ff",
        "source": "/services/intake",
        "type": FORM,
        "time": datetime(2026, 11, 2, 9, tzinfo=UTC),
        "data": msgspec.Raw(msgspec.json.encode(EVENT)),
        "sequence": "life.7",
    }
    return envelopes.write(Envelope(**given | attributes))


def changed(**attributes: Any) -> str:
    """The same as somebody else might write it; None leaves an attribute out."""
    content = json.loads(written()) | attributes
    return json.dumps({name: value for name, value in content.items() if value is not None})


def test_another_implementation_reads_what_we_write() -> None:
    """The CloudEvents project's own SDK: attributes, extensions and data."""
    event = JSONFormat().read(CloudEvent, written(decisionid="d-1"))
    assert (event.get_specversion(), event.get_source(), event.get_type()) == ("1.0", "/services/intake", FORM)
    assert event.get_time() == datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert (event.get_extension("decisionid"), event.get_extension("sequence")) == ("d-1", "life.7")
    assert event.get_data() == {"form": "8a4f", "newsletter": True}


def test_we_read_what_another_implementation_writes() -> None:
    """With attributes that we do not use, in its own order."""
    attributes = {
        "id": "1",
        "source": "/services/intake",
        "type": FORM,
        "specversion": "1.0",
        "time": datetime(2026, 11, 2, 9, tzinfo=UTC),
        "datacontenttype": "application/json",
        "subject": "forms",
        "partitionkey": "7",
    }
    envelope = envelopes.read(JSONFormat().write(CloudEvent(attributes, {"form": "8a4f", "newsletter": True})))
    assert envelopes.read_event(envelope) == EVENT
    assert envelope.service == "intake"


def test_what_is_absent_is_left_out() -> None:
    """CloudEvents knows no null."""
    assert "decisionid" not in json.loads(written())


def test_unknown_attributes_and_unknown_fields_are_passed_over() -> None:
    """Inside a version events grow: what a later release says more does not stop an earlier one."""
    body = changed(dataschema="https://x", data={"form": "8a4f", "newsletter": True, "language": "nl"})
    assert envelopes.read_event(envelopes.read(body)) == EVENT


def test_a_type_that_is_not_known_is_told_apart_from_what_cannot_be_read() -> None:
    """The first is answered, the second only kept."""
    with pytest.raises(UnknownEventError):
        envelopes.read_event(envelopes.read(changed(type="discreet.decision.forgetting.v1")))


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"form": 7, "newsletter": True},
        {"form": "8a4f", "newsletter": "yes"},
        {"form": "8a4f", "newsletter": 1},
    ],
)
def test_data_that_do_not_fit_their_type_are_refused(data: Any) -> None:
    """Nothing is guessed: no text for a number, no number for a yes."""
    with pytest.raises(UnreadableEventError):
        envelopes.read_event(envelopes.read(changed(data=data)))


@pytest.mark.parametrize(
    "attributes",
    [
        {"id": None},
        {"id": ""},
        {"id": "x" * 65},
        {"id": "nul\0inside"},
        {"source": None},
        {"source": "/elsewhere/intake"},
        {"source": "/services/intake\0"},
        {"source": "/services/" + "x" * 60},
        {"type": None},
        {"type": "x" * 101},
        {"type": "discreet.fact.\0.v1"},
        {"time": None},
        {"time": "2026-11-02"},
        {"time": "2026-11-02T09:00:00"},
        {"specversion": "0.3"},
        {"decisionid": "x" * 37},
        {"decisionid": "nul\0"},
        {"data": None},
    ],
    ids=str,
)
def test_an_envelope_that_could_not_be_stored_or_trusted_is_unreadable(attributes: dict[str, Any]) -> None:
    """Cut off or with a NUL, two events would become one, or one would stop all others at PostgreSQL."""
    with pytest.raises(UnreadableEventError):
        envelopes.read(changed(**attributes))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "7",
        "{}",
        b"\xff\xfe",
        written() + "x",
        written().replace("intake", "in\0take"),
        written().replace("8a4f", "\\ud800"),
        written().replace('"8a4f"', "[" * 100_000 + "]" * 100_000),
        written().replace('"8a4f"', '{"a":' * 100_000 + "1" + "}" * 100_000),
    ],
    ids=["nothing", "null", "list", "number", "empty", "bytes", "more", "nul", "half a letter", "deep", "deeper"],
)
def test_what_is_no_event_is_said_to_be_none(body: str | bytes) -> None:
    """Whatever a queue may hold: no other error than this one, which keeps it and goes on."""
    with pytest.raises(UnreadableEventError):
        envelopes.read_event(envelopes.read(body))


def test_a_large_event_is_read() -> None:
    """An inquiry may find very many records; its size is no reason to set it aside."""
    body = changed(data={"form": "8a4f", "newsletter": True, "more": "x" * 10_000_000})
    assert envelopes.read_event(envelopes.read(body)) == EVENT


def test_a_time_inside_an_event_has_its_zone() -> None:
    """Due times and terms without one would mean another moment on another machine."""
    content = json.loads(golden("decision.erasure.v1"))
    content["data"]["decided_at"] = "2026-11-02T09:00:00"
    with pytest.raises(UnreadableEventError):
        envelopes.read_event(envelopes.read(json.dumps(content)))


def test_the_digest_is_over_the_exact_bytes() -> None:
    """A space more is another text."""
    assert envelopes.digest("{}") == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert envelopes.digest("{ }") != envelopes.digest("{}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_event_that_was_ever_announced_can_be_read(path: Path) -> None:
    """Golden events lie in journals and proofs for years. Never change or remove one; add one for a new event."""
    body = path.read_text()
    envelope = envelopes.read(body)
    event = envelopes.read_event(envelope)
    assert path.stem.removesuffix(".minimal") == envelope.type
    assert msgspec.json.decode(msgspec.json.encode(event), type=CATALOGUE[envelope.type]) == event
    if isinstance(event, Decision):
        assert event.decision == envelope.decisionid


@pytest.mark.parametrize("path", [path for path in FILES if "minimal" not in path.stem], ids=lambda path: path.stem)
def test_nothing_of_a_golden_event_is_lost_in_reading(path: Path) -> None:
    """Written again it says the same: no field of it was renamed or dropped since."""
    content = json.loads(path.read_text())
    event = envelopes.read_event(envelopes.read(path.read_text()))
    again = json.loads(msgspec.json.encode(event))
    assert {name: again[name] for name in content["data"]} == content["data"]


def test_there_is_a_golden_event_of_every_type_of_the_catalogue() -> None:
    """An event that is announced from today on must be readable for ever."""
    assert {path.stem.removesuffix(".minimal") for path in FILES} >= set(CATALOGUE)
