"""Processors that speak OpenDSR 2.0: asked to erase over HTTP, they answer with signed callbacks or when asked.

What a processor signed is the best evidence there is, of grade ``processor-signed``: anybody can check it
again from the receipt. It still is the processor's word; OpenDSR has no way to look inside.
"""

from __future__ import annotations

from shared.processors.opendsr.adapter import OpenDsr
from shared.processors.opendsr.tables import opendsr_announcements, opendsr_requests

__all__ = ["OpenDsr", "opendsr_announcements", "opendsr_requests"]
