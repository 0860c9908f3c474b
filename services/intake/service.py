"""The intake without its web side."""

from __future__ import annotations

from services.intake.holdings import HOLDINGS
from services.intake.jobs import JOBS
from services.intake.processors.imap import Imap
from services.intake.records import Base
from services.intake.reports.holdings import HOLDINGS as OF_REPORTS
from services.intake.returns.jobs import JOBS as RETURNS
from shared.mail.looking import IMAP
from shared.service import Service

SERVICE = Service(
    name="intake",
    metadata=Base.metadata,
    holdings=(*HOLDINGS, *OF_REPORTS),
    adapters={IMAP: Imap},
    jobs=(*JOBS, *RETURNS),
)
