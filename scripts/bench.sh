#!/bin/sh
# Whole runs of orch against the peers, paired in one run. The peers are built
# into bin/ once; they are measuring sticks and nothing depends on them.
set -eu
scripts/setup.sh tests
bin=$(pwd)/bin
[ -x "$bin/buildx" ] || GOBIN=$bin go install github.com/docker/buildx/cmd/buildx@v0.38.2
if [ ! -x "$bin/buildctl" ]; then
	# The module excludes versions of others, so that "go install" refuses it;
	# in its own folder it is the main module and builds.
	dir=$(go mod download -json github.com/moby/buildkit@v0.34.2 | sed -n 's/.*"Dir": "\(.*\)",*/\1/p')
	(cd "$dir" && go build -trimpath -ldflags '-s -w' -o "$bin/buildctl" ./cmd/buildctl)
fi
export ORCH_BENCH_BUILDX=$bin/buildx ORCH_BENCH_BUILDCTL=$bin/buildctl

# What to run: all, or the names of benchmarks.
what=${1:-.}
bench() {
	go test -run '^$' -bench "$1" -benchtime "$2" -timeout 120m ./e2e
}
case $what in
.)
	bench Start 30x
	bench Print 5x
	bench Plan 20x
	bench BakeUnchanged 9x
	bench BakeCold 5x
	bench Skip 1x
	bench 'Mounts$' 3x
	bench Fleet 1x
	;;
Load | Mixed) ;;
Skip) bench Skip 1x ;;
Mounts)
	# Ten services in Go on an empty machine, beside bake; then a mount of 1 GiB,
	# beside tar through zstd. A round of the first takes some 8 minutes.
	bench 'Mounts$' "${ORCH_BENCH_ROUNDS:-3}x"
	go test -run '^$' -bench Mounts -benchtime 3x -timeout 60m ./runner/mounts/pack
	;;
# 60 targets on one daemon and on three.
Fleet) bench Fleet "${ORCH_BENCH_ROUNDS:-1}x" ;;
*) bench "$what" 5x ;;
esac

# The load at the given sizes; its table goes to ORCH_BENCH_TABLE, if set, where
# it takes the place of earlier rows of the same size and situation.
#   ORCH_BENCH_SIZES=50,200 ORCH_BENCH_SITUATIONS=cold,read scripts/bench.sh Load
# A run of bake that takes longer than ORCH_BENCH_LIMIT, such as 10m, is
# ended, and its row says so.
# Situations: cold unchanged leaf base write rewrite read read30 block reblock
# readblock push.
case $what in
. | Load) ORCH_BENCH_SIZES=${ORCH_BENCH_SIZES:-1,10,50,200} bench Load 1x ;;
esac

# Targets of unlike lengths with one long chain, at the given sizes and with the
# given -j, of which 0 is none.
#   ORCH_BENCH_SIZES=12 ORCH_BENCH_JOBS=0,8 scripts/bench.sh Mixed
case $what in
.) ORCH_BENCH_SIZES=12,50,200 ORCH_BENCH_ROUNDS=3 bench Mixed 1x ;;
Mixed) bench Mixed 1x ;;
esac
