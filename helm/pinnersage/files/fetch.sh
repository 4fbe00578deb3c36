#!/bin/sh
# fetch.sh REMOTE:PATH DIR [SECONDS]: brings what is live there to DIR, once, or every so many SECONDS.
# CURRENT comes last, by a rename: a server sees a whole version or the one before it. Older ones go; whoever
# still maps one keeps it until it lets go.
set -eu

# The live version of the folder $1, whole, to the folder $2. Says which it is.
bring() {
  live=$(rclone cat "$1/CURRENT")
  if [ ! -d "$2/$live" ]; then
    rm -rf "$2/.arriving-here"
    rclone copy "$1/$live" "$2/.arriving-here"
    mv "$2/.arriving-here" "$2/$live"
    echo "fetched $1/$live"
  fi
}

show() {
  printf '%s\n' "$live" >"$1/.next-current"
  mv "$1/.next-current" "$1/CURRENT"
}

# All versions of $1 but the live one and the one before it.
collect() {
  find "$1" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*-*' | sort | while read -r folder; do
    if [ "$folder" != "$1/$live" ] && [ "$folder" != "$1/$before" ]; then rm -rf "$folder"; fi
  done
}

follow() {
  mkdir -p "$2"
  before=$(cat "$2/CURRENT" 2>/dev/null || true)
  bring "$1" "$2"
  if [ "$live" != "$before" ]; then
    show "$2"
    collect "$2"
  fi
}

once() {
  # 3: there is no such folder, as before the first build.
  there=$(rclone lsf "$1/") || [ $? -eq 3 ]
  case "$there" in *blocked.txt*)
    rclone copyto "$1/blocked.txt" "$2/.next-blocked"
    cmp -s "$2/.next-blocked" "$2/blocked.txt" || mv "$2/.next-blocked" "$2/blocked.txt" ;;
  esac
  # What was added beside a version goes before it: its first answer is to know those pins.
  case "$there" in *side/*) follow "$1/side" "$2/side" ;; esac
  case "$there" in *CURRENT*) follow "$1" "$2" ;; *) echo "nothing is live at $1 yet" >&2 ;; esac
}

if [ $# -eq 2 ]; then
  once "$1" "$2"
  exit
fi
trap 'exit 0' TERM INT
while :; do
  "$0" "$1" "$2" || echo "cannot fetch $1; what was fetched stays" >&2
  sleep "$3" &
  wait $!
done
