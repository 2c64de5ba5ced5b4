#!/usr/bin/env bats
# Input as it comes: what every reader of lines accepts, and what it refuses, with file, line and
# reason, and never a crash.

load helper
setup_file() { fixtures; }
setup() { common; }

# Each of the three readers of JSONL takes the trace `line` amid others.
# accepted LINE: as the third line of a log, of a split stream and of requests.
accepted() {
    { tiny_log 2; printf '%s\n' "$1"; tiny_log 20 | sed 1,2d; } > "$T/log"
    expect 0 bash -c "tr-split '$T/log' > '$T/split'"
    [ "$(wc -l < "$T/split")" -eq 22 ]
    expect 0 bash -c "tr-train --zoo svm '$T/split' > '$T/m'"
    [ "$(tr-show "$T/m" | jq .log.rows)" -eq 21 ]
    expect 0 tr-route "$F/tiny.trp" "$T/log"
    [ "${#lines[@]}" -eq 21 ]
    [[ $output != *'"error"'* ]]
}

# refused LINE REASON: the same with a bad LINE (a format of printf %b). tr-train gets it as it
# stands, with a side.
refused() {
    { tiny_log 2; printf '%b\n' "$1"; tiny_log 20 | sed 1,2d; } > "$T/log"
    expect 3 tr-split --calibration .2 "$T/log"
    [[ $stderr == "tr-split: $T/log:3: "*"$2"* ]]
    { tiny_log 2 ',"split":"train"'; printf '%b\n' "${1/#\{/\{\"split\":\"train\",}"
        tiny_log 20 ',"split":"train"' | sed 1,2d; } > "$T/split"
    expect 3 tr-train --no-trailer "$T/split"
    [[ $stderr == "tr-train: $T/split:3: "*"$2"* ]]
    [ -z "$output" ]
}

# deferred LINE REASON: a request that cannot be read is a decision all the same, in its place.
deferred() {
    { tiny_log 2; printf '%b\n' "$1"; tiny_log 20 | sed 1,2d; } > "$T/log"
    expect 3 tr-route "$F/tiny.trp" "$T/log"
    [ "${#lines[@]}" -eq 21 ]
    jq -e --arg why "$2" '(.error | startswith("line 3: ") and contains($why)) and
        .decision == "deferred" and .label == null' <<< "${lines[2]}"
    [ "$(printf '%s\n' "${lines[@]}" | jq -r 'select(.error == null) | .decision' | sort | uniq -c | tr -s ' ')" = " 20 handled" ]
}

@test "accepted: any order of keys, numbers of any size, escapes, pairs, deep values" {
    accepted '{"teacher":"red","z":0,"input":"red a","id":"x"}'
    accepted '{"id":1e999999,"n":-1.5E+400000,"m":-0,"input":"red a","teacher":"red"}'
    accepted '{"n":123456789012345678901234567890.123456789012345678901234567890e-99999,"input":"red a","teacher":"red"}'
    accepted '{"input":"red \u0061 \ud83d\ude00 \u0000 \/","teacher":"\u0072ed"}'
    accepted '{"in\u0070ut":"red a","teache\u0072":"red"}'
    accepted '{"input":"red a","teacher":"\ud83d\ude00"}'
    accepted '{"input":"","teacher":"red"}'
    accepted '{"input":"red a","teacher":""}'
    accepted '{"input":"red a","teacher":1.50}'
    accepted '{"input":"red a","teacher":false}'
    accepted '{"input":"red a","teacher":"red","metadata":{"input":1,"input":2}}'
    accepted '{"input":"red a","teacher":"red","":null,"x":1,"x":2}'
    accepted "{\"input\":\"red a\",\"teacher\":\"red\",\"deep\":$(deep 999)}"
    accepted $'\t { "input" :\t"red a" , "teacher":"red" }  '
}

@test "accepted: text of every kind" {
    accepted '{"input":"ÄÖÜ ﬁ ǅ İ ß 数据 العربية हिन्दी 👩‍👩‍👧‍👦","teacher":"red"}'
    accepted '{"input":"\ufeff \u200d\u2028\uffff \udbff\udfff","teacher":"red"}'
    accepted "{\"input\":\"$(printf 'a\xcc\x81%.0s' $(seq 3000))\",\"teacher\":\"red\"}"
    accepted "{\"input\":\"$(printf 'ab%.0s' $(seq 30000))\",\"teacher\":\"red\"}"
    accepted "{\"input\":\"red a\",\"teacher\":\"$(printf 'x%.0s' $(seq 50000))\"}"
}

@test "accepted: CRLF, a byte order mark, a last line without newline" {
    dressed() { sed 's/$/\r/; 1s/^/\xef\xbb\xbf/' "$1" | head -c -2; }
    tr-split -q "$F/tiny.log" > "$T/a"
    dressed "$F/tiny.log" | tr-split -q | cmp - "$T/a"
    tr-train -q --zoo svm "$T/a" > "$T/m"
    dressed "$T/a" | tr-train -q --zoo svm | cmp - "$T/m"
    tr-route "$F/tiny.trp" "$F/tiny.log" > "$T/d"
    dressed "$F/tiny.log" | tr-route "$F/tiny.trp" | cmp - "$T/d"
    # a mark at the head of every file
    dressed "$F/tiny.log" > "$T/dressed"
    expect 0 tr-route "$F/tiny.trp" "$T/dressed" "$T/dressed"
}

@test "accepted: lines of 10 MB" {
    { tiny_log 2
        printf '{"id":"long","input":"'
        awk 'BEGIN { for (i = 0; i < 500000; i++) printf "twenty bytes of text" }'
        printf '","teacher":"red"}\n'
        tiny_log 20 | sed 1,2d; } > "$T/log"
    tr-split -q "$T/log" > "$T/split"
    tr-train -q --zoo svm "$T/split" > "$T/m"
    [ "$(tr-show "$T/m" | jq .log.rows)" -eq 21 ]
    tr-route "$F/tiny.trp" "$T/log" > "$T/out"
    [ "$(wc -l < "$T/out")" -eq 21 ]
    [ "$(sed -n 3p "$T/out" | wc -c)" -gt 10000000 ]
    [[ $(sed -n 3p "$T/out" | tail -c 100) == *'"shadow_share":0}' ]]
    # and one long value that nobody reads
    { printf '{"junk":"'; head -c 10000000 /dev/zero | tr '\0' x; printf '","input":"red a"}\n'; } > "$T/log"
    [[ $(tr-route "$F/tiny.trp" "$T/log" | tail -c 150) == *'"label":"red"'* ]]
    # also a bad one
    run bash -c "head -c 10000000 /dev/zero | tr '\0' '[' | tr-route '$F/tiny.trp' 2> /dev/null"
    [ "$status" -eq 3 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "accepted: 100,000 labels" {
    awk 'BEGIN { for (i = 0; i < 100000; i++)
        printf "{\"input\":\"a\",\"teacher\":\"l%d\"}\n{\"input\":\"b\",\"teacher\":\"%d\"}\n", i, i % 3 }' > "$T/log"
    tr-split -q "$T/log" > "$T/split"
    expect 0 bash -c "tr-train --zoo svm '$T/split' | tr-show | jq -c '[.labels[].label]'"
    [ "$output" = '["0","1","2"]' ]
    [[ $stderr =~ [0-9,]+\ labels\ with\ fewer\ than ]]
    expect 0 bash -c "tr-route -q '$F/tiny.trp' '$T/log' | grep -c '\"teacher\":\"l'"
    [ "$output" = 100000 ]
}

@test "refused: what is no object" {
    for line in '[1]' '"text"' '1' 'null' 'input' '{' '}' '{"input"}' '{"input":"a","teacher":"b"' \
        '{"input":"a","teacher":"b"}}' '{"input":"a","teacher":"b"} x' '{"input":"a","teacher":"b",}' \
        "{'input':'a','teacher':'b'}" '{"input":"a","teacher":"b","n":01}' '{"input":"a","teacher":"b","n":1.}' \
        '{"input":"a","teacher":"b","n":NaN}' '{"input":"a","teacher":"b","n":.5}' \
        '{"input":"a\tb","teacher":"b"}' '{"input":"\\x","teacher":"b"}' '{"input":"\\u12","teacher":"b"}'; do
        refused "$line" ''
        deferred "$line" ''
    done
    refused '' ' line'
    deferred '' ' line'
    refused ' \t' ' '
}

@test "refused: NUL and invalid UTF-8" {
    for at in '{"input":"a%b","teacher":"b"}' '{"input":"a","teacher":"b%"}' \
        '{"input":"a","teacher":"b","x%":1}' '{"input":"a","teacher":"b"}%' '%{"input":"a","teacher":"b"}'; do
        refused "${at/\%/\\x00}" 'NUL'
        deferred "${at/\%/\\x00}" 'NUL'
    done
    # a lone byte, an overlong form, a surrogate, beyond the last character, cut off
    for bytes in '\xff' '\x80' '\xc0\xaf' '\xe0\x80\xaf' '\xed\xa0\x80' '\xf4\x90\x80\x80' '\xe2\x82'; do
        refused "{\"input\":\"a${bytes}b\",\"teacher\":\"b\"}" 'UTF-8'
        deferred "{\"input\":\"a${bytes}b\"}" 'UTF-8'
        refused "{\"input\":\"a\",\"teacher\":\"b\",\"x\":\"$bytes\"}" 'UTF-8'
    done
}

@test "refused: a duplicate of a key that is read, whatever its spelling" {
    for key in input teacher id label query; do
        # tr-split has made the aliases one before tr-train sees them
        [ $key = query ] || refused "{\"input\":\"a\",\"teacher\":\"b\",\"$key\":\"c\",\"$key\":\"d\"}" "$key"
        deferred "{\"input\":\"a\",\"teacher\":\"b\",\"$key\":\"c\",\"$key\":\"d\"}" "$key"
    done
    refused '{"input":"a","teacher":"b","\\u0069nput":"c"}' 'input'
    deferred '{"input":"a","\\u0069nput":"c"}' 'input'
}

@test "refused: nesting beyond 1,000" {
    refused "{\"input\":\"a\",\"teacher\":\"b\",\"n\":$(deep 1000)}" ''
    deferred "{\"input\":\"a\",\"n\":$(deep 1000)}" ''
    refused "{\"input\":\"a\",\"teacher\":\"b\",\"n\":$(deep 100000)}" ''
    deferred "{\"input\":\"a\",\"n\":$(printf '{"a":%.0s' $(seq 100000))}" ''
}

@test "refused: input or teacher null, a list, an object or missing; half a pair" {
    refused '{"teacher":"b"}' 'no '
    refused '{"input":"a"}' 'teacher'
    for what in 'null null' '["a"] list' '{"a":1} object'; do
        refused "{\"input\":${what% *},\"teacher\":\"b\"}" "\"input\" is "
        refused "{\"input\":\"a\",\"teacher\":${what% *}}" "\"teacher\" is "
        deferred "{\"input\":${what% *}}" "\"input\" is "
    done
    deferred '{"teacher":"b"}' 'no input'
    deferred '{"input":"a","teacher":["b"]}' '"teacher" is a list'
    deferred '{"input":"a","id":null}' '"id" is null'
    for text in '\\ud800' '\\udc00' '\\ud800\\ud800' 'a\\ud83dx'; do
        refused "{\"input\":\"$text\",\"teacher\":\"b\"}" 'surrogate'
        refused "{\"input\":\"a\",\"teacher\":\"$text\"}" 'surrogate'
        # (jq cannot read such a decision)
        expect 3 bash -c "printf '%b\n' '{\"input\":\"$text\"}' | tr-route '$F/tiny.trp'"
        [[ $output == *'"decision":"deferred"'*'"error":"line 1: '*surrogate* ]]
    done
}

# vector VALUE: a trace with that embedding.
vector() { printf '{"input":"a","teacher":"b","embedding":%s}' "$1"; }

@test "refused: an embedding that is none" {
    for e in '[1,[2]]' '[null]' '["1"]' '[1,]' '{"0":1}' 'true' '7' '[]' '""' '"A"' '"AAAA"' '"AACAPw"' \
        '"AACAPw=="x' '"AACAP w=="' '"AACAPw==="' '"AAC-Pw=="' '[1e400]' '[-1e39]' '"AADAfw=="' '"AACA/w=="'; do
        refused "$(vector "$e")" ''
    done
    # more numbers than there may be, and one number of 100,000 digits, which is one
    refused "$(vector "[0$(printf ',0%.0s' $(seq 16384))]")" 'embedding'
    refused "$(vector "$(deep 100)")" 'embedding'
    # of twenty traces one has an embedding
    refused "$(vector "[0.$(printf '1%.0s' $(seq 100000))]")" 'embedding'
}

@test "a byte changed in a section of any kind is noticed, in a stream and in a policy" {
    embedded < "$F/tiny.log" | tr-split -q | tr-train -q --zoo svm,knn,dt,mlp_1h,blend |
        tr-gate > "$T/e.trm"
    tr-calibrate -q --alpha .8 --family rsb -o "$T/e.trp" "$T/e.trm"
    flipped() { # FILE TAG COMMAND...: a byte of the first payload so named
        at=$(grep -abo "$2" "$1" | sed 's/:.*//' | awk '$1 % 64 == 0' | head -1)
        echo "$1 $2 at $at"
        [ -n "$at" ]
        for where in 3 9 17 70; do
            [ $((at + where)) -lt "$(stat -c %s "$1")" ] || continue
            cp "$1" "$T/bad"
            byte=$(od -An -tu1 -j $((at + where)) -N 1 "$1")
            printf %b "\\0$(printf %o $(((byte + 1) % 256)))" |
                dd of="$T/bad" bs=1 seek=$((at + where)) conv=notrunc status=none
            [ "$(cmp -l "$1" "$T/bad" | wc -l)" -eq 1 ]
            expect 3 "${@:3}"
            [ -z "$output" ]
            [[ $stderr == *"$T/bad: "* ]]
        done
    }
    for tag in HEAD LABL VOCB DENS NEAR HELD MODL MEMB GATE CASC TEND; do
        flipped "$T/e.trm" $tag tr-calibrate --alpha .8 "$T/bad"
    done
    for tag in HEAD LABL RULE CERT VOCB DENS NEAR MODL STAG TEND; do
        flipped "$T/e.trp" $tag tr-route "$T/bad" "$F/tiny.log"
    done
}

@test "the same under sound checksums: refused, or used without harm" {
    [ -x "$BUILD/faults/prefixes" ] || skip "faults/prefixes is not built"
    # every kind of model, small: an embedding of two numbers
    jq -c '.embedding = [(if .teacher == "red" then 1 else -1 end), (.id | tonumber) % 5 / 8]' "$F/tiny.log" |
        tr-split -q > "$T/split"
    for zoo in lda,dt knn,svm mlp_2h gbt,logreg_c1; do
        tr-train -q --no-text --zoo $zoo "$T/split" | tr-gate > "$T/m"
        for family in l2d rsb; do
            tr-calibrate -q --alpha .7 --family $family -o "$T/p" "$T/m" || [ $zoo = mlp_2h ]
            expect 0 "$BUILD/faults/prefixes" reseal "$T/p" 61
        done
        expect 0 "$BUILD/faults/prefixes" short "$T/p" 41
        expect 0 "$BUILD/faults/prefixes" reseal "$T/m" 997
        expect 0 "$BUILD/faults/prefixes" short "$T/m" 499
    done
}

@test "an error names the file that it is in, and its line there" {
    tiny_log 5 > "$T/a"
    { tiny_log 3 | sed 's/"id":"/&b/'; echo x; } > "$T/b"
    expect 3 tr-split "$T/a" "$T/b"
    [[ $stderr == "tr-split: $T/b:4: "* ]]
    expect 3 bash -c "cat '$T/a' '$T/b' | tr-split"
    [[ $stderr == "tr-split: stdin:9: "* ]]
}

@test "a message stays one line of plain text, whatever the input" {
    evil='{"input":"a","teacher":"b","split":"\u001b[31m\n\rx","id":"\u0007","input":1}'
    expect 3 tr-split <(echo "$evil")
    [ "${#stderr_lines[@]}" -eq 1 ]
    run ! grep -q '[[:cntrl:]]' <<< "$stderr"
    expect 3 bash -c "printf '\033[31m\001\n' | tr-split"
    run ! grep -q '[[:cntrl:]]' <<< "$stderr"
    # labels in the summary, too
    expect 0 bash -c "{ tiny_log() { :; }; cat '$F/tiny.log'; printf '%s\n' '{\"input\":\"a\",\"teacher\":\"\\u001b[31m\\nx\"}'; } | tr-split > /dev/null"
    run ! grep -q $'\033' <<< "$stderr"
}
