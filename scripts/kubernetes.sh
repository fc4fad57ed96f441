#!/bin/sh
# Compiles a kube-apiserver into bin/kubernetes, and the kubelet of scripts/kubernetes,
# and unpacks Debian's etcd beside them, once: some 10 minutes of two cores. Nothing
# is installed.
set -eu

dir=$PWD/bin/kubernetes
mkdir -p "$dir"
if [ ! -x "$dir/etcd" ]; then
	command -v dpkg-deb >/dev/null 2>&1 || { echo "kubernetes: the packages of Debian are needed" >&2; exit 1; }
	new=$(mktemp -d "$dir/etcd-XXXXXX")
	trap 'rm -rf "$new"' EXIT
	(cd "$new" && apt-get -q download etcd-server && dpkg-deb -x ./*.deb .)
	mv "$new/usr/bin/etcd" "$dir/etcd"
fi
export CGO_ENABLED=0
# Kubernetes is in a module of its own: orch depends on nothing of it.
source=$PWD/scripts/kubernetes
mkdir -p "$dir/module"
cp "$source/main.go" "$dir/module"
cp "$source/kubernetes.mod" "$dir/module/go.mod"
cp "$source/kubernetes.sum" "$dir/module/go.sum"
cd "$dir/module"
nice go build -tags kubernetes -o "$dir/kubelet" .
if [ ! -x "$dir/kube-apiserver" ]; then
	echo "kubernetes: compiling kube-apiserver"
	nice go build -ldflags "-s -w" -o "$dir/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver
fi
