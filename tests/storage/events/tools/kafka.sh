#!/bin/sh
# Fetches the jars of a Kafka into a folder, by Maven, and holds them to their sums: kafka.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$1"
mkdir -p "$1"
to=$(cd "$1" && pwd)
mvn --batch-mode --quiet --file "$here/kafka.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$to"
cd "$to"
sha256sum --check --strict --quiet "$here/kafka.sha256"
# Nothing besides: what is on the class path is what was summed.
test "$(ls | wc -l)" -eq "$(wc -l <"$here/kafka.sha256")"
