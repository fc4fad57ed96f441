#!/bin/sh
# Unpacks Debian's Docker Engine into bin/engine for the tests, once: nothing is
# installed, so that neither a service nor a docker command of this machine
# changes. scripts/engine.sh new compiles the newer generation beside it, which
# keeps images in containerd's store: some 10 minutes of two cores.
set -eu

dir=bin/engine
mkdir -p bin
if [ ! -x "$dir/usr/sbin/dockerd" ]; then
	command -v dpkg-deb >/dev/null 2>&1 || { echo "engine: the packages of Debian are needed" >&2; exit 1; }
	new=$(mktemp -d bin/engine-XXXXXX)
	trap 'rm -rf "$new"' EXIT
	(cd "$new" && apt-get -q download docker.io containerd tini iptables)
	for package in "$new"/*.deb; do
		dpkg-deb -x "$package" "$new"
		rm "$package"
	done
	rm -rf "$dir"
	mv "$new" "$dir"
fi

if [ "${1:-}" = new ] && [ ! -x "$dir/new/dockerd" ]; then
	echo "engine: compiling Docker Engine 29"
	CGO_ENABLED=0 GOBIN=$PWD/$dir/new nice go install -ldflags "-s -w" github.com/moby/moby/v2/cmd/dockerd@v2.0.0-beta.24
fi
