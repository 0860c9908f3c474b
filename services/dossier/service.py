"""The dossier without its web side."""

from __future__ import annotations

from services.dossier.handlers import HANDLERS
from services.dossier.holdings import HOLDINGS
from services.dossier.jobs import JOBS
from services.dossier.records import Base
from shared.service import Service

SERVICE = Service(
    name="dossier",
    metadata=Base.metadata,
    handlers=HANDLERS,
    holdings=HOLDINGS,
    jobs=JOBS,
)
