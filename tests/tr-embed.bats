#!/usr/bin/env bats
# tr-embed: joining, stripping, refusals; and what tr-split says of embeddings.

load helper

setup() {
    common
    one='\0\0\200\077' two='\0\0\0\100'
    # three rows of two numbers, and the traces they belong to
    printf "$one$two$two$one$one$one" | npy '<f4' '(3, 2)' > "$T/v.npy"
    tiny_log 3 > "$T/log"
}

# npy DESCR SHAPE [ORDER]: a .npy file with the numbers of standard input.
npy() {
    printf '\223NUMPY\1\0v\0%-117s\n' "{'descr': '$1', 'fortran_order': ${3-False}, 'shape': $2, }"
    cat
}

# zeros N: N bytes of zero.
zeros() { head -c "$1" /dev/zero; }

# vectors: the embeddings of the lines on standard input, decoded, one a line.
vectors() { jq -r .embedding | while read -r v; do base64 -d <<< "$v" | od -An -w65536 -tf4 | tr -s ' '; done; }

# join LINE: the line with the embedding (1, 2).
join() { printf '%b\n' "$1" | tr-embed -q --npy <(printf "$one$two" | npy '<f4' '(1, 2)'); }

# strip LINE
strip() { printf '%s\n' "$1" | tr-embed -q --strip; }

# refused REASON, with the .npy on standard input: nothing is written, to a file neither.
refused() {
    cat > "$T/bad.npy"
    expect 3 tr-embed --npy "$T/bad.npy" "$T/log"
    [[ $stderr == "tr-embed: $T/bad.npy: "*"$1"* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ -z "$output" ]
    expect 3 tr-embed --npy "$T/bad.npy" -o "$T/out" - < "$T/log"
    [ "$(cd "$T" && echo out*)" = 'out*' ]
}

@test "row i goes to trace i, in order, as base64 of float32" {
    expect 0 tr-embed --npy "$T/v.npy" "$T/log"
    [ "${#lines[@]}" -eq 3 ]
    [[ $stderr == *"3 traces, 2 numbers in each"* ]]
    [ "${lines[0]}" = '{"id":"1","input":"blue b","teacher":"blue","embedding":"AACAPwAAAEA="}' ]
    [ "$(printf '%s\n' "${lines[@]}" | vectors)" = $' 1 2\n 2 1\n 1 1' ]
    tr-embed -q --strip <(printf '%s\n' "${lines[@]}") | cmp - "$T/log"
}

@test "float16 and float64 are the same numbers" {
    printf '\0\074\0\100\0\100\0\074\0\074\0\074' | npy '<f2' '(3, 2)' > "$T/h.npy"
    o='\0\0\0\0\0\0\360\077' t='\0\0\0\0\0\0\0\100'
    printf "$o$t$t$o$o$o" | npy '<f8' '(3, 2)' > "$T/d.npy"
    tr-embed -q --npy "$T/v.npy" "$T/log" > "$T/a"
    tr-embed -q --npy "$T/h.npy" "$T/log" | cmp - "$T/a"
    tr-embed -q --npy "$T/d.npy" "$T/log" | cmp - "$T/a"
    # also from a pipe, and with the traces in several files
    head -1 "$T/log" > "$T/1"
    tail -2 "$T/log" > "$T/2"
    tr-embed -q "$T/1" --npy <(cat "$T/v.npy") "$T/2" | cmp - "$T/a"
    tr-embed -q --npy "$T/v.npy" < "$T/log" | cmp - "$T/a"
    cat "$T/log" | tr-embed -q --npy "$T/v.npy" | cmp - "$T/a"
    tr-embed -q --npy - "$T/log" < "$T/v.npy" | cmp - "$T/a"
    tr-embed -q --npy "$T/v.npy" "$T/1" - < "$T/2" | cmp - "$T/a"
    # standard input from where it stands
    { read -r _; tr-embed -q --npy "$T/v.npy"; } < <(cat "$T/1" "$T/log") | cmp - "$T/a"
    cat "$T/1" "$T/log" > "$T/four"
    { read -r _; tr-embed -q --npy "$T/v.npy"; } < "$T/four" | cmp - "$T/a"
}

@test "all other bytes stay, wherever an embedding was before" {
    e='"embedding":"AACAPwAAAEA="'
    [ "$(join '{}')" = "{$e}" ]
    [ "$(join ' { } ')" = " {$e } " ]
    [ "$(join '{ "a" : 1.0e+400 ,"k\\u0065y":[ 1 ]\t} ')" = $'{ "a" : 1.0e+400 ,"k\\u0065y":[ 1 ],'"$e"$'\t} ' ]
    [ "$(join '{"embedding":[1,2,3]}')" = "{$e}" ]
    [ "$(join '{ "embedding" : null }')" = "{ $e }" ]
    [ "$(join '{"embedding":"x" , "a":1}')" = "{\"a\":1,$e}" ]
    [ "$(join '{"a":1 ,"embedding":{} , "b":2 }')" = "{\"a\":1 , \"b\":2,$e }" ]
    [ "$(join '{"a":1, "embedding":[] }')" = "{\"a\":1,$e }" ]
    [ "$(join '{"a":1,"\\u0065mbedding":[]}')" = "{\"a\":1,$e}" ]
    [ "$(join '{"m":{"embedding":1}}')" = "{\"m\":{\"embedding\":1},$e}" ]
    [ "$(strip '{"embedding":"x" , "a":1}')" = '{"a":1}' ]
    [ "$(strip '{"a":1 ,"embedding":{} , "b":2 }')" = '{"a":1 , "b":2 }' ]
    [ "$(strip '{"a":1, "embedding":[] }')" = '{"a":1 }' ]
    [ "$(strip '{ "embedding" : null }')" = '{  }' ]
    [ "$(strip '{ "a" : "embedding" } ')" = '{ "a" : "embedding" } ' ]
    [ "$(strip '{}')" = '{}' ]
    expect 0 bash -c "tr-embed --npy '$T/v.npy' '$T/log' | tr-embed --strip"
    [[ $stderr == *"3 embeddings taken away"* ]]
    # twice is once
    tr-embed -q --npy "$T/v.npy" "$T/log" | tr-embed -q --npy "$T/v.npy" |
        cmp - <(tr-embed -q --npy "$T/v.npy" "$T/log")
}

@test "blank lines and the last line of a split take no row" {
    tr-split -q "$T/log" > "$T/split"
    { head -2 "$T/split"; echo; printf ' \t\n'; tail -n +3 "$T/split"; } > "$T/gaps"
    tr-embed -q --npy "$T/v.npy" "$T/gaps" > "$T/out"
    [ "$(sed -n '3p;4p' "$T/out")" = $'\n \t' ]
    tail -1 "$T/out" | cmp - <(tail -1 "$T/split")
    [ "$(grep -c embedding "$T/out")" -eq 3 ]
    tr-embed -q --strip "$T/out" | cmp - "$T/gaps"
    # the split is still whole, since the digest is not of the embeddings
    tiny_log 60 | tr-split -q > "$T/split"
    zeros 480 | npy '<f4' '(60, 2)' > "$T/z.npy"
    tr-embed -q --npy "$T/z.npy" "$T/split" | tr-train -q --zoo svm | tr-show | jq -e '.log.rows == 60'
}

@test "too few rows, too many rows: refused, of files before anything is written" {
    tiny_log 4 > "$T/four"
    tiny_log 2 > "$T/two"
    for log in four two; do
        n=$(wc -l < "$T/$log")
        expect 3 tr-embed --npy "$T/v.npy" "$T/$log"
        [[ $stderr == "tr-embed: $T/v.npy: has 3 rows, but there are $n traces" ]]
        [ -z "$output" ]
        expect 3 bash -c "tr-embed --npy '$T/v.npy' < '$T/$log'"
        [[ $stderr == *"has 3 rows, but there are $n traces" ]]
        [ -z "$output" ]
        expect 3 bash -c "cat '$T/$log' | tr-embed --npy '$T/v.npy' -o '$T/out'"
        [ ! -e "$T/out" ]
    done
    # of a pipe it is known when it comes
    expect 3 bash -c "cat '$T/four' | tr-embed --npy '$T/v.npy'"
    [[ $stderr == "tr-embed: stdin:4: a trace too many: $T/v.npy has 3 rows" ]]
    [ "${#lines[@]}" -eq 3 ]
    expect 3 bash -c "cat '$T/two' | tr-embed --npy '$T/v.npy'"
    [[ $stderr == *"has 3 rows, but there are 2 traces" ]]
    [ "${#lines[@]}" -eq 2 ]
    expect 3 tr-embed --npy "$T/v.npy" < /dev/null
    zeros 0 | npy '<f4' '(0, 2)' > "$T/none.npy"
    expect 0 tr-embed --npy "$T/none.npy" < /dev/null
    expect 0 tr-embed --strip < /dev/null
    [ -z "$output" ]
}

@test "a .npy of another kind: refused before anything is written" {
    zeros 24 | npy '<f4' '(3, 2)' True | refused 'Fortran order'
    zeros 48 | npy '<c8' '(3, 2)' | refused complex
    zeros 48 | npy '|O' '(3, 2)' | refused 'Python objects'
    zeros 24 | npy '>f4' '(3, 2)' | refused big-endian
    zeros 24 | npy '<i4' '(3, 2)' | refused integers
    zeros 24 | npy '<f4' '(6,)' | refused '1 dimension'
    zeros 24 | npy '<f4' '(3, 2, 1)' | refused 'more than 2'
    zeros 24 | npy '<f4' '(3, 0)' | refused '0 columns'
    zeros 24 | npy '<f4' '(3, 70000)' | refused '70000 columns'
    zeros 24 | npy '<f4' '(9223372036854775807, 16384)' | refused 'cut off'
    zeros 24 | npy '<f4' '(4611686018427387905, 4)' | refused 'cut off'
    zeros 23 | npy '<f4' '(3, 2)' | refused 'cut off'
    zeros 25 | npy '<f4' '(3, 2)' | refused '1 bytes more'
    zeros 24 | npy '<f4' '(3, __import__("os"))' | refused 'a header that no .npy file has'
    head -c 40 "$T/v.npy" | refused 'cut off in its header'
    : | refused 'no .npy file'
    refused 'no .npy file' < "$T/log"
    sed '1s/NUMPY\x01/NUMPY\x09/' "$T/v.npy" | refused 'version 9.0'
}

@test "NaN and infinity: refused with row and column" {
    printf "$one$one$one\0\0\300\177$one$one" | npy '<f4' '(3, 2)' | refused 'row 2, column 2 '
    printf '\0\074\0\074\0\074\0\074\0\374\0\074' | npy '<f2' '(3, 2)' | refused 'row 3, column 1 '
    { zeros 8; printf '\377\377\377\377\377\377\357\177'; zeros 32; } | npy '<f8' '(3, 2)' |
        refused 'row 1, column 2 '
}

@test "lines that are no JSON objects: refused with their place, of files before anything is written" {
    for line in '[1]' 'x' '{"input":"a"' '{"embedding":1,"embedding":2}' '{"a":"\xff"}'; do
        { tiny_log 2; printf '%b\n' "$line"; } > "$T/bad"
        for how in "--npy $T/v.npy" --strip; do
            expect 3 tr-embed $how -o "$T/out" "$T/bad"
            [[ $stderr == "tr-embed: $T/bad:3: "* ]]
            [ ! -e "$T/out" ]
        done
        expect 3 tr-embed --npy "$T/v.npy" "$T/bad"
        [ -z "$output" ]
        expect 3 bash -c "cat '$T/bad' | tr-embed --npy '$T/v.npy'"
        [ "${#lines[@]}" -eq 2 ]
    done
}

@test "CRLF, a byte order mark, a last line without newline" {
    tr-embed -q --npy "$T/v.npy" "$T/log" > "$T/a"
    sed 's/$/\r/; 1s/^/\xef\xbb\xbf/' "$T/log" | head -c -2 | tr-embed -q --npy "$T/v.npy" | cmp - "$T/a"
}

@test "a line is written before the next one is read" {
    mkfifo "$T/in"
    tr-embed -q --npy "$T/v.npy" < "$T/in" > "$T/out" &
    exec 8> "$T/in"
    head -1 "$T/log" >&8
    for _ in $(seq 50); do [ -s "$T/out" ] && break; sleep .1; done
    [ "$(wc -l < "$T/out")" -eq 1 ]
    tail -2 "$T/log" >&8
    exec 8>&-
    wait $!
    [ "$(wc -l < "$T/out")" -eq 3 ]
}

@test "16,384 numbers a row, the memory of one batch" {
    tiny_log 500 > "$T/log"
    zeros 16384000 | npy '<f2' '(500, 16384)' > "$T/wide.npy"
    tr-embed -q --npy "$T/wide.npy" "$T/log" > "$T/out"
    [ "$(wc -c < "$T/out")" -gt 43000000 ]
    [ "$(tail -1 "$T/out" | jq '.embedding | length')" -eq 87384 ]
    tr-split -q --calibration .3 "$T/out" | tail -1 | jq -e '."tr-split".rows == 500'
}

@test "/dev/full, closed descriptors, files that are not there: exit 4; a closed pipe is quiet" {
    for how in "--npy '$T/v.npy'" --strip; do
        expect 4 bash -c "tr-embed -q $how '$T/log' > /dev/full"
        [[ $stderr == "tr-embed: "*"No space left"* ]]
        expect 4 bash -c "tr-embed -q $how '$T/log' -o /dev/full"
        expect 4 bash -c "tr-embed -q $how '$T/log' >&-"
        expect 4 bash -c "tr-embed -q $how <&-"
        expect 4 bash -c "tr-embed -q $how '$T/none'"
        [[ $stderr == *"$T/none"* ]]
        expect 4 bash -c "tr-embed -q $how '$T'"
        expect 4 bash -c "tr-embed -q $how '$T/log' -o '$T/none/out'"
    done
    expect 4 bash -c "tr-embed --help > /dev/full"
    expect 4 tr-embed --npy "$T/none" "$T/log"
    expect 4 tr-embed --npy "$T" "$T/log"
    tiny_log 20000 > "$T/many"
    zeros 160000 | npy '<f4' '(20000, 2)' > "$T/many.npy"
    for trap in '' "trap '' PIPE; "; do
        run --separate-stderr bash -c "${trap}tr-embed -q --npy '$T/many.npy' '$T/many' | head -1 > /dev/null; echo \${PIPESTATUS[0]}"
        [ "$output" = 141 ]
        [ -z "$stderr" ]
    done
}

@test "-o leaves no half file" {
    mkdir "$T/d"
    echo old > "$T/d/out"
    tiny_log 4 > "$T/four"
    expect 3 tr-embed --npy "$T/v.npy" -o "$T/d/out" "$T/four"
    expect 3 bash -c "cat '$T/four' | tr-embed --npy '$T/v.npy' -o '$T/d/out'"
    expect 3 bash -c "{ cat '$T/log'; echo x; } | tr-embed --strip -o '$T/d/out'"
    [ "$(cat "$T/d/out")" = old ]
    [ "$(ls -A "$T/d")" = out ]
    # and takes the place of its own input
    cp "$T/log" "$T/d/out"
    expect 0 tr-embed --npy "$T/v.npy" -o "$T/d/out" "$T/d/out"
    [ "$(grep -c embedding "$T/d/out")" -eq 3 ]
}

@test "options: one of --npy, --vec, --words and --strip; help, wrong usage" {
    expect 0 tr-embed -h
    for o in npy vec words strip input-key output quiet verbose help version; do [[ $output == *"--$o"* ]]; done
    [ -z "$stderr" ]
    expect 0 tr-embed -V
    for args in '' "--npy $T/v.npy --strip" --npy --bogus --strip=1 "--npy -" "--npy - - $T/log" \
        "--strip --seed 1" "--vec -" "--vec x --words" "--vec x --npy x" "--words --strip"; do
        expect 2 tr-embed $args < "$T/log"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ -z "$output" ]
    done
    tr-embed "$T/log" -q --npy="$T/v.npy" > "$T/a"
    tr-embed --npy "$T/v.npy" -qo "$T/b" -- "$T/log"
    cmp "$T/a" "$T/b"
    expect 0 tr-embed -q --npy "$T/v.npy" "$T/log"
    [ -z "$stderr" ]
}

# vec WORDS...: a .vec of two numbers a word: (1, 0), (0, 1), (-1, 0), (0, -1), (1, 0), ...
vec() {
    echo "$# 2"
    printf '%s\n' "$@" | awk 'BEGIN { split("1 0,0 1,-1 0,0 -1", x, ",") } { print $1, x[(NR - 1) % 4 + 1] }'
}

@test "--vec: the mean of the words' vectors, the rarer the heavier, of length 1" {
    vec blue red > "$T/two.vec"
    expect 0 tr-embed --vec "$T/two.vec" "$T/log"
    [[ $stderr == "tr-embed: 3 traces, 2 numbers in each; 0 of them all zeros,"* ]]
    [ "${lines[0]}" = '{"id":"1","input":"blue b","teacher":"blue","embedding":"AACAPwAAAAA="}' ]
    [ "$(printf '%s\n' "${lines[@]}" | vectors)" = $' 1 0\n 0 1\n 1 0' ]
    # the weights are log(1 + rank * (1 + 1/2)): 0.916 and 1.386
    echo '{"text":"Red, BLUE","embedding":[7]}' | tr-embed -q --vec "$T/two.vec" > "$T/out"
    read -r a b < <(vectors < "$T/out")
    awk -v a="$a" -v b="$b" 'BEGIN { exit !((d = b / a - log(4) / log(2.5)) < 1e-6 && d > -1e-6) }'
    [[ $(< "$T/out") == '{"text":"Red, BLUE","embedding":"'* ]]
    # without its first line, from a pipe, in another order of lines
    tr-embed -q --vec "$T/two.vec" "$T/log" > "$T/a"
    tr-embed -q --vec <(tail -n +2 "$T/two.vec") "$T/log" | cmp - "$T/a"
    tr-embed -q --vec - "$T/log" < "$T/two.vec" | cmp - "$T/a"
    tac "$T/log" | tr-embed -q --vec "$T/two.vec" | tac | cmp - "$T/a"
    # the last line of a split and blank lines pass; what is stripped is as it was
    { tr-split -q "$T/log"; echo; } > "$T/split"
    tr-embed -q --vec "$T/two.vec" "$T/split" > "$T/out"
    tail -n 2 "$T/out" | cmp - <(tail -n 2 "$T/split")
    tr-embed -q --strip "$T/out" | cmp - "$T/split"
}

@test "--vec: texts without a known word are zeros, and all tools take these" {
    vec red blue > "$T/two.vec"
    { tiny_log 60; printf '{"id":"z%d","input":"%s","teacher":"red"}\n' 1 '' 2 '?' 3 'green'; } > "$T/log"
    expect 0 tr-embed --vec "$T/two.vec" -o "$T/e.log" "$T/log"
    [[ $stderr == *"63 traces"*" 3 of them all zeros"* ]]
    [ "$(tail -n 3 "$T/e.log" | vectors | sort -u)" = " 0 0" ]
    tr-split -q "$T/e.log" | tr-train -q --zoo svm | tr-gate -q |
        tr-calibrate -q --alpha .6 -o "$T/p.trp"
    tr-route -q "$T/p.trp" "$T/e.log" > "$T/decisions"
    [ "$(wc -l < "$T/decisions")" -eq 63 ]
    grep -q '"decision":"handled"' "$T/decisions"
    ! grep '"error"' "$T/decisions"
}

@test "--vec: a file that is not sound is refused with its line, before anything is written" {
    while IFS='|' read -r text reason; do
        printf '%b' "$text" > "$T/bad.vec"
        expect 3 tr-embed --vec "$T/bad.vec" -o "$T/out" "$T/log"
        [[ $stderr == "tr-embed: $T/bad.vec:$reason"* ]]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ ! -e "$T/out" ]
        expect 3 tr-embed --vec - "$T/log" < "$T/bad.vec"
        [[ $stderr == "tr-embed: stdin:$reason"* ]]
        [ -z "$output" ]
    done << 'IN'
| is empty
red 1 2\nblue 1\n|2: has 1 numbers behind its word, not 2
red 1 2\nblue 1 2 3\n|2: has more than 2
2 2\nred 1 nan\nblue 1 2\n|2: number 2, "nan", is no finite number
red 1 2\nblue 1 2|2: is cut off
3 2\nred 1 2\nblue 1 2\n| has 2 rows, but its first line says 3
, 1 2\n| has no word
IN
    expect 4 tr-embed --vec "$T/none.vec" "$T/log"
    expect 4 tr-embed --vec "$T" "$T/log"
}

@test "--vec and --words need a text, under a key that can be named" {
    vec red blue > "$T/two.vec"
    echo '{"q":"red"}' > "$T/q"
    for how in "--vec $T/two.vec" --words; do
        for line in '{"q":"red"}' '{"input":null}' '{"input":"\ud800"}' 'red'; do
            { head -1 "$T/log"; printf '%s\n' "$line"; } > "$T/bad"
            expect 3 tr-embed $how -o "$T/out" "$T/bad"
            [[ $stderr == "tr-embed: $T/bad:2: "* ]]
            [ ! -e "$T/out" ]
        done
        expect 0 tr-embed -q $how --input-key q "$T/q"
        [ "${#lines[@]}" -eq 1 ]
        expect 4 bash -c "tr-embed -q $how '$T/log' > /dev/full"
    done
}

@test "--words: a line of folded words a trace, and nothing for other lines" {
    { printf '%s\n' '{"input":"It\u0027s NOT my-card!"}' '' '{"text":" ?"}' '{"input":"\u00c9t\u00c9 1"}'
        tr-split -q "$T/log" | tail -1; } > "$T/in"
    expect 0 tr-embed --words "$T/in"
    [ "$output" = $'its not my card\n\n\xc3\xa9t\xc3\xa9 1' ]
    [ "$stderr" = "tr-embed: the words of 3 traces" ]
}

@test "fasttext skipgram on --words gives a .vec: the log with it is fitted and routed" {
    command -v fasttext > /dev/null || skip "fasttext is not installed"
    [[ $BUILD != */san ]] || skip "a second time tells nothing more"
    fixtures
    tr-embed -q --words "$F/log" > "$T/words"
    fasttext skipgram -input "$T/words" -output "$T/log" -dim 20 -minCount 1 -bucket 2000 -thread 1 \
        > /dev/null 2>&1
    tr-embed --vec "$T/log.vec" "$F/log" > "$T/e.log" 2> "$T/said"
    grep -q '600 traces, 20 numbers in each; 0 of them' "$T/said"
    fit --alpha .75 -o "$T/p.trp" < "$T/e.log"
    tr-embed -q --vec "$T/log.vec" "$F/requests" | tr-route -q "$T/p.trp" > "$T/decisions"
    [ "$(grep -c '"decision":"handled"' "$T/decisions")" -gt 20 ]
    # one line at a time is the same
    head -5 "$F/requests" | while IFS= read -r line; do
        tr-embed -q --vec "$T/log.vec" <<< "$line"
    done | tr-route -q "$T/p.trp" | cmp - <(head -5 "$T/decisions")
}

# splits LINE LINE: the log of these two lines.
splits() { printf '%s\n' "$@" > "$T/log"; expect "$status_wanted" tr-split "$T/log"; }

@test "tr-split: embeddings pass as they are, with the text or without" {
    status_wanted=0
    splits '{"input":"a","teacher":"x","embedding":[1 , 2e0]}' '{"embedding":"AACAPwAAAEA=","input":"b","teacher":"x"}'
    [[ ${lines[0]} == '{"input":"a","teacher":"x","embedding":[1 , 2e0],"split":"'* ]]
    [[ ${lines[1]} == '{"embedding":"AACAPwAAAEA=","input":"b","teacher":"x","split":"'* ]]
    [[ $stderr =~ embeddings\ +2\ +numbers ]]
    splits '{"teacher":"x","embedding":[1]}' '{"teacher":"x","embedding":"AACAPw=="}'
    [ "${#lines[@]}" -eq 3 ]
    splits '{"teacher":"x","input":"a"}' '{"teacher":"x","input":""}'
    [[ ! $stderr =~ embeddings ]]
    # skipped lines are not looked at
    splits '{"teacher":"x","embedding":[1]}' '{"decision":"deferred","embedding":"junk","label":null}'
    [ "${#lines[@]}" -eq 2 ]
}

@test "tr-split: a bad embedding, one of another length, none or no text where others have: refused" {
    status_wanted=3
    while IFS='|' read -r value reason; do
        splits '{"teacher":"x","embedding":[1,2]}' "{\"teacher\":\"x\",\"embedding\":$value}"
        [[ $stderr == "tr-split: $T/log:2: \"embedding\""*"$reason"* ]]
    done <<'IN'
null|is null
{}|is an object
[]|is empty
""|is empty
[1,null]|element 2 is not a number
[1,[2]]|element 2 is not a number
[1,1e39]|too large
[1,1e999]|too large
"AACAPwAAAE"|not base64
"AACAPw"|not base64
"AACAPwA="|no multiple of 4
"AACAP-=="|not base64 (character 6)
"AACAfwAAgD8="|element 1 is NaN or infinite
"AAAAAAAAwP8="|element 2 is NaN or infinite
[1]|has 1 numbers, those of the traces before have 2
[1,2,3]|has 3 numbers
IN
    splits '{"teacher":"x","embedding":[1]}' '{"teacher":"x","embedding":[1],"input":"a"}'
    [[ $stderr == *"$T/log:2: an input, but the traces before have none" ]]
    splits '{"teacher":"x","embedding":[1],"input":"a"}' '{"teacher":"x","embedding":[1]}'
    [[ $stderr == *"$T/log:2: no input, but the traces before have one" ]]
    splits '{"teacher":"x","input":"a"}' '{"teacher":"x","embedding":[1],"input":"a"}'
    [[ $stderr == *"$T/log:2: an \"embedding\", but the traces before have none" ]]
    splits '{"teacher":"x","embedding":[1],"input":"a"}' '{"teacher":"x","input":"a"}'
    [[ $stderr == *"$T/log:2: no \"embedding\", but the traces before have one" ]]
    splits '{"teacher":"x"}' '{"teacher":"x"}'
    [[ $stderr == *"$T/log:1: no input"*'and no "embedding"'* ]]
}
