#!/bin/sh
# Starts PostgreSQL in its container; the first time it makes the cluster, with the superuser's password from a secret.
# Services connect over the inner network with their passwords (SCRAM); nobody is trusted without one.
set -eu
data=/var/lib/postgresql/data/cluster
programs=$(echo /usr/lib/postgresql/*/bin)

if [ ! -s "$data/PG_VERSION" ]; then
    rm -rf "$data" # what an interrupted first start left
    "$programs/initdb" --pgdata="$data" --username=postgres --pwfile=/run/secrets/postgres-superuser \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-instructions
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
fi
# 300 connections: a worker keeps about 13 and a web process up to 40, and there are four of each.
exec "$programs/postgres" -D "$data" \
    -c listen_addresses='*' -c unix_socket_directories=/run/postgresql \
    -c max_connections=300 -c shared_buffers=128MB \
    -c log_statement=none -c log_min_error_statement=panic -c log_parameter_max_length=0 \
    -c log_parameter_max_length_on_error=0 -c log_error_verbosity=terse \
    -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3
