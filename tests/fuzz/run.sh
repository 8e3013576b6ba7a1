#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes each target for so many seconds, from its corpus, one on each processor, and fails on what
# it finds:
#
#   run.sh SECONDS [TARGET…]
#
# Builds in build/fuzz, or in PWH_FUZZ_BUILD. What fails is kept in artifacts/ there; new inputs of
# interest are dropped, or kept in a folder of the target's name in PWH_FUZZ_KEEP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seconds=${1:?usage: run.sh SECONDS [TARGET…]}
shift
[[ $# -gt 0 ]] || set -- request challenge lines properties
build=${PWH_FUZZ_BUILD:-$here/../../build/fuzz}
# Lengths at which every limit of the targets can be met.
declare -A longest=([request]=2048 [challenge]=1024 [lines]=4096 [properties]=2048)

cmake -S "$here/../.." --preset fuzz -B "$build" >/dev/null
cmake --build "$build" --target pwh_fuzz
mkdir -p "$build/artifacts"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fuzz() {
    local target=$1 found=${PWH_FUZZ_KEEP:-$work}/$1 log=$build/$1.log
    mkdir -p "$found"
    local status=0
    "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len="${longest[$target]}" -dict="$here/$target.dict" -artifact_prefix="$build/artifacts/$target-" \
        -print_final_stats=1 -verbosity=1 "$found" "$here/corpus/$target" >"$log" 2>&1 || status=$?
    local runs last
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    last=$(grep -E '^#[0-9]+.*cov:' "$log" | tail -1)
    printf '%-10s  %11s runs  cov %5s  features %6s  corpus %s\n' "$target" "${runs:-?}" \
        "$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' <<<"$last")" "$(sed -n 's/.*ft: \([0-9]*\).*/\1/p' <<<"$last")" \
        "$(sed -n 's/.*corp: \([^ ]*\).*/\1/p' <<<"$last")"
    [[ $status -eq 0 ]] && return
    printf '%s failed:\n' "$target" >&2
    tail -40 "$log" >&2
    return 1
}

failed=0 running=0
for target; do
    if [[ $running -eq $(nproc) ]]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
while [[ $running -gt 0 ]]; do
    wait -n || failed=1
    running=$((running - 1))
done
[[ $failed -eq 0 ]] || printf 'the inputs are in %s\n' "$build/artifacts" >&2
exit $failed
