#!/usr/bin/env bats
# The house: lint notices what it is there for; the list of packages.

load helper

setup() { common; }

# house: the sources in $T/house, without what was built.
house() {
    mkdir "$T/house"
    cd "$ROOT"
    cp -r lib src man scripts samples tests fuzz bench Makefile README.md LICENSE "$T/house"
    cd "$T/house"
}

# finds PART TEXT: the part finds exactly one thing more, and it says TEXT.
finds() {
    run scripts/lint "$1"
    echo "$output"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[0]} == *"$2"* ]]
}

@test "lint: rooms of higher floors, later in the line, or of no list are not included" {
    house
    scripts/lint includes
    echo '#include "doors/io.h"' >> lib/ground/num.c
    finds includes 'ground/num may not include doors/io'
    cp "$ROOT/lib/ground/num.c" lib/ground/
    echo '#include "traces/split.h"' >> lib/traces/trace.h
    finds includes 'lib/traces/trace.h:'
    cp "$ROOT/lib/traces/trace.h" lib/traces/
    echo '#include "ground/nothing.h"' >> lib/traces/trace.c
    finds includes 'is not in the list'
    cp "$ROOT/lib/traces/trace.c" lib/traces/
    echo '#include "trace.h"' >> lib/traces/trace.c
    finds includes 'is no room'
}

@test "lint: every room is listed, every listed room is there" {
    house
    scripts/lint rooms
    touch lib/maths/stray.c
    finds rooms 'lib/maths/stray.c:1: is in no list'
    rm lib/maths/stray.c
    rm lib/traces/split.h
    finds rooms 'not lib/traces/split.h'
}

@test "lint: lib/ prints nothing, ends nothing, and reads no number but in its room" {
    house
    scripts/lint calls
    echo 'void f(void) { /* printf("") */ puts("exit(1)"); }' >> lib/ground/num.c
    finds calls 'puts(): lib/ prints nothing'
    echo 'double f(void) { return strtod("1", 0); }' > lib/ground/num.c
    scripts/lint calls
    mv lib/ground/num.c lib/ground/mem.c
    finds calls 'strtod(): numbers are read by ground/num'
    echo 'void f(void) { abort(); }' > lib/ground/mem.c
    finds calls 'abort(): lib/ ends nothing'
    rm lib/ground/mem.c
    echo 'void f(void) { exit(1); }' >> src/tr-show.c
    finds calls 'exit(): only src/cli.c'
}

@test "lint: the libraries have one door each" {
    house
    scripts/lint libraries
    echo '#include <cjson/cJSON.h>' >> lib/doors/scan.c
    finds libraries 'belongs to lib/doors/json.c'
    cp "$ROOT/lib/doors/scan.c" lib/doors/
    echo '#include <utf8proc.h>' >> src/tr-show.c
    finds libraries 'belongs to lib/features/words.c'
}

@test "lint: pages and blanks" {
    command -v mandoc || skip 'no mandoc'
    house
    scripts/lint pages
    sed -i 's/^\.Sh SEE ALSO/.Nothing/' man/tr-show.1
    run scripts/lint pages
    [ "$status" -eq 1 ]
    [[ $output == *man/tr-show.1* ]]
    before=$(scripts/lint lines | wc -l) || true
    printf 'int x; \n' >> src/tr-show.c
    [ "$(scripts/lint lines | wc -l)" -gt "$before" ] || false
}

@test "deps: one list, nothing to say when nothing is missing" {
    run "$ROOT/scripts/deps" --list
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -ge 10 ]
    [ "$(printf '%s\n' "${lines[@]}" | sort | uniq -d | wc -l)" -eq 0 ]
    run "$ROOT/scripts/deps" --nothing
    [ "$status" -eq 2 ]
}
