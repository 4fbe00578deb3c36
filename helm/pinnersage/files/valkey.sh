#!/bin/sh
# valkey.sh MAXMEMORY APPENDFSYNC: starts a Valkey; its password goes by a file in memory, not by a list of processes.
set -eu
umask 077
own=${VALKEY_RUN:-/run/valkey}/valkey.conf
cat "$(dirname "$0")/valkey.conf" >"$own"
printf 'maxmemory %s\nappendfsync %s\n' "$1" "$2" >>"$own"
if [ -n "${VALKEY_PASSWORD:-}" ]; then
  printf 'requirepass "%s"\n' "$(printf %s "$VALKEY_PASSWORD" | sed 's/[\\"]/\\&/g')" >>"$own"
else
  # The network policy keeps others out.
  echo 'protected-mode no' >>"$own"
fi
exec valkey-server "$own"
