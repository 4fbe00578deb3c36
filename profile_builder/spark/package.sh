#!/usr/bin/env bash
# Pack what spark-submit takes along, into the folder given: submit.py, pinnersage.zip, environment.tar.gz.
# The executors need a Python of the same minor version as this one, and nothing else. Compiled loops stay behind: they are
# of this machine's system and processor.
set -euo pipefail
out=$1 python=$2
mkdir -p "$out"
find model storage process profile_builder -name '*.py' -print | sort | "$python" -c '
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for line in sys.stdin:
        name = line.rstrip("\n")
        # The same bytes from the same sources.
        archive.writestr(zipfile.ZipInfo(name), open(name, "rb").read(), zipfile.ZIP_DEFLATED)
' "$out/pinnersage.zip"
cp profile_builder/spark/submit.py "$out/submit.py"
lock=requirements-spark-executor.lock
if ! cmp --silent $lock "$out/.packed"; then
  rm -rf "$out/environment"
  "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    --target "$out/environment" --requirement $lock
  find "$out/environment" -depth -type d \( -name tests -o -name include -o -name __pycache__ \) -exec rm -r {} +
  tar --create --directory "$out/environment" . | gzip -1 >"$out/environment.tar.gz"
  rm -rf "$out/environment"
  cp $lock "$out/.packed"
fi
