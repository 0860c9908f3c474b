"""Processors that work by hand: a named person gets a task by mail, with a link to say what was done.

Discreet cannot look inside such a processor. What it has is a statement by a named person, and a receipt
says just that: evidence of grade ``statement``.
"""

from __future__ import annotations

from shared.processors.by_hand.adapter import ByHand
from shared.processors.by_hand.asking import withdraw
from shared.processors.by_hand.tables import by_hand_links, by_hand_tasks

__all__ = ["ByHand", "by_hand_links", "by_hand_tasks", "withdraw"]
