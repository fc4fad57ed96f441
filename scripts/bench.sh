#!/bin/sh
# Whole runs of orch against the peers, paired in one run. The peers are built
# into bin/ once; they are measuring sticks and nothing depends on them.
set -eu
scripts/setup.sh tests
bin=$(pwd)/bin
[ -x "$bin/buildx" ] || GOBIN=$bin go install github.com/docker/buildx/cmd/buildx@v0.37.0
[ -x "$bin/buildctl" ] || GOBIN=$bin go install -ldflags '-s -w' github.com/moby/buildkit/cmd/buildctl@v0.33.0
export ORCH_BENCH_BUILDX=$bin/buildx ORCH_BENCH_BUILDCTL=$bin/buildctl

go test -run '^$' -bench 'Start' -benchtime 30x -timeout 30m ./e2e
go test -run '^$' -bench 'Print' -benchtime 11x -timeout 30m ./e2e
go test -run '^$' -bench 'Plan' -benchtime 20x ./e2e
go test -run '^$' -bench 'BakeUnchanged' -benchtime 9x -timeout 30m ./e2e
go test -run '^$' -bench 'BakeCold' -benchtime 3x -timeout 30m ./e2e
