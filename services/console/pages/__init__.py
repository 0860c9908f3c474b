"""The pages, a file each; all of them are shown, and closed to strangers, by ``frame``."""

from __future__ import annotations
