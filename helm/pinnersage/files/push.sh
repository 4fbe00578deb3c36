#!/bin/sh
# push.sh DIR REMOTE:PATH: takes the versions of DIR there, and then says which is live.
set -eu
rclone copy "$1" "$2" --immutable --include '/[0-9]*-*/**' --include '/side/[0-9]*-*/**'
if [ -f "$1/side/CURRENT" ]; then rclone copyto "$1/side/CURRENT" "$2/side/CURRENT"; fi
rclone copyto "$1/CURRENT" "$2/CURRENT"
echo "pushed $(cat "$1/CURRENT")"
