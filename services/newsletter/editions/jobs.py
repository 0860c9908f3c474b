"""What happens to editions by the clock."""

from __future__ import annotations

from datetime import timedelta

from services.newsletter.editions import watching
from shared.service import Job

JOBS = (
    Job("look up editions that were told of", timedelta(minutes=1), watching.look_up_told),
    Job("watch the programme for editions", timedelta(hours=1), watching.watch),
    Job("end the terms of editions", timedelta(days=1), watching.forget),
)
