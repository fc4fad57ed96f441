#!/bin/sh
# Runs each fuzz target for the given time, such as 30s. What one finds is
# kept in testdata/fuzz of its package, where every test run meets it again.
set -eu
time=${1:-30s}
export CGO_ENABLED=0
for pkg in ./schema ./config ./planner ./runner/buildkit ./internal/termtext ./convert; do
	for target in $(go test "$pkg" -list '^Fuzz' | grep '^Fuzz'); do
		echo "fuzzing $pkg $target for $time"
		go test "$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10s >"${TMPDIR:-/tmp}/orch-fuzz.$$" 2>&1 || {
			cat "${TMPDIR:-/tmp}/orch-fuzz.$$"
			exit 1
		}
		rm -f "${TMPDIR:-/tmp}/orch-fuzz.$$"
	done
done
