"""The mover over RabbitMQ: a relay out of each outbox, a receiver into each inbox. The only place that knows pika."""
