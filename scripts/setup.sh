#!/bin/sh
# Installs what the demo and the tests need and the machine lacks, by the
# system's own package manager: runc (the embedded builder runs steps in it),
# uidmap (the builder of an ordinary user), a static busybox (what the tests
# build images from, since they pull none), Chromium (which shows the page of a
# plan), Neovim (which tries the language server), and git-lfs (whose files
# orch affected compares). It also compiles the
# BuildKit daemon of an older release, into bin/. On CI also what a machine that
# somebody works on should not get unasked: an ssh server, npm (which packs the
# extension of VS Code), zsh and fish (whose completions are tried), rpm and ruby
# (which read the package and the formula of a release), and jq (which examples of
# commands use). Tests that miss one of
# these are skipped, and fail on CI. With "race", the C compiler that Go's race
# detector needs.
set -eu

[ "$(uname -s)" = Linux ] || { echo "setup: nothing to install outside Linux"; exit 0; }

if [ "${1:-}" = tests ]; then
	scripts/daemon.sh v0.33.0 ||
		echo "setup: no older BuildKit daemon; its test is skipped, and fails where CI is set" >&2
fi

if [ "${1:-}" = tests ]; then
	mkdir -p bin
	scripts/engine.sh ||
		echo "setup: no Docker Engine; its tests are skipped, and fail where CI is set" >&2
fi

missing=""
command -v runc >/dev/null 2>&1 || missing="$missing runc"
if [ "${1:-}" = tests ]; then
	command -v newuidmap >/dev/null 2>&1 || missing="$missing uidmap"
	[ -x /bin/busybox ] || [ -x /usr/bin/busybox ] || missing="$missing busybox"
	command -v chromium-headless-shell >/dev/null 2>&1 || command -v chromium >/dev/null 2>&1 ||
		command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
		missing="$missing chromium"
	command -v nvim >/dev/null 2>&1 || missing="$missing neovim"
	command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
	command -v tmux >/dev/null 2>&1 || missing="$missing tmux"
	command -v strace >/dev/null 2>&1 || missing="$missing strace"
	command -v git-lfs >/dev/null 2>&1 || missing="$missing git-lfs"
	for program in npm zsh fish rpm ruby jq; do
		[ -z "${CI:-}" ] || command -v $program >/dev/null 2>&1 || missing="$missing $program"
	done
	[ -z "${CI:-}" ] || [ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
fi
if [ "${1:-}" = race ]; then
	missing=""
	command -v "${CC:-gcc}" >/dev/null 2>&1 || missing=" gcc libc"
fi
[ -n "$missing" ] || exit 0

sudo=""
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "setup: as root, install:$missing" >&2; exit 1; }
	sudo=sudo
fi

# The packages' names, where they differ from system to system.
pick() {
	for name in $missing; do
		case "$name" in
		uidmap) echo "$1" ;;
		busybox) echo "$2" ;;
		libc) echo "$3" ;;
		openssh-server) echo "$4" ;;
		chromium) echo "${5:-chromium}" ;;
		*) echo "$name" ;;
		esac
	done
}

# without leaves out a package that the system does not have.
without() {
	missing=$(printf '%s' "$missing" | sed "s/ $1//")
	echo "setup: no package $1 here; its tests are skipped, and fail where CI is set"
}

echo "setup: installing$missing"
if command -v apt-get >/dev/null 2>&1; then
	$sudo apt-get update -q
	apt-cache show neovim >/dev/null 2>&1 || without neovim
	for program in zsh fish rpm ruby jq; do
		apt-cache show $program >/dev/null 2>&1 || without $program
	done
	apt-cache show npm >/dev/null 2>&1 || without npm
	# Debian has one without a window, which needs a third of the processor time.
	chromium=chromium-headless-shell
	apt-cache show $chromium >/dev/null 2>&1 || chromium=chromium
	apt-cache show $chromium >/dev/null 2>&1 || without chromium
	apt-cache show git-lfs >/dev/null 2>&1 || without git-lfs
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(pick uidmap busybox-static libc6-dev "openssh-server openssh-client" $chromium)
elif command -v dnf >/dev/null 2>&1; then
	$sudo dnf install -y $(pick shadow-utils busybox glibc-devel "openssh-server openssh-clients")
elif command -v apk >/dev/null 2>&1; then
	$sudo apk add $(pick "shadow-uidmap shadow" busybox-static musl-dev openssh)
elif command -v pacman >/dev/null 2>&1; then
	$sudo pacman -S --noconfirm $(pick shadow busybox glibc openssh)
else
	echo "setup: no known package manager; install:$missing" >&2
	exit 1
fi
