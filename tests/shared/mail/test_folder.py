"""Mail into a folder, where no server is set, and looking at it in a trial."""

from __future__ import annotations

import mailbox
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.errors import NotFoundError
from shared.mail import MailFolder
from shared.mail.transports import MaildirTransport

if TYPE_CHECKING:
    from pathlib import Path

    from shared.mail.composing import ComposedMail
    from tests.shared.mail.conftest import Office


@pytest.fixture
def folder(office: Office) -> MailFolder:
    """Give the folder of an installation without a mail server."""
    return MailFolder(office.tools.settings.home / "mail")


def test_without_a_mail_server_mail_lies_in_a_maildir(office: Office, folder: MailFolder) -> None:
    """Any mail program reads it; nobody else on the machine does."""
    office.queue(text="Héél kort.\n")
    office.send_all()
    (message,) = mailbox.Maildir(folder.directory, create=False)
    assert message["To"] == "anna@people.example"
    (path,) = (folder.directory / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.directory.stat().st_mode) & 0o077 == 0
    assert list((folder.directory / "tmp").iterdir()) == []


@pytest.mark.parametrize("seen", [False, True])
def test_a_mail_delivered_twice_lies_there_once(office: Office, folder: MailFolder, seen: bool) -> None:
    """Also when a mail program has moved the first to where it keeps what was seen."""
    kept: list[ComposedMail] = []
    mail_id = office.queue()
    kept.append(office.tools.mail.open(office.row()))
    transport = MaildirTransport(folder.directory)
    with transport.connected() as deliver:
        deliver(kept[0])
        if seen:
            (path,) = (folder.directory / "new").iterdir()
            path.rename(folder.directory / "cur" / f"{path.name}:2,S")
        deliver(kept[0])
    assert [mail.id for mail in folder.newest()] == [mail_id]


def test_the_newest_mail_comes_first(office: Office, folder: MailFolder) -> None:
    """With what it says, its headers, and when it was queued."""
    office.queue(subject="Een", text="Eerste\n")
    office.clock.forward(minutes=1)
    office.queue(subject="Twee", text="Tweede é\n", html="<p>Tweede</p>", headers={"List-Id": "<news.clinic.example>"})
    office.send_all()
    newest, older = folder.newest()
    assert (newest.subject, older.subject) == ("[PROEFOMGEVING] Twee", "[PROEFOMGEVING] Een")
    assert newest.text.rstrip().endswith("Tweede é")
    assert newest.html is not None
    assert newest.html.rstrip().endswith("<p>Tweede</p>")
    assert ("List-Id", "<news.clinic.example>") in newest.headers
    assert newest.at == office.clock()
    assert folder.newest(1) == [newest]


def test_one_mail_is_read_by_its_id(office: Office, folder: MailFolder) -> None:
    """The id the queue gave."""
    mail_id = office.queue()
    office.send_all()
    assert folder.read(mail_id).to == "anna@people.example"


@pytest.mark.parametrize("mail_id", ["", ".", "..", "../new/x", "/etc/passwd", "\0", "*", "discreet"])
def test_an_id_never_becomes_a_path(office: Office, folder: MailFolder, mail_id: str) -> None:
    """Only what lies in the folder under that id can be read."""
    office.queue()
    office.send_all()
    with pytest.raises(NotFoundError):
        folder.read(mail_id)


def test_files_of_others_in_the_folder_are_left_alone(office: Office, folder: MailFolder) -> None:
    """They are neither shown nor removed."""
    office.queue()
    office.send_all()
    stranger: Path = folder.directory / "new" / "1234.M1P2.host"
    stranger.write_bytes(b"Subject: strange\n\n")
    assert len(folder.newest()) == 1
    assert folder.forget_before(office.clock() + timedelta(days=1)) == 1
    assert stranger.exists()


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Before the first mail there is none."""
    assert MailFolder(tmp_path / "none").newest() == []


def test_p33_the_folder_of_a_trial_has_a_term_too(office: Office, folder: MailFolder) -> None:
    """What was queued before a moment goes, what came after stays."""
    office.queue()
    office.send_all()
    office.clock.forward(days=40)
    kept = office.queue()
    office.send_all()
    assert folder.forget_before(office.clock() - timedelta(days=31)) == 1
    assert [mail.id for mail in folder.newest()] == [kept]
