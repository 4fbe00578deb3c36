#!/usr/bin/env bash
# debian.sh FOLDER PACKAGE PROGRAM...: programs out of a package of Debian, without installing it.
set -euo pipefail
folder=$1 package=$2 room=$(mktemp -d)
shift 2
trap 'rm -rf "$room"' EXIT
# apt's own user is to write there.
chmod 0777 "$room"
cd "$room"
# The lists of what there is may be old, or none; only root may renew them.
apt-get download --quiet "$package" >/dev/null 2>&1 ||
  { apt-get update --quiet >/dev/null 2>&1 && apt-get download --quiet "$package" >/dev/null; }
dpkg-deb --extract ./*.deb unpacked
cd - >/dev/null
mkdir -p "$folder"
# What is there is replaced whole: somebody may be about to run it.
for program in "$@"; do
  install -m 0755 "$room/unpacked/usr/bin/$program" "$folder/.$program"
  mv "$folder/.$program" "$folder/$program"
done
