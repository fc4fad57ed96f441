#!/bin/sh
# Runs each fuzz target for the given time, such as 30s. What one finds is
# kept in testdata/fuzz of its package, where every test run meets it again.
set -eu
time=${1:-30s}
export CGO_ENABLED=0
# With short names of packages, only those.
shift || true
targets() {
	git grep -h --untracked '^func Fuzz' -- "$1/*_test.go" ":(glob,exclude)$1/*/**" | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'
}
for pkg in $(git grep -l --untracked '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do
	case " ${*:-$pkg} " in *" $pkg "*) ;; *) continue ;; esac
	for target in $(targets "$pkg"); do
		echo "fuzzing $pkg $target for $time"
		go test "./$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10s >"${TMPDIR:-/tmp}/orch-fuzz.$$" 2>&1 || {
			cat "${TMPDIR:-/tmp}/orch-fuzz.$$"
			exit 1
		}
		rm -f "${TMPDIR:-/tmp}/orch-fuzz.$$"
	done
done
