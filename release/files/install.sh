#!/bin/sh
# Installs orch: fetches the archive of this machine's system, checks its signature
# and sum, and puts the program, its completions and its manual pages in place.
#
#   curl -fsSL .../install.sh | sh
#   sh install.sh --to ~/bin
#
# The release that this file came with is installed, unless --version names another.
set -eu

version='@VERSION@'
releases="${ORCH_RELEASES:-@RELEASES@}"
key='@KEY@'
to=''
unsigned=''

usage() {
	cat <<'END'
usage: install.sh [--to FOLDER] [--version VERSION] [--from ADDRESS] [--unsigned]

  --to FOLDER        where the program goes; default: /usr/local/bin for root, else
                     ~/.local/bin. Completions and manual pages go into ../share
                     where the folder is called bin.
  --version VERSION  another release, such as v0.2.0
  --from ADDRESS     where releases are: https://..., or a folder
  --unsigned         do without the signature; the sum is checked all the same
END
}

fail() {
	echo "install.sh: $*" >&2
	exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# fetch ADDRESS FILE fetches a file, or copies it from a folder.
fetch() {
	case "$1" in
	http://* | https://*)
		if has curl; then
			curl -fsSL --retry 3 -o "$2" "$1" || fail "cannot fetch $1"
		elif has wget; then
			wget -q -O "$2" "$1" || fail "cannot fetch $1"
		else
			fail "curl or wget is needed to fetch $1"
		fi
		;;
	*) cp "${1#file://}" "$2" || fail "cannot read $1" ;;
	esac
}

# system prints the operating system and the architecture by the names of archives.
system() {
	case "$(uname -s)" in
	Linux) os=linux ;;
	Darwin) os=darwin ;;
	*) fail "no program for $(uname -s); on Windows, unpack the zip archive of $releases" ;;
	esac
	case "$(uname -m)" in
	x86_64 | amd64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) fail "no program for $(uname -m)" ;;
	esac
	echo "${os}_$arch"
}

# verify FOLDER checks the signature of the sums in it.
verify() {
	if [ -z "$key" ]; then
		echo "install.sh: this release is not signed; only sums are checked" >&2
		return
	fi
	has openssl || fail "openssl is needed to check the signature; install it, or say --unsigned"
	printf '%s\n' "$key" >"$1/orch.pub"
	openssl base64 -d -A <"$1/SHA256SUMS.sig" >"$1/signature" 2>/dev/null &&
		openssl dgst -sha256 -verify "$1/orch.pub" -signature "$1/signature" "$1/SHA256SUMS" >/dev/null 2>&1 ||
		fail "the signature of the release is wrong: nothing was installed"
}

sum() {
	if has sha256sum; then
		sha256sum "$1"
	elif has shasum; then
		shasum -a 256 "$1"
	else
		openssl dgst -sha256 -r "$1"
	fi | cut -d ' ' -f 1
}

# place FOLDER puts what was unpacked there where it is used from. The program is
# put in its place in one step, so that one that runs goes on.
place() {
	mkdir -p "$to" || fail "cannot make $to; name another folder with --to"
	cp "$1/orch" "$to/.orch.new" 2>/dev/null || fail "cannot write to $to; name another folder with --to, or be root"
	chmod 755 "$to/.orch.new"
	mv -f "$to/.orch.new" "$to/orch"
	[ "$(basename "$to")" = bin ] || return 0
	share=$(dirname "$to")/share
	mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d" "$share/man/man1" &&
		cp "$1/completions/bash/orch" "$share/bash-completion/completions/" &&
		cp "$1/completions/zsh/_orch" "$share/zsh/site-functions/" &&
		cp "$1/completions/fish/orch.fish" "$share/fish/vendor_completions.d/" &&
		cp "$1"/man/man1/* "$share/man/man1/" ||
		echo "install.sh: no completions and manual pages: cannot write to $share" >&2
}

# absolute prints a folder's name from the root, whether it is there or not.
absolute() {
	case "$1" in
	/*) printf '%s\n' "$1" ;;
	*) printf '%s\n' "$PWD/$1" ;;
	esac
}

main() {
	while [ $# -gt 0 ]; do
		case "$1" in
		--to | --version | --from)
			[ $# -ge 2 ] || fail "$1 takes a value"
			case "$1" in
			--to) to=$2 ;;
			--version) version=$2 ;;
			--from) releases=$2 ;;
			esac
			shift
			;;
		--unsigned) unsigned=yes ;;
		-h | --help)
			usage
			exit 0
			;;
		*)
			usage >&2
			fail "unknown: $1"
			;;
		esac
		shift
	done
	if [ -z "$to" ]; then
		to=/usr/local/bin
		[ "$(id -u)" = 0 ] || to=$HOME/.local/bin
	fi
	to=$(absolute "${to%/}")
	archive=orch_${version#v}_$(system).tar.gz
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	fetch "$releases/$version/SHA256SUMS" "$work/SHA256SUMS"
	if [ -z "$unsigned" ]; then
		[ -z "$key" ] || fetch "$releases/$version/SHA256SUMS.sig" "$work/SHA256SUMS.sig"
		verify "$work"
	fi
	fetch "$releases/$version/$archive" "$work/$archive"
	want=$(grep "  $archive\$" "$work/SHA256SUMS" | cut -d ' ' -f 1)
	[ -n "$want" ] || fail "the release has no sum for $archive"
	[ "$(sum "$work/$archive")" = "$want" ] || fail "the sum of $archive is wrong: nothing was installed"
	mkdir "$work/unpacked"
	tar -xzf "$work/$archive" -C "$work/unpacked"
	place "$work/unpacked"
	echo "orch $version is in $to"
	case ":$PATH:" in
	*":$to:"*) ;;
	*) echo "$to is not in PATH; add it: export PATH=\"$to:\$PATH\"" ;;
	esac
}

# All of the file has been read when this line is.
main "$@"
