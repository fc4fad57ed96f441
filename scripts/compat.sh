#!/bin/sh
# Builds the example and the scripts of real builds on upstream BuildKit
# daemons: the release that orch links, the one before it, and an older one. The
# daemons are compiled once, into bin/, which takes some minutes each.
set -eu
export CGO_ENABLED=0
scripts/setup.sh tests
scripts=${1:-'^(buildme|outputs|link|secret|syntax|onefrontend|debug)$'}
bin=$(pwd)/bin
mkdir -p "$bin"
for version in v0.34.2 v0.33.0 v0.31.2; do
    daemon=$bin/buildkitd-$version
    if [ ! -x "$daemon" ]; then
        echo "compiling buildkitd $version"
        # The module excludes versions of others, so that "go install" refuses
        # it; in its own folder it is the main module and builds.
        dir=$(go mod download -json "github.com/moby/buildkit@$version" | sed -n 's/.*"Dir": "\(.*\)",*/\1/p')
        (cd "$dir" && CGO_ENABLED=0 nice go build -trimpath \
            -ldflags "-s -w -X github.com/moby/buildkit/version.Version=$version" -o "$daemon" ./cmd/buildkitd)
    fi
    root=$(mktemp -d /tmp/orch-compat-XXXXXX)
    "$daemon" --root "$root/root" --addr "unix://$root/sock" --allow-insecure-entitlement network.host \
        >"$root/log" 2>&1 &
    pid=$!
    trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$root"' EXIT INT TERM
    n=0
    while [ ! -S "$root/sock" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
    echo "on buildkitd $version"
    ORCH_E2E_BUILDER=unix://$root/sock go test -count 1 -timeout 40m ./e2e -run "TestScripts/$scripts" || {
        tail -n 20 "$root/log"
        exit 1
    }
    kill $pid
    wait $pid 2>/dev/null || true
    rm -rf "$root"
    trap - EXIT INT TERM
done

# The newer generation of Docker Engine, whose images are in containerd's store.
scripts/engine.sh new
ORCH_E2E_DOCKERD=$PWD/bin/engine/new/dockerd go test -count 1 ./e2e -run TestEngine

# A real Kubernetes API server, in front of BuildKit daemons.
scripts/kubernetes.sh
[ -x "$bin/buildx" ] || GOBIN=$bin go install github.com/docker/buildx/cmd/buildx@v0.38.2
ORCH_E2E_KUBERNETES=$bin/kubernetes ORCH_BENCH_BUILDX=$bin/buildx go test -count 1 -timeout 30m ./e2e -run 'TestKubernetes' -v

# A pipeline for GitLab, by a runner of this machine.
if command -v npm >/dev/null 2>&1 && command -v rsync >/dev/null 2>&1; then
    [ -x "$bin/gitlab/node_modules/.bin/gitlab-ci-local" ] ||
        npm install --prefix "$bin/gitlab" --no-audit --no-fund gitlab-ci-local@4.61.1
    ORCH_E2E_GITLAB=$bin/gitlab/node_modules/.bin/gitlab-ci-local go test -count 1 ./e2e -run TestGitLab
else
    echo "compat: no npm or no rsync; the pipeline for GitLab is not run" >&2
fi

# The workflow and the action for GitHub, by act.
if command -v node >/dev/null 2>&1; then
    [ -x "$bin/act" ] || GOBIN=$bin nice go install github.com/nektos/act@v0.2.89
    ORCH_E2E_ACT=$bin/act go test -count 1 -timeout 30m ./e2e -run TestGitHub
else
    echo "compat: no node; the workflow for GitHub is not run" >&2
fi

# docker compose, whose builds are orch's where orch is in place of buildx. Its module
# excludes others, so that it is compiled in its own folder.
if [ ! -x "$bin/docker-compose" ]; then
    sources=$(go mod download -json github.com/docker/compose/v5@v5.6.0 | sed -n 's/.*"Dir": "\(.*\)",*/\1/p')
    (cd "$sources" && nice go build -ldflags "-s -w -X github.com/docker/compose/v5/internal.Version=v5.6.0" -o "$bin/docker-compose" ./cmd)
fi
ORCH_E2E_COMPOSE=$bin/docker-compose go test -count 1 -timeout 30m ./e2e -run 'TestEngine/compose'
