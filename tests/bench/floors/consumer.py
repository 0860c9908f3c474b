"""The plain consumer: pika's own blocking connection, one commit for each message, then its acknowledgement.

python -m tests.bench.floors.consumer AMQP_URL QUEUE DATABASE_URL COMMITS
"""

from __future__ import annotations

import sys
from typing import Any

import pika

from tests.bench.floors.plain import keep, open_engine

PREFETCH = 200  # as our own receiver


def main() -> None:
    """Consume until the end of the program."""
    amqp_url, queue, database_url, commits = sys.argv[1:]
    engine = open_engine(database_url)

    def received(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        for _ in range(int(commits)):
            keep(engine, properties.message_id, body.decode())
        channel.basic_ack(method.delivery_tag)

    channel = pika.BlockingConnection(pika.URLParameters(amqp_url)).channel()
    channel.basic_qos(prefetch_count=PREFETCH)
    channel.basic_consume(queue, received)
    print("consuming", flush=True)  # noqa: T201 - whoever started us waits for it
    channel.start_consuming()


if __name__ == "__main__":
    main()
