#!/usr/bin/env bash
# What action.yml runs: orch bake with the inputs of the action, which are in the
# environment. Nothing of them is read as a command.
set -euo pipefail

args=(bake)
# list FLAG TEXT adds FLAG for each line of TEXT; lists by commas only for what has none itself.
list() {
	local flag=$1 text=$2 one
	while IFS= read -r one; do
		one="${one#"${one%%[![:space:]]*}"}"
		one="${one%"${one##*[![:space:]]}"}"
		[ -z "$one" ] || args+=(${flag:+"$flag"} "$one")
	done <<<"$text"
}
commas() { printf '%s' "${1//,/$'\n'}"; }
flag() { [ "$2" != true ] || args+=("$1"); }

[ -z "${INPUT_SHARD:-}" ] || args+=(--shard "$INPUT_SHARD" --plan "$INPUT_PLAN")
list --file "$(commas "${INPUT_FILES:-}")"
list --allow "$(commas "${INPUT_ALLOW:-}")"
list --set "${INPUT_SET:-}"
list --var "${INPUT_VARS:-}"
flag --no-cache "${INPUT_NO_CACHE:-}"
flag --pull "${INPUT_PULL:-}"
flag --load "${INPUT_LOAD:-}"
flag --push "${INPUT_PUSH:-}"
[ -z "${INPUT_CALL:-}" ] || args+=(--call "$INPUT_CALL")
[ -z "${INPUT_PROVENANCE:-}" ] || args+=(--provenance "$INPUT_PROVENANCE")
[ -z "${INPUT_SBOM:-}" ] || args+=(--sbom "$INPUT_SBOM")
[ -z "${INPUT_BUILDER:-}" ] || args+=(--builder "$INPUT_BUILDER")
metadata=
if [ -z "${INPUT_SHARD:-}" ] && [ -z "${INPUT_CALL:-}" ]; then
	metadata=$(mktemp)
	args+=(--metadata-file "$metadata")
fi
[ -z "${INPUT_SOURCE:-}" ] || args+=("$INPUT_SOURCE")
list "" "$(commas "${INPUT_TARGETS:-}")"

status=0
orch "${args[@]}" || status=$?
if [ -s "$metadata" ] && [ -n "${GITHUB_OUTPUT:-}" ]; then
	# The end of the value is a line that cannot be in it.
	end="orch-$RANDOM$RANDOM$RANDOM"
	printf 'metadata<<%s\n%s\n%s\n' "$end" "$(cat "$metadata")" "$end" >>"$GITHUB_OUTPUT"
fi
exit "$status"
