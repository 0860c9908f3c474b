#!/bin/sh
# Makes what is missing of roles and databases, and sets passwords and rights anew: roles.sh SECRETS_DIRECTORY
# Run it as often as you like, as the superuser (PGHOST and PGPORT say where). For every service:
#   discreet_SERVICE_owner  owns both databases, makes and changes tables; used by `discreet migrate` only
#   discreet_SERVICE        reads and writes rows of those two databases; it can make nothing and enter no other
# Passwords are in the files SERVICE-database-owner, SERVICE-database and postgres-superuser. They go to psql (15 or
# later) through its environment, never on a command line, and into no log of the server.
set -eu
secrets=${1:?the directory of the secrets}
export PGUSER="${PGUSER:-postgres}" PGPASSWORD
PGPASSWORD=$(cat "$secrets/postgres-superuser")

run() {
    database=$1
    shift
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse --dbname="$database" "$@"
}

# When everything is started again at once, the server is still on its way.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    pg_isready --quiet && break
    sleep 5
done

for service in ${DISCREET_SERVICES:-intake dossier newsletter requests}; do
    role="discreet_$service" owner="discreet_${service}_owner"
    PASSWORD=$(cat "$secrets/$service-database") OWNER_PASSWORD=$(cat "$secrets/$service-database-owner") \
        run postgres --set=role="$role" --set=owner="$owner" <<'SQL'
\getenv password PASSWORD
\getenv owner_password OWNER_PASSWORD
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY[:'role', :'owner']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE :"owner" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', name, :'owner')
FROM unnest(ARRAY[:'role', :'role' || '_keys']) AS name
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
-- Who has no word about it may not even connect; nor may the services make temporary tables.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', name) FROM unnest(ARRAY[:'role', :'role' || '_keys']) AS name \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', name, :'role') FROM unnest(ARRAY[:'role', :'role' || '_keys']) AS name \gexec
SQL
    for database in "$role" "${role}_keys"; do
        run "$database" --set=role="$role" --set=owner="$owner" <<'SQL'
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"role";
-- What is there, and what migrations will make.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"role";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :"role";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"role";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO :"role";
SQL
    done
done
