#!/usr/bin/env bash
# Generate the stubs: protos/generate.sh BIN [CLIENT_FOLDER [STORAGE_PARENT]]
# Proto path = proto package = Python path, so no import needs rewriting.
set -euo pipefail
bin=$1 client=${2:-client} root=${3:-.}
mkdir -p "$client/pinnersage/v1" "$root/storage/v1"
PATH="$bin:$PATH" "$bin/python" -m grpc_tools.protoc -Iprotos \
  --python_out="$client" --grpc_python_out="$client" --mypy_out="quiet:$client" --mypy_grpc_out="quiet:$client" \
  protos/pinnersage/v1/recommender.proto
PATH="$bin:$PATH" "$bin/python" -m grpc_tools.protoc -Iprotos \
  --python_out="$root" --mypy_out="quiet:$root" \
  protos/storage/v1/profile.proto
