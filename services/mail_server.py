"""Whether the mail server lets us in: tried when somebody asks (``discreet doctor``), and nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.findings import look, well
from shared.errors import ConfigurationError, OutsideError
from shared.mail.mailer import transport_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.findings import Finding
    from shared.settings import Settings


def mail_server(settings: Settings) -> Iterator[Finding]:
    """Connect and sign in, as whoever sends does."""
    if settings.smtp_url is None:
        return  # that mail goes into a folder is said with the mail domain
    try:
        with transport_of(settings).connected():
            yield well("The mail server lets us in.")
    except (ConfigurationError, OutsideError) as error:
        yield look(f"No mail can be sent: {error.detail}")
