#!/usr/bin/env bash
# cluster.sh FOLDER: kube-apiserver, built from its Go module; etcd, from Debian; the Prometheus operator's resources,
# generated from its types. Go builds for some ten minutes of a core, the first time.
set -euo pipefail
folder=$(realpath --canonicalize-missing "$1") here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../cluster" && pwd)
mkdir -p "$folder/bin" "$folder/resources"
"$(dirname "${BASH_SOURCE[0]}")/debian.sh" "$folder/bin" etcd-server etcd
cd "$here/resources"
go tool controller-gen crd output:crd:dir="$folder/resources" \
  paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1
cd "$here/apiserver"
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
CGO_ENABLED=0 go build -trimpath -o "$folder/bin/kube-apiserver" \
  -ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$version" k8s.io/kubernetes/cmd/kube-apiserver
