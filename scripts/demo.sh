#!/bin/sh
# Builds examples/buildme with the embedded builder, shows the plan and the
# images, and runs the two binaries out of the images.
set -eu
orch=$(pwd)/bin/orch
cd examples/buildme

step() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || step() { printf '\n$ %s\n' "$*"; }

step orch plan client server
"$orch" plan client server
step orch bake client server
"$orch" bake client server
step ls -l out
ls -l out

for name in client server; do
	dir=$(mktemp -d)
	mkdir "$dir/image"
	tar -xf "out/$name.tar" -C "$dir/image"
	# Every layer of the image, whichever way it is packed.
	for blob in "$dir"/image/blobs/sha256/*; do
		tar -xf "$blob" -C "$dir" "bin/$name" 2>/dev/null || true
	done
	if [ "$name" = client ]; then step "out of the image: /bin/client"; "$dir/bin/client"
	else step "out of the image: /bin/server -once"; "$dir/bin/server" -once; fi
	rm -rf "$dir"
done

if command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
	step orch bake --load client server
	"$orch" bake --load client server
	step docker run --rm buildme/client
	docker run --rm buildme/client
fi
