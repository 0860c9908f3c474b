"""What the dossier keeps."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from shared.database import NAMING


class Base(DeclarativeBase):
    """The dossier's own tables."""

    metadata = sa.MetaData(naming_convention=NAMING)
