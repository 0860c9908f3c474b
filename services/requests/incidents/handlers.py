"""What incidents come from: reports that the intake took in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.incidents.actions import open_incident
from shared.events import SECURITY_REPORT_RECEIVED, SecurityReportReceived
from shared.messaging.applier import one_by_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Handler, Tools


@one_by_one
def on_report(session: Session, tools: Tools, delivery: Delivery) -> None:
    """Open an incident."""
    if isinstance(delivery.event, SecurityReportReceived):
        open_incident(session, tools, delivery.event, now=delivery.now)


HANDLERS: Mapping[str, Sequence[Handler]] = {SECURITY_REPORT_RECEIVED: (on_report,)}
