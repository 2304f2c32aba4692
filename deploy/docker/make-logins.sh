#!/bin/sh
# The postgres image runs this once, on an empty volume: the statements of `jangbu init --print-sql`, as a superuser.
set -eu
: "${JANGBU_DB_OWNER_PASSWORD:?}" "${JANGBU_DB_SYSTEM_PASSWORD:?}" "${JANGBU_DB_REQUEST_PASSWORD:?}"
# Passwords go by the environment: a command line can be read by everybody on the machine.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv jangbu_owner JANGBU_DB_OWNER_PASSWORD
\getenv jangbu_system JANGBU_DB_SYSTEM_PASSWORD
\getenv jangbu_request JANGBU_DB_REQUEST_PASSWORD
CREATE ROLE jangbu_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'jangbu_owner';
CREATE ROLE jangbu_system LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'jangbu_system';
CREATE ROLE jangbu_request LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'jangbu_request';
CREATE DATABASE jangbu OWNER jangbu_owner TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE jangbu FROM PUBLIC;
GRANT CONNECT ON DATABASE jangbu TO jangbu_owner, jangbu_system, jangbu_request;
SQL
