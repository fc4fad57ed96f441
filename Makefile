# Everything is built with the same settings, so that BuildKit, which is most
# of the work, is compiled once and then comes from Go's build cache.
GO      ?= go
export CGO_ENABLED = 0
# Without the clone's folder in it, another clone or worktree uses what this one compiled.
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS) -trimpath)

COMMIT := $(shell git describe --always --exclude '*' --dirty 2>/dev/null)
PREFIX ?= /usr/local
SHARE  := $(DESTDIR)$(PREFIX)/share

# The packages that the race detector goes over: those that do several things at once,
# or share what others do, but for those that link BuildKit's server, which would have to
# be compiled a second time for it.
RACE := ./config ./config/funcs ./planner/check ./planner/digest ./planner/dockerfile ./planner/inputs ./planner/print \
	./runner ./runner/buildkit/... ./runner/progress ./runner/lane ./internal/interrupt

.PHONY: docs site build install release release-twice demo test check race lint cross bench fuzz fuzz-short parity compat stress stress-long clean

build:
	$(GO) run ./scripts/build -o bin/orch -commit '$(COMMIT)'

install: build
	install -D -m 0755 bin/orch $(DESTDIR)$(PREFIX)/bin/orch
	install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	bin/orch completion bash >$(SHARE)/bash-completion/completions/orch
	bin/orch completion zsh >$(SHARE)/zsh/site-functions/_orch
	bin/orch completion fish >$(SHARE)/fish/vendor_completions.d/orch.fish
	bin/orch man --output $(SHARE)/man/man1

# Archives and packages of all platforms, into dist/release. All of it is compiled
# for six platforms: half an hour the first time. SIGNING_KEY=key.pem signs it.
release: build
	@scripts/setup.sh
	$(GO) mod download
	bin/orch bake release $(if $(SIGNING_KEY),--var SIGNING_KEY=$(SIGNING_KEY))

# The same twice, with two builders that share nothing, compared bit by bit, into
# dist/twice. SYSTEMS=linux/amd64 is for one platform.
release-twice: build
	@scripts/setup.sh
	$(GO) mod download
	@scripts/release-twice.sh $(SYSTEMS)

# Builds the client/server example for real, and runs what came out of it.
demo: build
	@scripts/setup.sh
	@scripts/demo.sh

# The tests of ./e2e take longest and mostly wait for builders: they start first, and
# the other packages run beside them. lint vets.
test: build
	@scripts/setup.sh tests
	$(GO) test -vet=off -timeout 45m $(if $(FUZZ),$(FUZZED)) ./e2e ./...

# What CI runs: a quarter of an hour on two processors. The checks that need the
# processors run beside the tests that wait; who ends one ends the other.
check: build
	@scripts/setup.sh tests
	@scripts/setup.sh race
	@$(GO) build -o bin/beside ./scripts/beside
	@exec bin/beside '$(MAKE) --no-print-directory lint cross race' '$(MAKE) --no-print-directory test FUZZ=short'

race:
	@scripts/setup.sh tests
	@scripts/setup.sh race
	CGO_ENABLED=1 $(GO) test -race -vet=off -timeout 15m $(RACE)

# staticcheck has 700 MB at most with this GOGC, and needs a fifth less of the processors.
lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	GOGC=400 $(GO) tool staticcheck ./...

# The client is for macOS and Windows too; only the embedded builder is not. A release
# compiles it for them.
cross:
	$(GO) run ./scripts/cross darwin/arm64 windows/amd64

# Rewrites the pages of docs that are made from the code; tests say when to. Then
# all pages become a site in dist/site, which needs no server and no network.
docs:
	$(GO) test ./schema ./config/funcs ./config/permission ./cmd/orch -run 'Reference|Table|CommandPages|SchemaFile' -update
	$(GO) run ./scripts/site -o dist/site

# Only the site.
site:
	$(GO) run ./scripts/site -o dist/site

# Results against those of docker buildx bake, side by side on one builder.
parity:
	@scripts/parity.sh

# Real builds on upstream BuildKit daemons, of this release and an older one.
compat:
	@scripts/compat.sh

# Looks for input that makes orch panic or hang: FUZZTIME for each target.
FUZZTIME ?= 2m
fuzz:
	@scripts/fuzz.sh $(FUZZTIME)

# A short look, as part of check: a second for each target, in the programs of the tests.
FUZZED = -exec "'$(CURDIR)/scripts/fuzz.sh' --beside"
fuzz-short:
	$(GO) test -vet=off -run '^Fuzz' $(FUZZED) $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')

bench: build
	$(GO) test -run '^$$' -bench . -benchmem ./schema/... ./config/... ./planner/...
	@scripts/bench.sh

# Interrupts (50, and 600 of runs that publish, and one at each border of a run),
# kills (20) and failures at random moments, a registry that fails at each
# request, damaged caches and state, limits, definitions that lead out by every
# command, hostile input, and a thousand targets. "make test" does a few of each.
# It is meant to fit into 40 minutes of a quiet machine; stress-long is the rest.
stress: build
	@scripts/setup.sh tests
	ORCH_STRESS=50 $(GO) test -v -count 1 -timeout 90m -run 'Anywhere|AtBorders|WhilePublishing|BuilderCrash|Limits|Permissions|EveryWriter|Heals|Thousand|FewFailures|Secret|DiskFull|Registry|Publish|TwoRuns|Unchanged|Resume|Silent|AskedOften|ShardsEqual|StrictContext' ./e2e
	ORCH_STRESS=50 ORCH_LONG_TESTS=1 $(GO) test -count 1 -timeout 20m -run 'Damaged|Hostile|TwoMachines|AnyOrder|Faults|Interrupted|IdleEdge' ./runner/embedded ./runner/publish
	$(GO) test -count 1 -timeout 10m -run 'Hostile|Elsewhere|Endless|Refuses|Fuzz' ./internal/registry ./internal/language/server ./runner/bundle ./runner/runs ./runner/skip ./runner/lane ./runner/mounts/...
	ORCH_LONG_TESTS=1 $(GO) test -count 1 -timeout 20m ./planner ./planner/inputs ./planner/print ./planner/shard ./runner
	ORCH_MUTATIONS=300 $(GO) test -v -count 1 -timeout 60m -run EqualDigest ./planner/digest
	ORCH_PREDICTIONS=50 ORCH_COMMITS=40 $(GO) test -v -count 1 -timeout 60m -run 'TestExplainPredictions$$|TestAffectedHistories$$' ./e2e

# What takes hours: digests against 5,000 images, and explanations against 500 builds.
stress-long: build
	@scripts/setup.sh tests
	ORCH_MUTATIONS=1700 $(GO) test -v -count 1 -timeout 60m -run EqualDigest ./planner/digest
	ORCH_PREDICTIONS=500 ORCH_COMMITS=200 $(GO) test -v -count 1 -timeout 120m -run 'TestExplainPredictions$$|TestAffectedHistories$$' ./e2e
	ORCH_BUILT=5000 $(GO) test -v -count 1 -timeout 360m -run 'TestDigestAgainstImages$$' ./e2e

clean:
	rm -rf bin dist
