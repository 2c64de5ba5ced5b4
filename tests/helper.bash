# What the tests of the tools share. Each file says `load helper`, `setup_file() { fixtures; }` and
# `setup() { common; }`. Run from the root of the repository, with BIN (default bin).

bats_require_minimum_version 1.5.0

common() {
    ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    BIN=${BIN:-bin}
    case $BIN in /*) ;; *) BIN=$ROOT/$BIN ;; esac
    BUILD=${BUILD:-build/cc}
    case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
    PATH=$BIN:$PATH
    LC_ALL=C
    export ROOT BIN BUILD PATH LC_ALL
    F=${TR_FIXTURES:-$BATS_RUN_TMPDIR/fixtures}
    T=${BATS_TEST_TMPDIR:-$BATS_RUN_TMPDIR}
    GOLDEN=$ROOT/tests/golden
    set -o pipefail
}

# Built once a run, whichever file is the first to ask:
#   log split model.trm gated.trm policy.trp   600 support traces, one member, α .8
#   requests                                   200 support requests
#   refused.trp                                a policy that defers everything
#   tiny.log tiny.split tiny.trm tiny.trp      60 traces of two labels, a file of some kB
#   e.log e.split e.trm e.trp e.requests       the log and the requests with embeddings, the default
#                                              members, a cascade (rsb), α .75
fixtures() {
    common
    mkdir -p "$F"
    exec 9> "$F/lock"
    flock 9
    if [ ! -e "$F/done" ]; then build_fixtures; fi
    exec 9>&-
}

build_fixtures() {
    head -600 "$ROOT/samples/support.jsonl" > "$F/log"
    head -200 "$ROOT/samples/requests.jsonl" > "$F/requests"
    tr-split -q "$F/log" > "$F/split"
    tr-train -q --zoo svm "$F/split" > "$F/model.trm"
    tr-gate -q "$F/model.trm" > "$F/gated.trm"
    tr-calibrate -q --alpha .8 -o "$F/policy.trp" "$F/gated.trm"
    tr-calibrate -q --alpha .995 -o "$F/refused.trp" "$F/gated.trm" 2> /dev/null || [ $? -eq 1 ]
    tiny_log 60 > "$F/tiny.log"
    tr-split -q "$F/tiny.log" > "$F/tiny.split"
    tr-train -q --zoo svm "$F/tiny.split" | tr-gate -q > "$F/tiny.trm"
    tr-calibrate -q --alpha .8 -o "$F/tiny.trp" "$F/tiny.trm"
    embedded < "$F/log" > "$F/e.log"
    embedded < "$F/requests" > "$F/e.requests"
    tr-split -q "$F/e.log" > "$F/e.split"
    tr-train -q "$F/e.split" | tr-gate -q > "$F/e.trm"
    tr-calibrate -q --alpha .75 --family rsb -o "$F/e.trp" "$F/e.trm"
    touch "$F/done"
}

# tiny_log N [MORE]: N traces that any model gets right; MORE goes into each of them.
tiny_log() {
    awk -v n="$1" -v more="${2-}" 'BEGIN { split("red blue", colour); split("abcdefg", c, "")
        for (i = 1; i <= n; i++) printf "{\"id\":\"%d\",\"input\":\"%s %s\",\"teacher\":\"%s\"%s}\n",
            i, colour[i % 2 + 1], c[i % 7 + 1], colour[i % 2 + 1], more }'
}

# embedded: the traces of standard input with 12 numbers beside each, sums over its words of what a
# hash of the word says; all of them are exact as float32.
embedded() {
    jq -c 'def number($h; $k): (($h * (2 * $k + 3) + $k * 40503) % 65521 * ($k + 17) % 127 - 63) / 64;
        [.input | ascii_downcase | splits("[^a-z]+") | select(. != "") | explode |
            reduce .[] as $c (7; (. * 31 + $c) % 65521)] as $words |
        . + {embedding: [range(12) as $k | reduce $words[] as $h (1 / 64; . + number($h; $k))]}'
}

# as_base64: the same lines, their embeddings as base64 of little-endian float32.
as_base64() {
    perl -MMIME::Base64 -pe \
        's/"embedding":\[([^]]*)\]/q("embedding":") . encode_base64(pack("f<*", split(",", $1)), "") . q(")/e'
}

# fit ARGS...: a log on standard input to a policy on standard output, without words.
fit() { tr-split -q | tr-train -q --zoo svm | tr-gate -q | tr-calibrate -q "$@"; }

# decide LINE [ARGS...]: the decision of one request by the tiny policy.
decide() { printf '%s\n' "$1" | tr-route "$F/tiny.trp" "${@:2}" 2> /dev/null || [ $? -eq 3 ]; }

# expect STATUS COMMAND...: runs it. What the last one said is shown where a test fails.
expect() {
    run --separate-stderr "${@:2}"
    printf '%s\n' "ran: ${*:2}" "status $status, wanted $1" "$stderr" | head -c 4000 > "$T/last"
    [ "$status" -eq "$1" ]
}

teardown() {
    [ -n "${BATS_TEST_COMPLETED-}" ] || [ ! -e "$T/last" ] || cat "$T/last"
}

# The sanitizers need memory and time of their own.
sanitized() { [[ $(nm -D "$BIN/tr-route" 2> /dev/null) == *__asan_init* ]]; }

# deep N: a list in lists, N deep.
deep() { printf '[%.0s' $(seq "$1"); printf ']%.0s' $(seq "$1"); }
