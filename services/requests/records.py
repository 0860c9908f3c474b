"""The declarative base of the requests service's own tables."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from shared.database import NAMING


class Base(DeclarativeBase):
    """Tables of the rights requests, of incidents and of the ledger."""

    metadata = sa.MetaData(naming_convention=NAMING)
