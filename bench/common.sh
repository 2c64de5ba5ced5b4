# shellcheck shell=bash disable=SC2034
# What the benchmarks share; to be sourced, not run.
#
#   BIN      the tools that are measured (default: bin/ of this tree)
#   TR_DATA  the folder of the data sets (default: ../shared/data beside this tree)
#   TR_JOBS  threads of tr-train (default: its own default; results do not depend on it)

set -euo pipefail
export LC_ALL=C

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$bench")
bin=${BIN:-$root/bin}
data=${TR_DATA:-$root/../shared/data}
jobs=(${TR_JOBS:+-j "$TR_JOBS"})
PATH=$(cd "$bin" && pwd):$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fail STATUS WORD...: ends the benchmark with a message.
fail() {
    local status=$1
    shift
    echo "${0##*/}: $*" >&2
    exit "$status"
}

# need FILE...: ends it with status 77 and one line where a data set is absent.
need() {
    local f
    for f; do
        [ -r "$f" ] || fail 77 "skipped: $f is absent"
    done
}

# need_tool COMMAND...: the same for programs.
need_tool() {
    local c
    for c; do
        command -v "$c" > /dev/null || fail 77 "skipped: $c is not installed"
    done
}

# header COMMAND: the lines that every result begins with.
header() {
    local model
    model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
    printf '# date     %s\n' "$(date -u +%F)"
    printf '# machine  %s, %s cores; load at the start %s\n' "${model:-$(uname -m)}" "$(nproc)" \
        "$(cut -d ' ' -f 1 /proc/loadavg)"
    printf '# tools    %s, commit %s\n' "$(tr-route -V | head -n 1)" \
        "$(git -C "$root" describe --always --dirty 2> /dev/null || echo unknown)"
    printf '# command  %s\n' "$*"
}

# range 1-3,7: the numbers, one a line.
range() {
    local part
    for part in ${1//,/ }; do
        seq "${part%-*}" "${part#*-}"
    done
}

# shuffle SEED < LINES: the lines in a random order that the seed alone decides. The keys are a
# generator of full period (Park and Miller), so that no two are the same.
shuffle() {
    awk -v seed="$1" '
        BEGIN { x = (48271 * seed + 1013904223) % 2147483647; for (i = 0; i < 9; i++) next_x() }
        function next_x() { x = (x * 16807) % 2147483647 }
        { next_x(); printf "%d\t%s\n", x, $0 }' | sort -n -k 1,1 | cut -f 2-
}

# Options that several benchmarks have: --minilm (embeddings beside the text, from the .minilm.npy
# beside a set), --no-text (those alone), --zoo NAMES, --gate FEATURES.
minilm=
zoo=lean
training=()
gate=all
# shared_option OPTION VALUE: takes one of them; prints how many words it was, fails for others.
shared_option() {
    case $1 in
    --minilm) minilm=1 ;;
    --no-text) minilm=1 training+=(--no-text) ;;
    --zoo) zoo=${2:?a zoo} taken=2 ;;
    --gate) gate=${2:?features} taken=2 ;;
    *) return 1 ;;
    esac
}

# traces FILE...: the traces of data sets, with their embeddings where --minilm asks for them.
traces() {
    local f
    for f; do
        if [ -n "$minilm" ]; then
            tr-embed -q --npy "${f%.jsonl}.minilm.npy" "$f"
        else
            cat "$f"
        fi
    done
}

# model SEED LOG...: the gated model stream of a log, on stdout.
model() {
    local seed=$1
    shift
    tr-split -q --seed "$seed" "$@" |
        tr-train -q --seed "$seed" --zoo "$zoo" "${training[@]}" "${jobs[@]}" |
        tr-gate -q --features "$gate"
}

# policy SEED ALPHA MODEL POLICY OPTION...: calibrates; prints 0 (certified) or 1 (refused).
policy() {
    local seed=$1 alpha=$2 from=$3 to=$4 status=0
    shift 4
    tr-calibrate -q --seed "$seed" --alpha "$alpha" -o "$to" --replace "$@" "$from" \
        2> "$work/calibrate.err" || status=$?
    if [ "$status" -gt 1 ]; then
        cat "$work/calibrate.err" >&2
        return "$status"
    fi
    echo "$status"
}

# judge POLICY TRAFFIC...: routes it and prints rows, handled rows, those that agree.
judge() {
    local p=$1
    shift
    cat "$@" | tr-route -q "$p" | jq -rn '
        reduce inputs as $d ([0, 0, 0];
            .[0] += 1
            | if $d.decision == "handled" then .[1] += 1 else . end
            | if $d.decision == "handled" and $d.label == $d.teacher then .[2] += 1 else . end)
        | "\(.[0]) \(.[1]) \(.[2])"'
}

# median < NUMBERS: of the first field of each line; the mean of the middle two.
median() {
    sort -g | awk '
        { v[NR] = $1 }
        END {
            if (NR == 0) { print "nan"; exit }
            m = (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2
            printf "%.6g\n", m
        }'
}
