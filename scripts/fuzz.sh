#!/bin/sh
# Runs each fuzz target for the given time, such as 30s, as many targets at once
# as the machine has processors. What one finds is kept in testdata/fuzz of its
# package, where every test run meets it again. With "short" it is a second for each,
# and without the compiler's help in finding new paths: for that, everything that orch
# links has to be compiled once more.
#
#	scripts/fuzz.sh TIME|short [PACKAGE...]    as in: scripts/fuzz.sh 30s planner/shard
set -eu
export CGO_ENABLED=0

# one runs the fuzz targets of a package, which is compiled once for all of them.
one() {
	time=$1 pkg=$2 guided=-fuzz=Fuzz
	[ "$time" != short ] || { time=1s guided=; }
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	go test "./$pkg" -c -vet=off $guided -o "$dir/test"
	seen=$(go env GOCACHE)/fuzz/$(go list "./$pkg")
	cd "$pkg"
	for target in $("$dir/test" -test.list '^Fuzz'); do
		echo "fuzzing $pkg $target for $time"
		"$dir/test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime 10s \
			-test.fuzzcachedir "$seen" -test.parallel 1 >"$dir/log" 2>&1 || {
			cat "$dir/log"
			exit 1
		}
	done
}

if [ "${1:-}" = --one ]; then
	one "$2" "$3"
	exit
fi
time=${1:-30s}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(git grep -l --untracked '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u)
printf '%s\n' "$@" | xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 "$0" --one "$time"
