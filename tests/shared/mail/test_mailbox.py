"""A mailbox at a real mail host: ours is found and goes, and nothing else is touched."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from imapclient import DELETED

from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.mail.mailbox import Mailbox
from shared.mail.mailbox_folders import LARGEST, Folders, Place
from tests.servers.dovecot import OLD_FASHIONED, Dovecot, Owner

OURS, OTHER = "5e4d6a30-1f51-4a47-8f8e-6a4b6f1f5d11", "0b9f0b1e-7a51-4a0f-9b0a-3f7f0c7f3a55"


def mail(mail_id: str, *headers: str, body: str = "Beste kliniek,") -> bytes:
    """Return a mail as it arrived."""
    lines = [f"Message-ID: <{mail_id}@clinic.example>", "Subject: Contactformulier", *headers, "", body, ""]
    return "\r\n".join(lines).encode()


@pytest.fixture(scope="module")
def old_fashioned():
    """Give a mail host without the extensions that others have."""
    with Dovecot(OLD_FASHIONED) as server:
        yield server


def test_p53_our_own_mail_goes_from_every_folder_and_nothing_else_does(dovecot) -> None:
    """From a folder with any name, the trash and the one that shows all; answers and what resembles it stay as new."""
    owner = dovecot.owner()
    answer = mail("antwoord", f"In-Reply-To: <{OURS}@clinic.example>", f"References: <{OURS}@clinic.example>")
    attached = mail("bijlage", "Content-Type: message/rfc822", body=mail(OURS).decode())
    owner.receive(mail(OURS), answer, attached, mail(f"x{OURS}"), mail(f"{OURS}x"), mail(OTHER))
    owner.receive(mail(OURS), mail(OURS), folder="Formulieren/Oud & één")
    owner.receive(mail(OURS), folder="Trash")
    owner.receive(mail(OTHER), folder="Nieuw")
    with Mailbox(**dovecot.settings(owner)).opened() as folders:
        assert folders.look([OURS, OTHER]).copies == {OURS: 8, OTHER: 4}  # all of them twice: in the one with all, too
        assert folders.remove([OURS]).copies == {OURS: 4}
        assert folders.look([OURS, OTHER]).copies == {OTHER: 4}
    assert owner.has() == {"INBOX": 5, "Nieuw": 1, "Virtual/All": 6}
    assert owner.flags("Nieuw") == [(b"\\Recent",)]
    assert not any(b"\\Seen" in flags or DELETED in flags for flags in owner.flags())


def test_reports_are_read_once_so_many_at_a_time_and_from_the_start_where_numbers_begin_anew(dovecot) -> None:
    """Whoever floods a folder holds up nobody for ever; and nothing is marked as read."""
    owner = dovecot.owner()
    reports = [mail(f"report-{number}", "Content-Type: multipart/report; boundary=b") for number in range(3)]
    owner.receive(mail(OTHER), *reports, mail(OURS), folder="Archief")
    places: dict[str, Place] = {}

    def read(most: int) -> list[str]:
        with Mailbox(**dovecot.settings(owner)).opened() as folders:
            new = list(folders.reports(places.get, date(2020, 1, 1), most))
        places.update({name: place for name, place, _ in new})
        found = [(name, content) for name, _, content in new if content]
        assert len(found) <= most
        return [content.split(b"<")[1].split(b"@")[0].decode() for name, content in found if name == "Archief"]

    assert [read(2), read(2), read(2)] == [["report-0", "report-1"], ["report-2"], []]
    assert owner.flags("Archief") == [(b"\\Recent",)] * 5
    owner.receive(reports[0], folder="Archief")
    assert [read(2), read(2)] == [["report-0"], []]
    with owner.signed_in() as client:
        client.delete_folder("Archief")
    owner.receive(reports[1], folder="Archief")
    assert read(2) == ["report-1"]
    with Mailbox(**dovecot.settings(owner)).opened() as folders:
        new = date.today() + timedelta(days=2)  # noqa: DTZ011 - the mail host's own days
        assert not [each for *_, each in folders.reports(lambda _: None, new, 2) if each]


def test_a_flood_of_other_mails_hides_none_of_those_that_are_wanted(dovecot) -> None:
    """Only those are read; not one that is too large, and a subject without end is cut."""
    owner = dovecot.owner()
    owner.receive(mail(OURS), *[mail(OTHER).replace(b"Contactformulier", b"x" * 20_000)] * 60, mail(OURS, body="weer"))
    owner.receive(mail(OURS, body="x" * LARGEST), folder="Oud")
    asked = []
    with Mailbox(**dovecot.settings(owner)).opened() as folders:
        found = folders.since(
            datetime.now(UTC).date() - timedelta(days=1), lambda it: (asked.append(it), b"form" in it)[1]
        )
    assert sorted(b"weer" in each for each in found) == [False, False, True, True]  # twice: in the one with all, too
    assert all(b"form" in each for each in found)
    assert max(map(len, asked)) <= 8000


def test_a_folder_that_goes_while_we_look_is_no_failure(dovecot) -> None:
    """What was in it is looked for where it went."""
    owner = dovecot.owner()
    owner.receive(mail(OURS), folder="Archief")

    class Slow(Folders):
        def _names(self) -> list[str]:
            names = super()._names()
            with owner.signed_in() as client:
                if client.folder_exists("Archief"):
                    client.delete_folder("Archief")
                    owner.receive(mail(OURS))
            return names

    with Mailbox(**dovecot.settings(owner)).opened() as folders:
        assert Slow(folders._client).remove([OURS]).copies == {OURS: 1}
    assert owner.has() == {}


def test_a_host_that_goes_on_and_on_is_left_for_another_time(dovecot) -> None:
    """Before whoever waits for it counts as hanging; what was not looked into is never taken for empty."""
    owner = dovecot.owner()
    owner.receive(mail(OURS))
    slow = Mailbox(**dovecot.settings(owner) | {"session_seconds": 0.0})
    for asking in ("look", "remove"):
        with pytest.raises(RetryableError, match="too long"), slow.opened() as folders:
            getattr(folders, asking)([OURS])
    with slow.opened() as folders:  # what comes back is read on from where it was
        assert list(folders.reports(lambda _: None, date(2020, 1, 1), 2)) == []


@pytest.mark.parametrize("flags", [None, (7,)])
def test_an_answer_of_another_shape_is_a_matter_of_the_host(dovecot, flags) -> None:
    """It is tried again like any other failure there, and ends no loop of ours."""
    strange = SimpleNamespace(list_folders=lambda: [(flags, b"/", "INBOX")])
    with pytest.raises(RetryableError, match="did not do"), Mailbox(**dovecot.settings(dovecot.owner())).opened():
        Folders(strange).look([OURS])


def test_where_deleting_is_for_a_whole_folder_what_somebody_else_marked_stays(old_fashioned) -> None:
    """Until it is gone or marked no more. And what the host itself puts aside is found there the next time."""
    owner = Owner(old_fashioned.ports["imap"], "formulieren")
    owner.receive(mail(OURS), mail(OTHER))
    owner.mark(DELETED)
    settings = old_fashioned.settings(owner) | {"port": owner.port, "tls": "none"}
    with pytest.raises(RetryableError, match="marked as deleted"), Mailbox(**settings).opened() as folders:
        folders.remove([OURS])
    assert owner.has()["INBOX"] == 2
    owner.unmark(DELETED)
    with Mailbox(**settings).opened() as folders:
        assert [folders.remove([OURS]).copies for _ in range(3)] == [{OURS: 1}, {OURS: 2}, {}]
    assert owner.has()["INBOX"] == 1


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"password": "fout-wachtwoord"}, PermanentError, "does not take the account or its password"),
        ({"authority": ""}, RetryableError, "No secure connection"),
        ({"port": 1}, RetryableError, "No connection"),
    ],
)
def test_why_a_mailbox_cannot_be_opened_is_said_without_its_secrets(dovecot, changed, error, said) -> None:
    """Wrong is told apart from not now."""
    settings = dovecot.settings(dovecot.owner()) | changed
    with pytest.raises(error, match=said) as caught, Mailbox(**settings).opened():
        pass
    assert not any(str(settings[name]) in str(caught.value) for name in ("account", "password"))
    assert settings["password"] not in repr(Mailbox(**settings))


def test_p54_a_mailbox_is_opened_over_tls_or_not_at_all(dovecot, old_fashioned) -> None:
    """From the first octet or by STARTTLS; whoever offers none does not hear the password."""
    owner = dovecot.owner()
    settings = dovecot.settings(owner) | {"port": dovecot.ports["imap"], "tls": "starttls"}
    with Mailbox(**settings).opened() as folders:
        assert not folders.look([OURS]).copies
    with (
        pytest.raises(RetryableError, match="no TLS"),
        Mailbox(**settings | {"port": old_fashioned.ports["imap"]}).opened(),
    ):
        pass


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tls": "none", "host": "imap.example"}, "over TLS"),
        ({"tls": "ssl"}, "one of"),
        ({"port": "993"}, "port"),
        ({"authority": "no certificate"}, "PEM"),
        ({"folder": "INBOX"}, "unknown settings: folder"),
    ],
)
def test_a_setting_that_cannot_be_is_named(changed, said) -> None:
    """Before anybody is connected to."""
    settings = {"host": "127.0.0.1", "account": "formulieren", "password": "geheim"} | changed
    with pytest.raises(ConfigurationError, match=said):
        Mailbox.of(SimpleNamespace(settings=settings))
