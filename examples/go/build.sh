#!/usr/bin/env bash
# Build the example from the published protos: examples/go/build.sh WORK_FOLDER OUT
# Needs Go, and protoc: name another with PROTOC.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mkdir -p "$1" "$(dirname "$2")"
work=$(cd "$1" && pwd) out=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
package=pinnersage.example/recommend/pinnersagev1
mapping=Mpinnersage/v1/recommender.proto=$package

GOBIN="$work/bin" go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
GOBIN="$work/bin" go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0
cp examples/go/*.go examples/go/go.mod examples/go/go.sum "$work"
PATH="$work/bin:$PATH" ${PROTOC:-protoc} -Iprotos \
  --go_out="$work" --go_opt=module=pinnersage.example/recommend --go_opt="$mapping" \
  --go-grpc_out="$work" --go-grpc_opt=module=pinnersage.example/recommend --go-grpc_opt="$mapping" \
  pinnersage/v1/recommender.proto
cd "$work" && go build -o "$out" .
