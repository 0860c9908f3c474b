"""listmonk, run by the clinic itself: JSON both ways, and it tells nothing unless it is asked."""

from services.newsletter.processors.listmonk.adapter import Listmonk
from services.newsletter.processors.listmonk.settings import ListmonkSettings

__all__ = ["Listmonk", "ListmonkSettings"]
