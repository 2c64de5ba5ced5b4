#!/usr/bin/env bats
# tr-train: what it reads, what it refuses, the table, the zoo.

load helper
setup_file() { fixtures; }
setup() { common; }

@test "a model stream, the table on stderr" {
    expect 0 bash -c "tr-train --zoo svm,logreg_c1 '$F/split' | tr-show | jq -c '[.kind, .log.rows, [.members[].member]]'"
    [ "$output" = '["model stream",600,["logreg_c1","svm"]]' ]
    [[ $stderr =~ 'training rows, '[0-9]+' labels, ' ]]
    [[ $stderr =~ member\ +agreement\ +macro-F1\ +seconds ]]
    [[ $stderr =~ svm\ +0\.[0-9]+\ +0\.[0-9]+\ +[0-9.]+ ]]
    [[ $stderr =~ logreg_c1\ +0\.[0-9]+\  ]]
    [[ $stderr != *$'\r'* ]] # no progress bar: this is no terminal
    expect 0 bash -c "tr-train -q --zoo svm '$F/split' > /dev/null"
    [ -z "$stderr" ]
}

@test "the agreement of the table is that of the stream" {
    tr-train --zoo svm -o "$T/m" "$F/split" 2> "$T/err"
    said=$(awk '$1 == "svm" { print $2 }' "$T/err")
    tr-show "$T/m" | jq -e --argjson said "$said" \
        '.members[0].agreement | . > .5 and . - $said < 1e-4 and $said - . < 1e-4'
}

@test "a file, standard input, several files: the same bytes" {
    tr-train -q --zoo svm < "$F/split" | cmp - "$F/model.trm"
    tr-train -q --zoo svm - < "$F/split" | cmp - "$F/model.trm"
    split -l 250 "$F/split" "$T/part."
    tr-train -q --zoo svm "$T"/part.* | cmp - "$F/model.trm"
    tr-train "$F/split" -qo "$T/out" --zoo=svm
    cmp "$T/out" "$F/model.trm"
}

@test "test rows are no training rows" {
    tr-split -q --calibration .3 --test .3 "$F/log" > "$T/split"
    tr-train -q --zoo svm -o "$T/a" "$T/split"
    n=$(grep -c '"split":"train"' "$T/split")
    [ "$(tr-show "$T/a" | jq .log.train)" -eq "$n" ]
    # other texts in them: the same model, so their text was not looked at for it
    sed '/"split":"test"/s/"input":"/&zzzz qqqq /' "$T/split" | tr-train -q --no-trailer --zoo svm -o "$T/b"
    tr-show "$T/a" | jq '[.features, .members, .labels]' > "$T/a.json"
    tr-show "$T/b" | jq '[.features, .members, .labels]' | cmp - "$T/a.json"
}

@test "calibration rows are no training rows" {
    sed '/"split":"calibration"/s/"input":"/&zzzz qqqq /' "$F/split" |
        tr-train -q --no-trailer --zoo svm -o "$T/b"
    tr-show "$F/model.trm" | jq '[.features, .members, .labels]' > "$T/a.json"
    tr-show "$T/b" | jq '[.features, .members, .labels]' | cmp - "$T/a.json"
}

@test "the zoo: names, -NAME, unknown and unbuilt ones" {
    names() { tr-train -q --zoo "$1" "$F/tiny.split" | tr-show | jq -c '[.members[].member]'; }
    lean=$(names lean)
    [[ $lean == *'"'*'"'* ]]
    first=$(jq -r '.[0]' <<< "$lean")
    [[ $(names "lean,-$first") != *"\"$first\""* ]]
    [[ $(names all) == *'"svm"'* ]]
    for bad in nothing xgb et mlp_1h SVM '' svm,nothing all,-nothing svm,-svm; do
        expect 2 tr-train --zoo "$bad" "$F/tiny.split"
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    # tr-train speaks of the name itself
    expect 2 tr-train --zoo svm,nothing "$F/tiny.split"
    [[ $stderr == *nothing* ]]
}

@test "without the trailer: exit 3, --no-trailer takes it" {
    sed '$d' "$F/split" > "$T/cut"
    expect 3 tr-train "$T/cut"
    [[ $stderr == *"$T/cut: "*"last line"*--no-trailer* ]]
    expect 0 bash -c "tr-train --no-trailer --zoo svm '$T/cut' | tr-show | jq .log.rows"
    [ "$output" = 600 ]
}

@test "rows lost, changed, doubled or behind the trailer: exit 3" {
    sed 7d "$F/split" > "$T/bad"
    expect 3 tr-train "$T/bad"
    [[ $stderr == *"600 rows and 599 arrived"* ]]
    sed '7s/"input":"/&x/' "$F/split" > "$T/bad"
    expect 3 tr-train "$T/bad"
    [[ $stderr == *digest* ]]
    sed '7s/"split":"train"/"split":"calibration"/; t; 7s/"split":"calibration"/"split":"train"/' \
        "$F/split" > "$T/bad"
    expect 3 tr-train "$T/bad"
    sed 7p "$F/split" > "$T/bad"
    expect 3 tr-train "$T/bad"
    [[ $stderr == *"$T/bad:8: "*id* ]]
    { cat "$F/split"; head -1 "$F/split"; } > "$T/bad"
    expect 3 tr-train "$T/bad"
    [[ $stderr == *"$T/bad:602: "*trailer* ]]
}

@test "a log that was not split, or no log: exit 3 with file and line" {
    expect 3 tr-train "$F/log"
    [[ $stderr == "tr-train: $F/log:1: "*'"split"'* ]]
    expect 3 tr-train "$F/tiny.trm"
    [[ $stderr == "tr-train: $F/tiny.trm:1: "* ]]
    expect 3 tr-train /dev/null
    expect 4 tr-train "$T/none"
    [[ $stderr == *"$T/none"* ]]
}

@test "fewer than two labels, too few rows: what is there and what is needed" {
    tiny_log 60 | sed 's/"teacher":"[a-z]*"/"teacher":"only"/' | tr-split -q > "$T/one"
    expect 3 tr-train "$T/one"
    [[ $stderr == *"1 label "*"at least 2 "* ]]
    tiny_log 3 | tr-split -q > "$T/few"
    expect 3 tr-train "$T/few"
    [[ $stderr =~ [0-9] ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    # all rows on the other side
    tiny_log 60 | tr-split -q | sed '$d; s/"split":"train"/"split":"test"/' > "$T/none"
    expect 3 tr-train --no-trailer "$T/none"
}

@test "labels of any text" {
    {
        tiny_log 60 | sed 's/"teacher":"red"/"teacher":"\\ud83d\\ude00 \\"a\\\\b\\u0000\\n"/; s/"teacher":"blue"/"teacher":""/'
        tiny_log 60 | sed 's/red/green/g; s/blue/yellow/g; s/"id":"/&x/; s/"teacher":"green"/"teacher":17/; s/"teacher":"yellow"/"teacher":true/'
    } | tr-split -q | tr-train -q --zoo svm | tr-show > "$T/out"
    jq -c '[.labels[].label] | sort' "$T/out" > "$T/labels"
    # (jq of this age cannot compare a text with NUL by a literal; the JSON that it prints will do)
    [ "$(cat "$T/labels")" = '["","17","true","😀 \"a\\b\u0000\n"]' ]
}

@test "rare labels are never answered, and said so" {
    { tiny_log 60; echo '{"id":"r","input":"rare","teacher":"rare"}'; } |
        tr-split -q --calibration .1 > "$T/split"
    expect 0 bash -c "tr-train --zoo svm '$T/split' | tr-show | jq -c '[.log.labels_never_answered, [.labels[].label]]'"
    [ "$output" = '[1,["blue","red"]]' ]
    [[ $stderr == *"1 label with fewer than "* ]]
}

@test "folds: 2 to 20, and the stream says how many" {
    [ "$(tr-train -q --folds 3 --zoo svm "$F/tiny.split" | tr-show | jq .log.folds)" = 3 ]
    for bad in 1 21 x 2.5; do
        expect 2 tr-train --folds $bad "$F/tiny.split"
    done
}

@test "help, version, wrong usage" {
    expect 0 tr-train -h
    for o in zoo folds no-trailer output threads seed quiet; do
        [[ $output == *"--$o"* ]]
    done
    expect 0 tr-train -V
    [[ $output == "tr-train (tr-tools) "* ]]
    expect 2 tr-train --bogus
    expect 2 tr-train -j 0 "$F/tiny.split"
    expect 2 tr-train -j 65 "$F/tiny.split"
}

@test "a binary stream is not for a terminal" {
    command -v script > /dev/null || skip "script(1) is not installed"
    run script -qec "tr-train -q --zoo svm '$F/tiny.split'" /dev/null
    [[ $output == *"not for a terminal"* ]]
    [ "$status" -eq 2 ]
}
