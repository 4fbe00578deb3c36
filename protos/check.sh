#!/usr/bin/env bash
# Fail when the committed stubs differ from what protos/ generates.
set -euo pipefail
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
protos/generate.sh "$1" "$fresh/client" "$fresh"
for folder in client/pinnersage/v1 storage/v1; do
  if ! diff -ru --exclude=__init__.py --exclude=py.typed --exclude=__pycache__ "$folder" "$fresh/$folder"; then
    echo "$folder is not what protos/ generates. Run: make stubs"
    exit 1
  fi
done
