#!/bin/sh
# Makes the passwords that are missing, a file each; what is there stays: deploy/make-secrets.sh DIRECTORY
# The directory is for root alone. The files in it can be read by any account, because a container runs as one of its
# own and finds in /run/secrets only the files that docker-compose.yml gives it.
set -eu
directory=${1:?the directory for the secrets}
umask 077
mkdir -p "$directory/processors"
chmod 700 "$directory"

password() {
    [ -s "$directory/$1" ] && return
    od -An -tx1 -N24 /dev/urandom | tr -d ' \n' >"$directory/$1.new"
    chmod 444 "$directory/$1.new"
    mv "$directory/$1.new" "$directory/$1"
}

password postgres-superuser
# Only for a mail server that takes tokens (docs/mail-tokens.md); what docker-compose.yml lists has to be there.
for name in smtp-client-secret smtp-refresh-token; do
    [ -e "$directory/$name" ] || (umask 333 && : >"$directory/$name")
done
for service in intake dossier newsletter requests; do
    password "$service-database"
    password "$service-database-owner"
    password "$service-broker"
    # For what opens the processors of a service: API keys and the like, named in processors.yaml.
    mkdir -p "$directory/processors/$service"
    chmod 755 "$directory/processors" "$directory/processors/$service"
done
