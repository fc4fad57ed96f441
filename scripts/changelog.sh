#!/bin/sh
# Cuts a version: what is in changelog/unreleased becomes its section of CHANGELOG.md,
# and the sources get its number.
#
#   scripts/changelog.sh v0.3.0 [2027-01-31]
set -eu

version=${1:-}
day=${2:-$(date -u +%F)}
case "$version" in
v[0-9]*.[0-9]*.[0-9]*) ;;
*)
	echo "usage: scripts/changelog.sh VERSION [DAY], such as v0.3.0" >&2
	exit 2
	;;
esac
cd "$(dirname "$0")/.."
! grep -q "^## $version " CHANGELOG.md || { echo "changelog: $version is there already" >&2; exit 1; }
ls changelog/unreleased/*.md >/dev/null 2>&1 || { echo "changelog: nothing is unreleased" >&2; exit 1; }

new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
	printf '# Changes\n\n## %s (%s)\n\n' "$version" "$day"
	# Each file is one item, or a list of items already.
	for f in changelog/unreleased/*.md; do
		sed -e '/^[-A-Za-z`"]/!s/^  *//' -e '1!s/^/  /' -e '1{/^- /!s/^/- /}' -e 's/^  - /- /' -e 's/^ *$//' "$f"
	done
	tail -n +2 CHANGELOG.md
} >"$new"
cat "$new" >CHANGELOG.md
rm changelog/unreleased/*.md
sed -i "s/^const Number = .*/const Number = \"$version\"/; s/^const Date = .*/const Date = \"$day\"/" cmd/orch/internal/version/version.go
sed -i "/^variable \"VERSION\"/,/^}/s/default     = .*/default     = \"$version\"/" build.hcl
echo "changelog: $version is cut; commit it, and tag it where it is released"
