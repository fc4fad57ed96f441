#!/bin/sh
# Runs each fuzz target for the given time, such as 30s, as many targets at once
# as the machine has processors. What one finds is kept in testdata/fuzz of its
# package, where every test run meets it again.
#
#	scripts/fuzz.sh TIME [PACKAGE...]    as in: scripts/fuzz.sh 30s planner/shard
#	go test -exec 'scripts/fuzz.sh --beside'
#
# The second form runs the tests, and after those of a package each of its fuzz
# targets for a second, in the program that was linked for the tests. That is without
# the compiler's help in finding new paths: for it, everything that orch links has to
# be compiled once more.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)

# each runs the fuzz targets of the package in this folder for a time.
each() {
	program=$1 time=$2
	pkg=$(pwd -P)
	pkg=${pkg#"$root/"}
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	seen=$(go env GOCACHE)/fuzz/$(sed -n 's/^module //p' "$root/go.mod")/$pkg
	for target in $("$program" -test.list '^Fuzz'); do
		echo "fuzzing $pkg $target for $time"
		"$program" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime 10s \
			-test.fuzzcachedir "$seen" -test.parallel 1 >"$dir/log" 2>&1 || {
			# On a busy machine Go takes the end of the time for a failure, if an input is
			# being tried just then.
			grep -q '^ *context deadline exceeded$' "$dir/log" &&
				! grep -qE 'Failing input|panic:|failure while' "$dir/log" && continue
			cat "$dir/log"
			exit 1
		}
	done
}

case "${1:-}" in
--beside)
	shift
	grep -qs '^func Fuzz' ./*_test.go || exec "$@"
	"$@"
	each "$1" 1s
	;;
--one)
	program=$(mktemp)
	trap 'rm -f "$program"' EXIT
	(cd "$root" && CGO_ENABLED=0 go test "./$3" -c -vet=off -ldflags '-s -w' -fuzz=Fuzz -o "$program")
	cd "$root/$3"
	(each "$program" "$2")
	;;
*)
	time=${1:-30s}
	[ $# -eq 0 ] || shift
	cd "$root"
	[ $# -gt 0 ] || set -- $(git grep -l --untracked '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u)
	printf '%s\n' "$@" | xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 "$root/scripts/fuzz.sh" --one "$time"
	;;
esac
