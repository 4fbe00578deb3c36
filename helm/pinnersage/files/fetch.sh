#!/bin/sh
# fetch.sh REMOTE:PATH DIR [SECONDS]: brings what is live there to DIR, once, or every so many SECONDS.
# CURRENT comes last, by a rename: a server sees a whole version or the one before it. Older ones go; whoever
# still maps one keeps it until it lets go.
set -eu

# The live version of the folder $1, whole, to the folder $2. Says which it is.
bring() {
  live=$(rclone cat "$1/CURRENT")
  if [ ! -d "$2/$live" ] || ! is_whole "$1" "$2"; then
    rm -rf "$2/.arriving-here"
    rclone copy "$1/$live" "$2/.arriving-here"
    rm -rf "${2:?}/$live"
    mv "$2/.arriving-here" "$2/$live"
    touch "$2/.compared"
    echo "fetched $1/$live"
  fi
}

# A disk may damage what was fetched: each start compares it with the original, and who follows does now and then. A build
# that came to the same version gave its manifest another time, and nothing else.
is_whole() {
  if [ -n "$(find "$2/.compared" -mmin "-${COMPARE_EVERY_MIN:-0}" 2>/dev/null)" ]; then return; fi
  rclone check "$1/$live" "$2/$live" \
    && rclone copyto "$1/$live/manifest.json" "$2/$live/manifest.json" \
    && touch "$2/.compared"
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

# What the folder $1 holds; 3: there is none, as before the first build.
list() {
  rclone lsf "$1/" || [ $? -eq 3 ]
}

# Whether the list $1 has the name $2: that, and no other that has it in itself.
has() {
  printf '%s\n' "$1" | grep -qxF "$2"
}

once() {
  there=$(list "$1")
  beside=""
  if has "$there" side/; then beside=$(list "$1/side"); fi
  if has "$there" blocked.txt; then
    rclone copyto "$1/blocked.txt" "$2/.next-blocked"
    cmp -s "$2/.next-blocked" "$2/blocked.txt" || mv "$2/.next-blocked" "$2/blocked.txt"
  fi
  # What was added beside a version goes before it: its first answer is to know those pins.
  if has "$beside" CURRENT; then follow "$1/side" "$2/side"; fi
  if has "$there" CURRENT; then follow "$1" "$2"; else echo "nothing is live at $1 yet" >&2; fi
}

if [ $# -eq 2 ]; then
  once "$1" "$2"
  exit
fi
trap 'exit 0' TERM INT
export COMPARE_EVERY_MIN=60
while :; do
  "$0" "$1" "$2" || echo "cannot fetch $1; what was fetched stays" >&2
  sleep "$3" &
  wait $!
done
