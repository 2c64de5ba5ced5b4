#!/usr/bin/env bats
# tr-split: sides, keys, refusals, the summary.

load helper

setup() { common; }

# log N: N traces with ids and three labels.
log() {
    awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++)
        printf "{\"id\": \"r%d\", \"input\": \"text %d\", \"teacher\": \"l%d\"}\n", i, i % 97, i % 3 }'
}

# refused LINE REASON: as the second line of a log.
refused() {
    { log 1; printf '%b\n' "$1"; log 1; } > "$T/bad"
    run --separate-stderr tr-split --calibration .2 "$T/bad"
    echo "$1: $status $stderr"
    [ "$status" -eq 3 ]
    [[ $stderr == "tr-split: $T/bad:2: "*"$2"* ]]
    [[ $output != *tr-split* ]]
}

# one ARGS...: the line written for the one trace on standard input.
one() { tr-split -q --calibration .2 "$@" | sed -n '1s/,"split":.*//p'; }

@test "every row comes out once with its side, in order, then the trailer" {
    log 1000 > "$T/log"
    tr-split -q "$T/log" > "$T/out"
    [ "$(wc -l < "$T/out")" -eq 1001 ]
    head -1000 "$T/out" | jq -r .id | cmp - <(jq -r .id "$T/log")
    [ "$(head -1000 "$T/out" | jq -r .split | sort -u | paste -sd,)" = calibration,train ]
    run jq -c '."tr-split" | [.rows, .seed, .share, .grouped, (.digest | length)]' \
        <(tail -1 "$T/out")
    [ "$output" = '[1000,1,0.4,false,32]' ]
}

@test "automatic share: 2000 rows of 5,000 and more, 15 % of 13,334 and more" {
    for n in 4900 5000 13333 13334 30000; do
        log $n | tr-split -q > "$T/out"
        share=$(tail -1 "$T/out" | jq '."tr-split".share')
        got=$(grep -c '"split":"calibration"' "$T/out")
        echo "$n $share $got"
        awk -v n=$n -v s="$share" -v k="$got" 'BEGIN {
            want = 2000 / n; if (want < .15) want = .15; if (want > .4) want = .4
            d = k - n * want; exit !(s - want < 1e-12 && want - s < 1e-12 &&
                                     d * d < 25 * n * want * (1 - want)) }'
    done
}

@test "automatic share: the same bytes as with that share given" {
    log 4000 | tr-split -q > "$T/a"
    log 4000 | tr-split -q --calibration .4 | cmp - "$T/a"
    log 20000 | tr-split -q > "$T/a"
    log 20000 | tr-split -q --calibration 0.15 | cmp - "$T/a"
}

@test "the same side whatever the order and the other rows" {
    log 3000 > "$T/log"
    side() { tr-split -q --calibration .25 --test .1 | sed '$d' | jq -r '.id + " " + .split' | sort; }
    side < "$T/log" > "$T/a"
    shuf --random-source="$T/log" "$T/log" | side | cmp - "$T/a"
    head -500 "$T/log" | side > "$T/b"
    [ "$(comm -13 "$T/a" "$T/b" | wc -l)" -eq 0 ]
    # and the digest does not depend on the order either
    a=$(tr-split -q --calibration .25 < "$T/log" | tail -1)
    b=$(tac "$T/log" | tr-split -q --calibration .25 | tail -1)
    [ "$a" = "$b" ]
}

@test "another seed draws other rows" {
    log 1000 > "$T/log"
    tr-split -q --seed 1 "$T/log" | jq -r 'select(.split == "calibration") | .id' > "$T/a"
    tr-split -q --seed 2 "$T/log" | jq -r 'select(.split == "calibration") | .id' > "$T/b"
    run ! cmp -s "$T/a" "$T/b"
    [ "$(comm -12 <(sort "$T/a") <(sort "$T/b") | wc -l)" -gt 100 ]
}

@test "the same bytes whatever the chunks of the input" {
    log 300 > "$T/log"
    tr-split -q < "$T/log" > "$T/a"
    dd if="$T/log" bs=7 status=none | tr-split -q | cmp - "$T/a"
    split -l 100 "$T/log" "$T/part."
    tr-split -q "$T"/part.* | cmp - "$T/a"
    (head -c 1000 "$T/log"; sleep .1; tail -c +1001 "$T/log") | tr-split -q - | cmp - "$T/a"
}

@test "a fixed share streams: a row comes out before the next goes in" {
    mkfifo "$T/in"
    tr-split -q --calibration .2 < "$T/in" > "$T/out" &
    exec 8> "$T/in"
    log 1 >&8
    for _ in $(seq 50); do [ -s "$T/out" ] && break; sleep .1; done
    [ "$(wc -l < "$T/out")" -eq 1 ]
    exec 8>&-
    wait $!
    [ "$(wc -l < "$T/out")" -eq 2 ]
}

@test "CRLF, BOM and a last line without newline" {
    log 50 | tr-split -q > "$T/a"
    log 50 | sed 's/$/\r/; 1s/^/\xef\xbb\xbf/' | tr-split -q | cmp - "$T/a"
    log 50 | head -c -1 | tr-split -q | cmp - "$T/a"
}

@test "values and keys pass byte for byte, blanks between them go" {
    run one <<'IN'
 { "a" : 1.0e+400 , "input":"x\u00e9\ud83d\ude00", "k\u0065y" : [ 1 , {"b" : 2} ],"teacher" : "\u0041" }
IN
    [ "$output" = '{"a":1.0e+400,"input":"x\u00e9\ud83d\ude00","k\u0065y":[ 1 , {"b" : 2} ],"teacher":"\u0041"' ]
}

@test "aliases become input and teacher" {
    [ "$(echo '{"query":"q","intent":"i"}' | one)" = '{"input":"q","teacher":"i"' ]
    [ "$(echo '{"answer":"a","question":"q","x":1}' | one)" = '{"teacher":"a","input":"q","x":1' ]
    [ "$(echo '{"text":"t","label":3}' | one)" = '{"input":"t","teacher":3' ]
    [ "$(echo '{"prompt":"p","output":"o","label":"l"}' | one)" = '{"input":"p","output":"o","teacher":"l"' ]
}

@test "named keys, whatever their names" {
    line='{"input":"i","teacher":"t","label":"l","q":"q","split":"s","id":"7"}'
    [ "$(echo "$line" | one --input-key q --label-key label)" = '{"teacher":"l","input":"q","id":"7"' ]
    [ "$(echo "$line" | one --label-key split)" = '{"input":"i","label":"l","q":"q","teacher":"s","id":"7"' ]
    [ "$(echo "$line" | one --input-key teacher --label-key input)" = \
        '{"teacher":"i","input":"t","label":"l","q":"q","id":"7"' ]
    [ "$(echo "$line" | one --label-key id)" = '{"input":"i","label":"l","q":"q","teacher":"7"' ]
    # the trailer knows them, and nothing is lost on the way
    run bash -c "echo '$line' | tr-split -q --input-key q --label-key label | tail -1 |
        jq -c '.\"tr-split\" | [.input_key, .label_key, .group_key]'"
    [ "$output" = '["q","label",null]' ]
    run --separate-stderr tr-split --input-key a --label-key a
    [ "$status" -eq 2 ]
}

@test "decisions: only their teacher counts, the reserved keys go, the sampling stays" {
    line='{"id":"1","input":"i","label":"s","decision":"handled","accept_score":0.9,"stage":1,"propensity":0.05,"shadow_share":0.05,"shadow":true,"teacher":"t","error":"x","k":1}'
    [ "$(echo "$line" | one)" = \
        '{"id":"1","input":"i","propensity":0.05,"shadow_share":0.05,"teacher":"t","k":1' ]
    # without "decision" the same names are the log's own
    [ "$(echo '{"input":"i","teacher":"t","stage":1,"error":null,"label":"x"}' | one)" = \
        '{"input":"i","teacher":"t","stage":1,"error":null,"label":"x"' ]
    { echo '{"id":"2","input":"i","label":"s","decision":"handled","propensity":0,"shadow_share":0}'
      echo '{"id":"3","label":null,"decision":"deferred","error":"not JSON"}'
      echo "$line"; } > "$T/log"
    run --separate-stderr tr-split --calibration .2 "$T/log"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ $stderr =~ skipped\ +2\ +decisions\ without ]]
    run --separate-stderr tr-split <(head -2 "$T/log")
    [ "$status" -eq 3 ]
}

@test "eligibility: of deferred rows one in twenty may calibrate" {
    awk 'BEGIN { for (i = 1; i <= 20000; i++)
        printf "{\"id\":%d,\"input\":\"a\",\"decision\":\"deferred\",\"teacher\":\"x\",\"propensity\":1,\"shadow_share\":0.05}\n", i }' |
        tr-split --calibration .4 > "$T/out" 2> "$T/err"
    n=$(grep -c '"split":"calibration"' "$T/out")
    echo "$n"
    [ "$n" -gt 300 ]
    [ "$n" -lt 500 ]
    grep -q 'thinned  *1[89],' "$T/err"
    # what was never shadowed may not at all, and the share refers to the rest
    { sed '$d; s/0\.05/0/; s/,"split".*/}/' "$T/out"; log 5000; } | tr-split -q > "$T/two"
    [ "$(tail -1 "$T/two" | jq '."tr-split".share')" = 0.4 ]
    [ "$(grep '"shadow_share":0,' "$T/two" | grep -c '"split":"calibration"')" -eq 0 ]
}

@test "--group keeps a group on one side and names it" {
    awk 'BEGIN { for (i = 1; i <= 2000; i++)
        printf "{\"input\":\"t%d\",\"teacher\":\"x\",\"session\":%d,\"group\":\"old\"}\n", i, i / 5 }' > "$T/log"
    tr-split -q --test .2 --group session "$T/log" > "$T/out"
    sed '$d' "$T/out" > "$T/rows"
    [ "$(jq -r '"\(.session) \(.split)"' "$T/rows" | sort -u | wc -l)" -eq 401 ]
    [ "$(jq -r .split "$T/rows" | sort -u | wc -l)" -eq 3 ]
    [ "$(jq 'select(.group != .session)' "$T/rows")" = "" ]
    run ! grep -q '"old"' "$T/out"
    [ "$(tail -1 "$T/out" | jq -c '."tr-split" | [.grouped, .group_key]')" = '[true,"session"]' ]
    # the text itself can be the group; a key "group" of the log is one without being asked
    [ "$(echo '{"input":"i","teacher":"t"}' | one --group input)" = '{"input":"i","teacher":"t","group":"i"' ]
    [ "$(tr-split -q "$T/log" | tail -1 | jq '."tr-split".grouped')" = true ]
}

@test "--labels marks what is not listed, --strict refuses it" {
    printf 'l0\r\n\nl1\n' > "$T/labels"
    log 9 > "$T/log"
    run --separate-stderr tr-split --labels "$T/labels" "$T/log"
    [ "$status" -eq 0 ]
    [ "$(printf '%s\n' "${lines[@]}" | jq -r 'select(.unlisted == true) | .teacher' | sort | uniq -c | tr -s ' ')" = " 3 l2" ]
    [ "$(printf '%s\n' "${lines[@]}" | grep -c unlisted)" -eq 3 ]
    [[ $stderr =~ unlisted\ +3\  ]]
    run --separate-stderr tr-split --strict --labels "$T/labels" "$T/log"
    [ "$status" -eq 3 ]
    [[ $stderr == *"$T/log:2: "*'"l2"'* ]]
    run --separate-stderr tr-split --strict "$T/log"
    [ "$status" -eq 2 ]
    printf 'a\na\n' > "$T/labels"
    run --separate-stderr tr-split --labels "$T/labels" "$T/log"
    [ "$status" -eq 3 ]
    [[ $stderr == *"$T/labels:2: "* ]]
    run --separate-stderr tr-split --labels "$T/none" "$T/log"
    [ "$status" -eq 4 ]
    # a mark of an earlier split is not believed
    [ "$(echo '{"input":"i","teacher":"t","unlisted":true}' | one)" = '{"input":"i","teacher":"t"' ]
}

@test "a split log splits again to the same bytes" {
    log 500 | tr-split -q > "$T/a"
    run --separate-stderr tr-split "$T/a"
    [ "$status" -eq 0 ]
    printf '%s\n' "${lines[@]}" | cmp - "$T/a"
    [[ $stderr == *"earlier split"* ]]
}

@test "refused with file, line and reason" {
    refused '[1]' 'object'
    refused 'input' 'object'
    refused '' 'blank line; remove it'
    refused ' \t ' 'blank line; remove it'
    refused '{"input":"a","teacher":"b"' ''
    refused '{"input":"a\x00b","teacher":"b"}' 'NUL'
    refused '{"input":"a\xffb","teacher":"b"}' 'UTF-8'
    refused '{"input":"a","teacher":"b","teacher":"c"}' 'teacher'
    refused '{"input":"a","teacher":"b","\\u0069d":1,"id":2}' 'id'
    refused '{"input":null,"teacher":"b"}' '"input" is null'
    refused '{"input":["a"],"teacher":"b"}' '"input" is a list'
    refused '{"input":1,"teacher":"b"}' '"input" is a number'
    refused '{"teacher":"b"}' 'no input'
    refused '{"input":"a","teacher":null}' '"teacher" is null'
    refused '{"input":"a","teacher":["b"]}' '"teacher" is a list'
    refused '{"input":"a"}' 'no teacher label'
    refused '{"input":"a","teacher":"\\ud800"}' 'surrogate'
    refused '{"input":"a","teacher":"b","propensity":7,"shadow_share":1}' 'propensity'
    refused "{\"input\":\"a\",\"teacher\":\"b\",\"n\":$(printf '[%.0s' $(seq 1001))" ''
}

@test "nesting of 1,000 is accepted" {
    deep=$(printf '[%.0s' $(seq 999))$(printf ']%.0s' $(seq 999))
    run --separate-stderr tr-split <(echo "{\"input\":\"a\",\"teacher\":\"b\",\"n\":$deep}")
    [ "$status" -eq 0 ]
}

@test "what came before a bad line is written, the trailer is not" {
    { log 3; echo 'x'; } > "$T/log"
    run --separate-stderr tr-split --calibration .2 < "$T/log"
    [ "$status" -eq 3 ]
    [[ $stderr == *"tr-split: stdin:4: "* ]]
    [ "${#lines[@]}" -eq 3 ]
    # a file of -o is left as it was
    echo old > "$T/out"
    run --separate-stderr tr-split --calibration .2 -o "$T/out" "$T/log"
    [ "$status" -eq 3 ]
    [ "$(ls "$T" | grep -c out)" -eq 1 ]
    [ "$(cat "$T/out")" = old ]
}

@test "a cut last line is an error" {
    log 20 > "$T/log"
    run --separate-stderr tr-split <(head -c -10 "$T/log")
    [ "$status" -eq 3 ]
    [[ $stderr == *":20: "* ]]
}

@test "no traces: exit 3" {
    run --separate-stderr tr-split < /dev/null
    [ "$status" -eq 3 ]
    [[ $stderr == *"no traces"* ]]
    [ -z "$output" ]
    log 1 | tr-split -q | tail -1 > "$T/trailer"
    run --separate-stderr tr-split "$T/trailer"
    [ "$status" -eq 3 ]
}

@test "long lines, many labels, huge numbers" {
    { printf '{"input":"'; head -c 10000000 /dev/zero | tr '\0' x; printf '","teacher":"a"}\n'; log 2; } > "$T/log"
    tr-split -q "$T/log" > "$T/out"
    [ "$(wc -l < "$T/out")" -eq 4 ]
    [ "$(wc -c < "$T/out")" -gt 10000000 ]
    awk 'BEGIN { for (i = 0; i < 100000; i++) printf "{\"input\":\"a\",\"teacher\":\"l%d\"}\n", i }' > "$T/log"
    run --separate-stderr bash -c "tr-split '$T/log' > '$T/out'"
    [ "$status" -eq 0 ]
    [[ $stderr == *"100,000 traces, 100,000 labels"* ]]
}

@test "the summary: labels, sides, rows that a certificate needs" {
    { log 90; echo '{"input":"a","teacher":"rare"}'; } > "$T/log"
    run --separate-stderr tr-split --calibration .5 "$T/log"
    [ "$status" -eq 0 ]
    [[ $stderr == *"91 traces, 4 labels, seed 1"* ]]
    [[ $stderr =~ rarest\ labels\ +rare\ \(1\),\ l1\ \(30\) ]]
    [[ $stderr =~ rows\ needed\ +14\ +19\ +29\ +36\ +59\ +149 ]]
    [[ $stderr =~ enough\ here\ +yes\ +yes\ +yes\ +yes\ +no\ +no ]]
    run --separate-stderr tr-split -q "$T/log"
    [ -z "$stderr" ]
}

@test "/dev/full: exit 4, to a file and to stdout" {
    log 5 > "$T/log"
    run --separate-stderr bash -c "tr-split -q '$T/log' > /dev/full"
    [ "$status" -eq 4 ]
    [[ $stderr == "tr-split: "* ]]
    run --separate-stderr tr-split -q -o /dev/full "$T/log"
    [ "$status" -eq 4 ]
    run --separate-stderr bash -c "tr-split -h > /dev/full"
    [ "$status" -eq 4 ]
    { log 5; echo bad; } > "$T/log"
    run --separate-stderr bash -c "tr-split -q --calibration .2 '$T/log' > /dev/full"
    [ "$status" -eq 4 ]
}

@test "a closed pipe ends it quietly, the signal ignored or not" {
    log 20000 > "$T/log"
    run --separate-stderr bash -c "tr-split -q --calibration .2 '$T/log' | head -1 > /dev/null; echo \${PIPESTATUS[0]}"
    [ "$output" = 141 ]
    [ -z "$stderr" ]
    run --separate-stderr bash -c "trap '' PIPE; tr-split -q --calibration .2 '$T/log' | head -1 > /dev/null; echo \${PIPESTATUS[0]}"
    [ "$output" = 141 ]
    [ -z "$stderr" ]
}

@test "closed descriptors" {
    log 5 > "$T/log"
    run bash -c "tr-split -q '$T/log' >&- 2> /dev/null"
    [ "$status" -eq 4 ]
    run bash -c "tr-split -q <&- 2> /dev/null"
    [ "$status" -eq 4 ]
    run bash -c "tr-split -o '$T/out' '$T/log' <&- >&- 2>&-"
    [ "$status" -eq 0 ]
    tr-split -q "$T/log" | cmp - "$T/out"
}

@test "options: help, version, wrong usage, before and after operands" {
    log 5 > "$T/log"
    run --separate-stderr tr-split --help
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    for o in calibration test group labels strict seed input-key label-key output quiet; do
        [[ $output == *"--$o"* ]]
    done
    run --separate-stderr tr-split -V
    [[ $output == "tr-split (tr-tools) "* ]]
    for args in --bogus '--calibration 0' '--calibration 1' '--calibration x' '--calibration nan' \
        '--test 1' '--test -1' '--seed 1.5' '--seed 1x' --group; do
        run --separate-stderr tr-split $args
        echo "$args: $status $stderr"
        [ "$status" -eq 2 ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    tr-split -q "$T/log" --seed 3 > "$T/a"
    tr-split --seed=3 -q -- "$T/log" | cmp - "$T/a"
    tr-split "$T/log" -qo "$T/b" --seed 3
    cmp "$T/a" "$T/b"
    run --separate-stderr tr-split "$T/none"
    [ "$status" -eq 4 ]
    [[ $stderr == *"$T/none"* ]]
}

@test "the manual's examples run" {
    cd "$BATS_TEST_DIRNAME/.."
    examples=$(sed -n '/^\.Sh EXAMPLES/,/^\.Sh /{/^\.Dl /s///p}' man/tr-split.1 | sed 's/\\e/\\/g')
    [ "$(wc -l <<< "$examples")" -ge 4 ]
    mkdir "$T/samples"
    cp samples/support.jsonl "$T/samples/"
    cd "$T"
    while read -r example; do
        echo "$example"
        bash -euo pipefail -c "$example" > out
        [ -s out ] || [ -s split.jsonl ]
    done <<< "$examples"
}

# timed_log: 20 traces a day from the 1st to the 20th of November.
timed_log() {
    for i in $(seq 400); do
        printf '{"id":"%d","input":"red %d","teacher":"%d","timestamp":"2026-11-%02dT10:00:00Z"}\n' \
            "$i" $((i % 7)) $((i % 2)) $((i % 20 + 1))
    done
}

@test "--fresh-after: rows up to then train and are marked, only later ones calibrate" {
    timed_log > "$T/log"
    expect 0 tr-split --fresh-after 2026-11-10T10:00:00Z "$T/log"
    [[ $stderr =~ stale\ +200\  ]]
    [[ $stderr =~ "of 200 rows that may calibrate" ]]
    printf '%s\n' "${lines[@]}" > "$T/split"
    [ "$(jq -s 'map(select(.split == "calibration")) | length > 50' "$T/split")" = true ]
    [ "$(jq -c 'select(.split and (.stale == true) != (.timestamp <= "2026-11-10T10:00:00Z"))' "$T/split")" = "" ]
    [ "$(jq -c 'select(.stale and .split != "train")' "$T/split")" = "" ]
    [ "$(tail -n 1 "$T/split" | jq -c '."tr-split" | [.fresh_after, .eligible, .last]')" = \
        '["2026-11-10T10:00:00Z",200,"2026-11-20T10:00:00Z"]' ]
    # the marks are read, and a split of the split forgets them
    expect 0 tr-train -q --zoo svm -o "$T/m" "$T/split"
    expect 0 tr-split -q "$T/split"
    [[ $output != *stale* ]]
}

@test "--fresh-after: a row on the fresh side stays where it was without it" {
    timed_log > "$T/log"
    tr-split -q --calibration .3 "$T/log" | jq -c 'select(.split and .timestamp > "2026-11-10T10:00:00Z") | [.id, .split]' > "$T/all"
    tr-split -q --calibration .3 --fresh-after 2026-11-10T10:00:00Z "$T/log" |
        jq -c 'select(.split and (.stale | not)) | [.id, .split]' > "$T/fresh"
    cmp "$T/all" "$T/fresh"
}

@test "--since and --until leave out what lies outside, zones and epochs understood" {
    timed_log > "$T/log"
    expect 0 tr-split --since 2026-11-05T11:00:00+01:00 --until 2026-11-07 "$T/log"
    [[ $stderr =~ "left out"\ +360\  ]]
    [ "$(printf '%s\n' "${lines[@]}" | jq -r 'select(.split) | .timestamp' | sort | uniq -c | tr -s ' ')" = " 20 2026-11-05T10:00:00Z
 20 2026-11-06T10:00:00Z" ]
    jq -c '.at = (.timestamp | fromdate) | del(.timestamp)' "$T/log" > "$T/epoch"
    expect 0 tr-split -q --time-key at --since "$(date -u -d 2026-11-05T10:00:00Z +%s)" --until 2026-11-07 "$T/epoch"
    [ "${#lines[@]}" -eq 41 ]
    expect 3 tr-split --since 2027-01-01 "$T/log"
    [[ $stderr == *"all lie outside --since and --until" ]]
}

@test "times that are none, and rows without one" {
    timed_log > "$T/log"
    expect 2 tr-split --since yesterday "$T/log"
    [[ $stderr == *"--since yesterday is no time"* ]]
    expect 2 tr-split --fresh-after "2026-11-10T10:00:00" "$T/log"
    { head -n 3 "$T/log"; echo '{"id":"x","input":"a","teacher":"b"}'; } > "$T/without"
    expect 3 tr-split --fresh-after 2026-11-10 "$T/without"
    [[ $stderr == *"/without:4: no \"timestamp\", which --fresh-after needs; name the time by --time-key" ]]
    expect 0 tr-split -q "$T/without"
    sed '2s/2026-11/2026-41/' "$T/log" > "$T/bad"
    expect 3 tr-split --until 2026-11-10 "$T/bad"
    [[ $stderr == *'/bad:2: "timestamp" is no time'* ]]
    expect 0 tr-split -q "$T/bad"
}
