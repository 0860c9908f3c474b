"""The competitor: a Celery task that does the same INSERT, on a quorum queue, acknowledged when it is done."""

from __future__ import annotations

import os
from functools import cache

import sqlalchemy as sa
from celery import Celery

from tests.bench.floors.plain import keep, open_engine

QUEUE = "celery"
app = Celery("floor", broker=os.environ.get("FLOOR_AMQP_URL"))
app.conf.update(
    task_default_queue=QUEUE,
    task_default_queue_type="quorum",
    task_default_exchange_type="topic",
    task_acks_late=True,  # else a crash loses what was taken and not yet done
    task_ignore_result=True,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
)


@cache
def _engine() -> sa.Engine:
    return open_engine(os.environ["FLOOR_DATABASE_URL"])


@app.task(name="keep")
def keep_event(event_id: str, body: str) -> None:
    """Store one message in one commit."""
    keep(_engine(), event_id, body)
