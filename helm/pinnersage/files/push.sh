#!/bin/sh
# push.sh DIR REMOTE:PATH: takes the versions of DIR there, and then says which is live.
set -eu
# A build that came to the same version touched its manifest: by its time servers tell that the night's build came.
rclone copy "$1" "$2" --immutable --checksum --include '/[0-9]*-*/**' --include '/side/[0-9]*-*/**'
if [ -f "$1/side/CURRENT" ]; then rclone copyto "$1/side/CURRENT" "$2/side/CURRENT"; fi
live=$(cat "$1/CURRENT")
rclone copyto "$1/$live/manifest.json" "$2/$live/manifest.json"
rclone copyto "$1/CURRENT" "$2/CURRENT"
echo "pushed $live"
