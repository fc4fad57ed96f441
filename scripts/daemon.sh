#!/bin/sh
# Compiles the BuildKit daemon of an older release for the tests, once, into
# bin/. It takes every other module in the version that orch itself is built
# with, so that most of it comes from Go's build cache: a minute of two cores
# where only orch has been compiled before. scripts/compat.sh compiles daemons
# exactly as they were released.
set -eu
export CGO_ENABLED=0

version=$1
daemon=bin/buildkitd-$version-tests
[ ! -x "$daemon" ] || exit 0
mkdir -p bin
dir=$(mktemp -d bin/daemon-XXXXXX)
trap 'rm -rf "$dir"' EXIT
cp go.mod go.sum "$dir"
go mod edit -replace "github.com/moby/buildkit=github.com/moby/buildkit@$version" "$dir/go.mod"
echo "setup: compiling the daemon of BuildKit $version"
nice go build -mod=mod -modfile "$dir/go.mod" -tags no_containerd_worker \
	-ldflags "-s -w -X github.com/moby/buildkit/version.Version=$version" \
	-o "$dir/buildkitd" github.com/moby/buildkit/cmd/buildkitd
mv "$dir/buildkitd" "$daemon"
