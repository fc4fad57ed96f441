#!/bin/sh
# Makes a release twice, with two builders that share nothing, and compares the files bit
# by bit. All that is compiled is compiled twice: an hour for all platforms on two
# processors. An argument names fewer, such as linux/amd64,darwin/arm64. SIGNING_KEY
# signs both.
set -eu

dist=dist/twice
rm -rf "$dist"
mkdir -p "$dist"
state=$(mktemp -d)
trap 'ORCH_STATE_DIR=$state/$n bin/orch builder stop >/dev/null 2>&1 || true; rm -rf "$state"' EXIT
trap 'exit 130' INT TERM
for n in 1 2; do
	begun=$(date +%s)
	ORCH_STATE_DIR=$state/$n bin/orch bake release --builder embedded --progress plain \
		--set release.output=type=local,dest="$dist/$n" \
		${1:+--var "SYSTEMS=$1"} ${SIGNING_KEY:+--var "SIGNING_KEY=$SIGNING_KEY"} >"$dist/$n.log" 2>&1 || {
		tail -n 40 "$dist/$n.log" >&2
		exit 1
	}
	ORCH_STATE_DIR=$state/$n bin/orch builder stop
	echo "release-twice: $n made in $(($(date +%s) - begun)) s"
done
diff -r "$dist/1" "$dist/2"
(cd "$dist/2" && sha256sum --check --quiet SHA256SUMS)
echo "release-twice: $(ls "$dist/1" | wc -l) files are the same, bit by bit"
