"""Mails end too: the rows of those that were sent or set aside, and the folder of an installation without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mail import MailFolder
from shared.mail.smtp import SmtpTransport
from shared.retention import end_terms
from tests.servers.kept import free_port

if TYPE_CHECKING:
    from tests.shared.mail.conftest import Office


def test_p33_a_mail_that_was_sent_leaves_no_row_after_three_months(either_office: Office) -> None:
    """And not a day before; one that still waits stays, however long."""
    either_office.queue(about="form-1")
    either_office.send_all()
    either_office.clock.forward(days=89)
    end_terms(either_office.tools, either_office.clock())
    assert len(either_office.rows()) == 1
    either_office.queue(about="form-2")
    either_office.clock.forward(days=120)
    end_terms(either_office.tools, either_office.clock())
    assert [row["about"] for row in either_office.rows()] == ["form-2"]


def test_p33_a_mail_that_was_set_aside_goes_in_the_end(office: Office) -> None:
    """Three months are enough for somebody to look at it; it holds an address."""
    office.use(SmtpTransport.from_url(f"smtp://127.0.0.1:{free_port()}", trial=True))
    office.queue()
    office.clock.forward(days=3)
    office.send_all()
    assert office.row()["state"] == "parked"
    office.clock.forward(days=100)
    end_terms(office.tools, office.clock())
    assert office.rows() == []


def test_p33_the_mail_folder_keeps_a_month(office: Office) -> None:
    """It holds whole mails in the clear: a trial's, or a desk's."""
    office.queue()
    office.send_all()
    folder = MailFolder(office.tools.settings.home / "mail")
    office.clock.forward(days=29)
    end_terms(office.tools, office.clock())
    assert len(folder.newest()) == 1
    office.clock.forward(days=3)
    end_terms(office.tools, office.clock())
    assert folder.newest() == []
