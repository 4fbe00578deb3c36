#!/usr/bin/env bash
# Resolve the dependencies into hash-pinned requirement files that name no addresses.
set -euo pipefail
compile() {
  uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$@"
}
compile pyproject.toml --group dev --output-file requirements-dev.lock
compile --group compile --constraint requirements-dev.lock --output-file requirements-compile.lock
compile pyproject.toml --constraint requirements-dev.lock --output-file requirements.lock
compile pyproject.toml --group demo --constraint requirements-dev.lock --output-file requirements-demo.lock
compile pyproject.toml --group evaluation --constraint requirements-dev.lock --output-file requirements-evaluation.lock
compile pyproject.toml --group kafka --constraint requirements-dev.lock --output-file requirements-kafka.lock
compile pyproject.toml --group tracing --constraint requirements-dev.lock --output-file requirements-tracing.lock
compile pyproject.toml --group spark --constraint requirements-dev.lock --output-file requirements-spark.lock
compile pyproject.toml --group spark-executor --constraint requirements-spark.lock --output-file requirements-spark-executor.lock
# Of the image, which holds all programs: what each of them may need.
compile pyproject.toml --group kafka --group tracing --constraint requirements-dev.lock --output-file requirements-image.lock
compile pyproject.toml --group bench --constraint requirements-dev.lock --output-file requirements-bench.lock
compile --group stubs --output-file requirements-stubs.lock
compile --group helm --no-deps --output-file requirements-helm.lock
compile --group objects --no-deps --output-file requirements-objects.lock
compile --group sbom --output-file requirements-sbom.lock
