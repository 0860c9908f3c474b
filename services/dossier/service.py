"""The dossier without its web side."""

from __future__ import annotations

from services.dossier.records import Base
from shared.service import Service

SERVICE = Service(name="dossier", metadata=Base.metadata)
