#!/bin/sh
# Builds every project of e2e/testdata/parity with orch and with docker buildx
# bake on the same builder, and compares what comes out. Bake is compiled
# once, into bin/; "make test" compares with the goldens that it left.
# With -update the goldens are written again, from bake's results.
set -eu
export CGO_ENABLED=0
scripts/setup.sh tests
bin=$(pwd)/bin
[ -x "$bin/buildx" ] || GOBIN=$bin go install github.com/docker/buildx/cmd/buildx@v0.38.2
ORCH_PEER=$bin/buildx go test -count 1 ./e2e -run TestParity "$@"
