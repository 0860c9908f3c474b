#!/bin/sh
# Starts RabbitMQ in its container, in the foreground.
set -eu
umask 077
export HOME=/var/lib/rabbitmq # where Erlang makes the node's cookie
exec /usr/lib/rabbitmq/bin/rabbitmq-server
