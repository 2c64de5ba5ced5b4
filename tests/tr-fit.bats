#!/usr/bin/env bats
# tr-fit: the whole pipe in one word; options go to the tool that has them; one complaint a failure.

bats_require_minimum_version 1.5.0

setup() {
    BIN=${BIN:-bin}
    case $BIN in /*) ;; *) BIN=$PWD/$BIN ;; esac
    PATH=$BIN:$PATH
    LC_ALL=C
    export PATH LC_ALL
    T=$BATS_TEST_TMPDIR
    LOG=$PWD/samples/support.jsonl
    set -o pipefail
}

@test "the same bytes as the pipe" {
    tr-fit "$LOG" --alpha .92 -qo "$T/fit.trp"
    tr-split -q "$LOG" | tr-train -q | tr-gate -q | tr-calibrate -q --alpha .92 -o "$T/pipe.trp"
    cmp "$T/fit.trp" "$T/pipe.trp"
    # from standard input, to standard output, options first, short and joined
    tr-fit -qa.92 - < "$LOG" | cmp - "$T/pipe.trp"
    tr-fit -q -a .92 -j1 < "$LOG" | cmp - "$T/pipe.trp"
    [ "$(ls "$T")" = 'fit.trp
pipe.trp' ]
}

@test "each option reaches its tool" {
    jq -c '{q: .input, l: .teacher, g: .id}' "$LOG" > "$T/log"
    jq -r .l "$T/log" | sort -u | grep -v praise > "$T/labels"
    tr-fit -q "$T/log" --alpha .8 --delta .1 --guarantee overall --family l2d --novelty .02 \
        --defer-label order_status --min-coverage .1 --zoo svm --folds 3 --features tracer \
        --calibration .3 --group g --labels "$T/labels" --input-key q --label-key=l --seed 7 \
        --output="$T/fit.trp"
    tr-split -q "$T/log" --calibration .3 --group g --labels "$T/labels" --input-key q \
        --label-key l --seed 7 | tr-train -q --zoo svm --folds 3 --seed 7 |
        tr-gate -q --features tracer |
        tr-calibrate -q --alpha .8 --delta .1 --guarantee overall --family l2d --novelty .02 \
            --defer-label order_status --min-coverage .1 --seed 7 -o "$T/pipe.trp"
    cmp "$T/fit.trp" "$T/pipe.trp"
    run --separate-stderr tr-fit -q "$T/log" --alpha .8 --labels "$T/labels" --strict \
        --input-key q --label-key l -o "$T/x"
    [ "$status" -eq 3 ]
}

@test "embeddings: with the text, without it, without them; a cascade" {
    head -600 "$LOG" |
        jq -c '(.teacher | explode | add) as $h | .embedding = [range(8) | $h * (. + 3) % 17 / 16]' > "$T/log"
    for args in '' --no-text --no-embedding; do
        tr-fit -q "$T/log" $args --zoo svm,knn --alpha .6 --family rsb -o "$T/fit.trp"
        tr-split -q "$T/log" | tr-train -q $args --zoo svm,knn | tr-gate -q |
            tr-calibrate -q --alpha .6 --family rsb -o "$T/pipe.trp"
        cmp "$T/fit.trp" "$T/pipe.trp"
        tr-show "$T/fit.trp" | jq -c '[.certificate.family, .features.text > 0, .features.embedding]'
    done > "$T/said"
    [ "$(cat "$T/said")" = $'["rsb",true,8]\n["rsb",false,8]\n["rsb",true,0]' ]
    run --separate-stderr tr-fit -q "$T/log" --no-text --no-embedding --alpha .6 -o "$T/p"
    [ "$status" -eq 2 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "a refusal exits 1 and leaves an old policy unless --replace" {
    echo old > "$T/p"
    run --separate-stderr tr-fit -q "$LOG" --alpha .999 -o "$T/p"
    [ "$status" -eq 1 ]
    [[ $stderr == 'tr-calibrate: refused: '* ]]
    [ "$(cat "$T/p")" = old ]
    run tr-fit -q "$LOG" --alpha .999 --replace -o "$T/p"
    [ "$status" -eq 1 ]
    [ "$(tr-show "$T/p" | jq -r .kind)" = policy ]
}

@test "bad data: 3 and the one line that says where, whatever the order of events" {
    { head -1000 "$LOG"; echo '{"input":"x","teacher":null}'; } > "$T/bad"
    for _ in 1 2 3 4 5; do
        run --separate-stderr tr-fit -q "$T/bad" --alpha .9 -o "$T/p"
        [ "$status" -eq 3 ]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr == "tr-split: $T/bad:1001: "* ]]
    done
    run --separate-stderr tr-fit -q --alpha .9 -o "$T/p" < /dev/null
    [ "$status" -eq 3 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    run --separate-stderr tr-fit -q "$T/none" --alpha .9 -o "$T/p"
    [ "$status" -eq 4 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    # one label: tr-train is the first to complain
    sed 's/"teacher":"[^"]*"/"teacher":"a"/' "$LOG" > "$T/one"
    run --separate-stderr tr-fit -q "$T/one" --alpha .9 -o "$T/p"
    [ "$status" -eq 3 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == 'tr-train: '* ]]
    [ ! -e "$T/p" ]
}

@test "wrong usage: 2, one line, before anything is read" {
    wrong() {
        run --separate-stderr tr-fit "$@" < /dev/null
        echo "$*: $status $stderr"
        [ "$status" -eq 2 ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    }
    wrong
    wrong -o "$T/p"
    wrong --alpha
    wrong --alpha x
    wrong --alpha 1
    wrong --alpha .9 --family rsbx
    wrong --alpha .9 --no-text=yes
    wrong --alpha .9 --zoo nothing
    wrong --alpha .9 --features nothing
    wrong --alpha .9 --folds 1
    wrong --alpha .9 -j 0
    wrong --alpha .9 --strict
    wrong --alpha .9 --calibration 2
    wrong --alpha .9 --quiet=yes
    wrong --alpha .9 --nothing=3
    wrong --alpha .9 -x
}

@test "what cannot be written: 4" {
    run --separate-stderr bash -c "tr-fit -q --alpha .92 '$LOG' > /dev/full"
    [ "$status" -eq 4 ]
    run --separate-stderr tr-fit -q --alpha .92 "$LOG" -o "$T/no/such/place"
    [ "$status" -eq 4 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "a reader that goes away ends it quietly" {
    mkfifo "$T/pipe"
    : < "$T/pipe" &
    run --separate-stderr bash -c "tr-fit -q --alpha .92 '$LOG' > '$T/pipe'"
    [ "$status" -eq 141 ]
    [ -z "$stderr" ]
}

@test "no temporary file stays" {
    mkdir "$T/tmp"
    TMPDIR=$T/tmp tr-fit -q --alpha .92 "$LOG" -o "$T/p"
    TMPDIR=$T/tmp run tr-fit -q --alpha .92 "$T/none" -o "$T/p"
    [ -z "$(ls -A "$T/tmp")" ]
}

@test "works from anywhere, also by a link, and without its sisters says so" {
    mkdir "$T/elsewhere"
    ln -s "$BIN/tr-fit" "$T/elsewhere/fit"
    cd /
    "$T/elsewhere/fit" -q --alpha .92 "$LOG" -o "$T/p"
    [ -s "$T/p" ]
    cp "$BIN/tr-fit" "$T/elsewhere/tr-fit"
    run --separate-stderr "$T/elsewhere/tr-fit" --alpha .92 "$LOG" -o "$T/p"
    [ "$status" -eq 4 ]
    [[ $stderr == *tr-split* ]]
}

@test "help and version" {
    run tr-fit -h
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == 'usage: tr-fit TRACES --alpha A -o POLICY'* ]]
    run tr-fit -V
    [ "$status" -eq 0 ]
    [ "$output" = "$(tr-split -V | sed s/tr-split/tr-fit/)" ]
}
