#!/usr/bin/env bats
# The simulation of the drift monitor, small: that it rarely alarms falsely, and that it would be
# noticed if it did.

load helper

setup() {
    common
    SIM=$BUILD/bench/drift
    [ -x "$SIM" ] || skip "no $SIM; make check builds it"
}

@test "drift: few false alarms, and the delays that are expected" {
    expect 0 "$SIM" --streams 300 --labels 3000 --runs 100
    [[ ${lines[-1]} == "false alarms within delta; delays as expected" ]]
}

@test "drift: an agreement below the promise is noticed" {
    expect 1 "$SIM" --streams 300 --labels 3000 --runs 100 --agreement 0.9
}

@test "drift: the tables do not depend on the threads" {
    "$SIM" --streams 50 --labels 1000 --runs 50 -j 1 > "$T/1" || [ $? -eq 1 ]
    "$SIM" --streams 50 --labels 1000 --runs 50 -j 3 > "$T/3" || [ $? -eq 1 ]
    cmp "$T/1" "$T/3"
}

@test "drift: wrong usage, and a full disk" {
    expect 2 "$SIM" --streams none
    expect 4 bash -c "'$SIM' --streams 10 --labels 100 --runs 10 > /dev/full"
}
