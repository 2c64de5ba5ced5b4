#!/usr/bin/env bats
# The simulation of the guarantee, small: that it holds, and that it would notice if it did not.

bats_require_minimum_version 1.5.0

setup() {
    SIM=${BUILD:-build/cc}/bench/verify-guarantee
    LC_ALL=C
    export LC_ALL
    [ -x "$SIM" ] || skip "no $SIM; make check builds it"
}

@test "verify-guarantee: every promise is kept" {
    run -0 --separate-stderr "$SIM" --runs 200 --every 9
    [[ ${lines[-1]} == "worst cell: "*"; 76 cells, none above delta + 3 standard errors" ]]
    for contest in ' 1 ' ' 4 ' rsb global plan 'plan x3'; do
        [[ $output == *"$contest"* ]] # every kind is among them
    done
}

@test "verify-guarantee: an invalid procedure is noticed" {
    run -1 --separate-stderr "$SIM" --runs 200 --every 13 --break
    [[ $output == *BROKEN* ]]
    [[ ${lines[-1]} =~ ^"worst cell: ".*" cells, "[1-9][0-9]*" above delta" ]]
}

@test "verify-guarantee: the table does not depend on the threads" {
    "$SIM" --runs 30 --every 17 -j 1 > "$BATS_TEST_TMPDIR/1"
    "$SIM" --runs 30 --every 17 -j 3 > "$BATS_TEST_TMPDIR/3"
    cmp "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/3"
}

@test "verify-guarantee: wrong usage, and a full disk" {
    run -2 "$SIM" --runs none
    run -2 "$SIM" --runs 0
    run -2 "$SIM" surplus
    run -4 bash -c "'$SIM' --runs 10 --every 200 > /dev/full"
}
