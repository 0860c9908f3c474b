"""Tools of the clinic that keep copies: a tool reads decisions from its feed and answers with receipts of its own.

Such a tool is a processor on the register: its id is the name its token is issued to, and the service whose
records it copies is its owner. It knows our records by their ids, so nothing else is ever said about anybody.
"""

from __future__ import annotations

from shared.processors.feed.adapter import Feed
from shared.processors.feed.answering import close
from shared.processors.feed.tables import feed_tasks

__all__ = ["Feed", "close", "feed_tasks"]
