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
    # every member of the help but nb, a part of the blend (and xgb where it was not built)
    all=$(names all)
    wanted=$(tr-train -h | tr '\n' ' ' | sed 's/.*surrogates to train: //; s/;.*//; s/[ ,][ ,]*/ /g')
    tr-train -q --zoo xgb "$F/tiny.split" > "$T/xgb" 2> /dev/null || wanted=${wanted/ xgb/}
    [ "$(jq -r '.[]' <<< "$all" | paste -sd' ')" = "${wanted/ nb/}" ]
    [ "$(names all,-rf,-et,-gbt,-xgb,-mlp_1h,-mlp_2h,-dt)" = \
        '["logreg_c1","logreg_c10","sgd_log","svm","lda","knn","blend"]' ]
    [ "$(names nb)" = '["nb"]' ]
    for bad in nothing SVM '' svm,nothing all,-nothing svm,-svm blend svm,blend lean,; do
        expect 2 tr-train --zoo "$bad" "$F/tiny.split"
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    # tr-train speaks of the name itself
    expect 2 tr-train --zoo svm,nothing "$F/tiny.split"
    [[ $stderr == *nothing* ]]
}

# told STREAM: what it looks at and what it learnt of it.
told() { tr-show "$1" | jq '[.features, .members, .labels]'; }

@test "text and embedding side by side; either alone" {
    seen() { tr-train -q --zoo svm,lda "$@" -o "$T/m"; tr-show "$T/m" | jq -c .features; }
    [[ $(seen "$F/e.split") =~ ^'{"text":'([0-9]+)',"words":'[0-9]+',"embedding":12,"svd_of_text":0}'$ ]]
    grams=${BASH_REMATCH[1]}
    [ "$(seen --no-text "$F/e.split")" = '{"text":0,"words":0,"embedding":12,"svd_of_text":0}' ]
    told "$T/m" > "$T/no-text"
    [[ $(seen --no-embedding "$F/e.split") =~ ^'{"text":'$grams',"words":'[0-9]+',"embedding":0,"svd_of_text":'[1-9][0-9]*'}'$ ]]
    # as if the others were not there
    tr-embed -q --strip "$F/e.split" | tr-train -q --zoo svm,lda | cmp - "$T/m"
    jq -c 'del(.input)' "$F/e.log" | tr-split -q > "$T/split"
    seen "$T/split"
    told "$T/m" | cmp - "$T/no-text"
    # both together learn more than the embedding alone
    agreement() { tr-show "$1" | jq '.members | map(select(.member == "svm"))[0].agreement'; }
    jq -ne "$(agreement "$F/e.trm") > $(agreement "$T/m")"
    expect 0 tr-train --zoo svm "$F/e.split"
    [[ $stderr == *"features of text and 12 of the embedding;"* ]]
    expect 0 tr-train --zoo lda --no-text "$F/e.split"
    [[ $stderr == *"labels, features: 12 of the embedding;"* ]]
}

@test "an embedding as base64 is the embedding as an array: the same bytes" {
    as_base64 < "$F/e.split" > "$T/split"
    run ! cmp -s "$T/split" "$F/e.split"
    tr-train -q "$T/split" | tr-gate -q | cmp - "$F/e.trm"
    # also some rows so, some so
    sed -n 'p;n;d' "$T/split" > "$T/odd"
    sed -n 'n;p' "$F/e.split" | paste -d'\n' "$T/odd" - | grep . | tr-train -q | tr-gate -q |
        cmp - "$F/e.trm"
}

@test "lean has neighbours where there are embeddings" {
    names() { tr-train -q "$@" | tr-show | jq -c '[.members[].member]'; }
    [ "$(tr-show "$F/e.trm" | jq -c '[.members[].member]')" = '["logreg_c10","svm","knn","blend"]' ]
    [ "$(names --no-text "$F/e.split")" = '["logreg_c10","svm","knn","blend"]' ]
    [ "$(names --no-embedding "$F/e.split")" = '["logreg_c10","svm","blend"]' ]
    [ "$(names "$F/split")" = '["logreg_c10","svm","blend"]' ]
    # what cannot be trained is left out; if nothing is left, it is said
    expect 2 tr-train --no-text --zoo nb "$F/e.split"
    [[ $stderr == *"no member"* ]]
}

@test "embeddings that are none or unlike the others: file, line, exit 3" {
    embedded < "$F/tiny.log" | jq -c '.split = "train"' > "$T/sound"
    expect 0 tr-train -q --no-trailer --zoo svm "$T/sound"
    refused() { # VALUE REASON: as the embedding of line 7
        jq -c --argjson e "$1" 'if input_line_number == 7 then .embedding = $e else . end' \
            "$T/sound" > "$T/bad"
        sed -i "s/\"embedding\":\"raw\"/\"embedding\":$3/" "$T/bad"
        expect 3 tr-train --no-trailer --zoo svm "$T/bad"
        [[ $stderr == "tr-train: $T/bad:7: "*"$2"* ]]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ -z "$output" ]
        # nobody looks at them
        expect 0 tr-train -q --no-trailer --no-embedding --zoo svm "$T/bad"
    }
    refused '[1,2,3]' 12
    refused '"AACAPw=="' 12
    refused '[]' embedding
    refused '""' embedding
    refused 'null' embedding
    refused '{"a":1}' embedding
    refused '[1,2,3,4,5,6,7,8,9,10,11,"12"]' embedding
    refused '"AACAP"' embedding
    refused '"raw"' embedding '[1,2,3,4,5,6,7,8,9,10,11,1e999]'
    refused '"raw"' embedding '[1,2,3,4,5,6,7,8,9,10,11,1e39]'
    refused '"raw"' embedding '[1,2,3,4,5,6,7,8,9,10,11,NaN]' || [[ $stderr == *:7:*JSON* ]]
    # not a number, and infinity
    zeros=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    refused "\"${zeros}AMB/\"" embedding
    refused "\"${zeros}AIB/\"" embedding
    # a row without one among rows with, and the other way round
    sed 's/,"embedding":.*]//' "$T/sound" > "$T/none"
    { head -6 "$T/sound"; sed -n '7,$p' "$T/none"; } > "$T/bad"
    expect 3 tr-train --no-trailer "$T/bad"
    [[ $stderr == "tr-train: $T/bad:7: "*embedding* ]]
    { head -6 "$T/none"; sed -n '7,$p' "$T/sound"; } > "$T/bad"
    expect 3 tr-train --no-trailer "$T/bad"
    [[ $stderr == "tr-train: $T/bad:7: "*embedding* ]]
}

@test "nothing left to train on: said so" {
    expect 2 tr-train --no-text --no-embedding "$F/e.split"
    [ "${#stderr_lines[@]}" -eq 1 ]
    expect 3 tr-train --no-text "$F/split"
    [[ $stderr == "tr-train: $F/split:1: "*--no-text* ]]
    jq -c 'del(.input)' "$F/e.log" | tr-split -q > "$T/split"
    expect 3 tr-train --no-embedding "$T/split"
    [[ $stderr == "tr-train: $T/split:1: "*embedding* ]]
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
    for o in zoo no-text no-embedding folds no-trailer output threads seed quiet; do
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
