#!/usr/bin/env bats
# tr-route: the contract of a filter, decisions, reserved keys, reload.

load helper
setup_file() { fixtures; }
setup() { common; }

# wait_lines FILE N: until FILE has N lines, ten seconds at most.
wait_lines() {
    for _ in $(seq 100); do
        [ "$(wc -l < "$1")" -ge "$2" ] && return
        sleep .1
    done
    echo "$1 has $(wc -l < "$1") lines, not $2"
    return 1
}

@test "one decision for each request, in order, handled and deferred" {
    tr-route "$F/policy.trp" "$F/requests" > "$T/out"
    [ "$(wc -l < "$T/out")" -eq 200 ]
    jq -r .id "$T/out" | cmp - <(jq -r .id "$F/requests")
    jq -r .input "$T/out" | cmp - <(jq -r .input "$F/requests")
    [ "$(jq -r .decision "$T/out" | sort -u | paste -sd,)" = deferred,handled ]
    jq -se 'all(if .decision == "handled"
                then (.label | type) == "string" and .stage == 1 and .propensity == 0
                else .label == null and .stage == null and .propensity == 1 end)' "$T/out"
    jq -se 'all(.shadow_share == 0 and .accept_score >= 0 and .accept_score <= 1)' "$T/out"
    jq -se 'all(has("error") | not)' "$T/out"
}

@test "what is handled reaches the threshold" {
    threshold=$(tr-show "$F/policy.trp" | jq .rule.threshold)
    tr-route "$F/policy.trp" "$F/requests" | jq -se --argjson t "$threshold" '
        map(select(.decision == "handled")) | length > 20 and all(.accept_score >= $t)'
}

@test "the shape of a decision, to the byte" {
    s='"accept_score":[0-9.]*'
    decide '{"input":"red a","id":7}' | grep -qx \
        "{\"input\":\"red a\",\"id\":7,\"label\":\"red\",\"decision\":\"handled\",$s,\"stage\":1,\"propensity\":0,\"shadow_share\":0}"
    decide '{"input":"quite other words"}' | grep -qx \
        "{\"input\":\"quite other words\",\"label\":null,\"decision\":\"deferred\",$s,\"stage\":null,\"propensity\":1,\"shadow_share\":0}"
    [ "$(decide '[]')" = '{"label":null,"decision":"deferred","accept_score":null,"stage":null,"propensity":1,"shadow_share":0,"error":"line 1: bad JSON at byte 1: not a JSON object"}' ]
}

@test "unknown keys pass byte for byte, numbers included" {
    line='"a":1.0e400000,"b":-0.0,"c":123456789012345678901234567890,"k\u0065y":"\ud83d\ude00\/","d":[ 1 , {"b" : 2.50} ],"x":1,"x":1,"é":"é","metadata":{"embedding":[1,2],"label":"l"},"split":"test","group":null'
    [[ $(decide "{$line,\"input\":\"red a\"}") == "{$line,\"input\":\"red a\",\"label\":"* ]]
    [[ $(decide "{\"input\":\"red a\",$line}") == "{\"input\":\"red a\",$line,\"label\":"* ]]
    # also of a request that is refused
    [[ $(decide "{$line,\"input\":null}") == "{$line,\"input\":null,\"label\":null,"*'"error":'* ]]
}

@test "reserved keys are dropped, a teacher under an alias is written as teacher" {
    out=$(decide '{"input":"red a","decision":"deferred","accept_score":9,"stage":9,"propensity":0.5,"shadow_share":0.5,"shadow":true,"error":"e","label":"old","k":1}')
    jq -ce '[.decision, .stage, .shadow_share, has("shadow"), has("error"), has("teacher"), .label, .k] ==
            ["handled", 1, 0, false, false, false, "red", 1]' <<< "$out"
    # each name once
    [ "$(grep -o '"[a-z_]*":' <<< "$out" | sort | uniq -d)" = "" ]
    for alias in teacher teacher_output label intent output answer; do
        [[ $(decide "{\"input\":\"red a\",\"$alias\":\"x\"}") == '{"input":"red a","teacher":"x","label":"red",'*'"propensity":1,'* ]]
    done
    # "teacher" comes before its aliases, and only one is the teacher
    out=$(decide '{"input":"red a","label":"l","teacher":"t","intent":"i"}')
    [ "$(jq -c '[.teacher, .intent, .label]' <<< "$out")" = '["t","i","red"]' ]
    # of a decision only "teacher" is one
    out=$(decide '{"input":"red a","label":"l","decision":"handled"}')
    [ "$(jq -c 'has("teacher")' <<< "$out")" = false ]
    # no label yet
    decide '{"input":"red a","teacher":null}' | jq -ce 'has("error") | not'
}

@test "an embedding goes, unless it is to be kept" {
    line='{"input":"red a","embedding":[1,2,3]}'
    [[ $(decide "$line") == '{"input":"red a","label":'* ]]
    [[ $(decide "$line" --keep-embedding) == '{"input":"red a","embedding":[1,2,3],"label":'* ]]
}

@test "--explain: what decided, under a name of its own, and nothing else changes" {
    tr-route "$F/policy.trp" "$F/requests" > "$T/plain"
    tr-route --explain "$F/policy.trp" "$F/requests" > "$T/out"
    # the last member, behind all others, whose bytes stay
    sed -E 's/,"explain":\{"why":.*\}\}$/}/' "$T/out" | cmp - "$T/plain"
    rule=$(tr-show "$F/policy.trp" | jq .rule)
    jq -se --argjson rule "$rule" 'length == 200 and all(.explain as $e |
        ($e | keys_unsorted) ==
            ["why", "best", "threshold", "novelty", "novelty_most", "for", "against"] and
        (($e.why == null) == (.decision == "handled")) and
        ($e.best | length == 3 and . == sort_by(-.p) and (map(.p) | add) < 1.00001) and
        (.label == null or .label == $e.best[0].label) and
        $e.threshold == $rule.threshold and ($e.novelty_most - $rule.novelty_most | fabs) < 1e-5 and
        ($e.for | length <= 3 and all(.weight > 0) and . == sort_by(-.weight)) and
        ($e.against | length <= 3 and all(.weight < 0) and . == sort_by(.weight)) and
        ($e.for + $e.against | map(.gram) | length == (unique | length)))' "$T/out"
    # why is why
    jq -se 'all(.explain as $e |
        if $e.why == "novel" then $e.novelty > $e.novelty_most
        elif $e.why == "low_score" then .accept_score < $e.threshold and $e.novelty <= $e.novelty_most
        else $e.why == null and .accept_score >= $e.threshold and $e.novelty <= $e.novelty_most end) and
        (map(.explain.why) | unique) == [null, "low_score", "novel"]' "$T/out"
    # words of the text they are, folded
    jq -se 'all((.input | ascii_downcase | gsub("\u0027"; "") | gsub("[^a-z0-9à-ÿ]+"; " ")) as $t |
        .explain | .for + .against | all(.gram as $g | " \($t) " | contains(" \($g) "))) and
        (map(.explain.for | length) | add) > 300 and (map(.explain.against | length) | add) > 100' \
        "$T/out"
}

@test "--explain: the same bytes for any threads and batches; and again when routed again" {
    { cat "$F/requests"; echo x; cat "$F/requests" <(printf '{"input":"last"}'); } > "$T/in"
    tr-route --explain "$F/policy.trp" "$T/in" > "$T/a" 2> /dev/null || [ $? -eq 3 ]
    for args in '-j 2' '-j 3 --batch 7' '--batch 1' '-j 2 --batch 4096' --line-buffered; do
        echo "$args"
        tr-route --explain $args "$F/policy.trp" "$T/in" 2> /dev/null | cmp - "$T/a" ||
            [ "${PIPESTATUS[*]}" = "3 0" ]
    done
    grep -v '"error"' "$T/a" > "$T/b"
    tr-route "$F/policy.trp" "$T/b" --explain | cmp - "$T/b"
    tr-route "$F/policy.trp" "$T/b" | jq -se 'all(has("explain") | not)'
    tr-route -j 2 --explain "$F/e.trp" "$F/e.requests" > "$T/c"
    tr-route --explain "$F/e.trp" "$F/e.requests" | cmp - "$T/c"
}

@test "--explain: none beside an error; a member of that name is dropped" {
    for args in '' --explain; do
        out=$(decide 'x' $args)
        [ "$(jq -c '[has("error"), has("explain")]' <<< "$out")" = '[true,false]' ]
        out=$(decide '{"explain":"mine","input":5}' $args)
        [ "$(jq -c '[has("error"), has("explain")]' <<< "$out")" = '[true,false]' ]
    done
    [[ $(decide '{"expl\u0061in":[1,{}],"input":"red a","k":1}') == '{"input":"red a","k":1,"label":"red",'*'"shadow_share":0}' ]]
    out=$(decide '{"explain":"mine","input":"red a"}' --explain)
    [ "$(grep -o '"explain":' <<< "$out" | wc -l)" -eq 1 ]
    jq -ce '.explain | .why == null and .best[0].label == "red" and (.best | length) == 2 and
        any(.for[]; .gram == "red")' <<< "$out"
}

@test "--explain: a label that is never answered, a refused policy" {
    label=$(tr-route "$F/policy.trp" "$F/requests" | jq -r 'select(.label).label' | sort | uniq -c |
        sort -k 1,1nr -k 2 | sed -n '1s/^ *[0-9]* //p')
    tr-calibrate -q --alpha .8 --defer-label "$label" -o "$T/p" "$F/gated.trm"
    tr-route --explain "$T/p" "$F/requests" > "$T/out"
    jq -se --arg l "$label" '
        (map(select(.explain.why == "label")) | length > 10 and
            all(.decision == "deferred" and .explain.best[0].label == $l)) and
        all(.[] | select(.decision == "handled"); .label != $l)' "$T/out"
    tr-route --explain "$F/refused.trp" "$F/requests" |
        jq -se 'length == 200 and all(.explain == {why: "refused"} and .decision == "deferred")'
}

@test "--explain: without the guard no novelty, without texts no words" {
    tr-calibrate -q --alpha .8 --novelty 0 -o "$T/p" "$F/gated.trm"
    tr-route --explain "$T/p" "$F/requests" | jq -se 'all(.explain | keys_unsorted ==
        ["why", "best", "threshold", "for", "against"])'
    tr-train -q --no-text "$F/e.split" | tr-gate | tr-calibrate -q --alpha .35 -o "$T/p"
    jq -c '{id, embedding}' "$F/e.requests" | tr-route --explain "$T/p" > "$T/out"
    jq -se 'all(.explain | (has("for") or has("against") | not) and (.best | length) == 3 and
        has("threshold") and has("novelty")) and any(.decision == "handled")' "$T/out"
    # of two stages, it is the one that answers or was asked last: its label is the best one
    tr-route --explain "$F/e.trp" "$F/e.requests" | jq -se '
        all(.label == null or .label == .explain.best[0].label) and
        any(.stage == 2) and any(.stage == 1) and any(.explain.for | length > 0)'
}

@test "--explain: hostile texts" {
    marks=$(printf '\\u0301%.0s' {1..1000})
    {
        printf '{"input":"%s"}\n' '' ' ' '\"\\</script><b>red</b>' 'red\tblue\n\u2028red\u0007' \
            "don't RED" 'ＲＥＤ ﬁne' '\u202ered\u202c العر' '😀red😀' '退款red' "e$marks" "red$marks" \
            "$(printf 'x%.0s' {1..100000})" "$(printf 'red %.0s' {1..25000})"
    } > "$T/in"
    expect 0 tr-route --explain "$F/tiny.trp" "$T/in"
    printf '%s\n' "${lines[@]}" > "$T/out"
    jq -se 'length == 13 and all(.explain | has("why") and (.best | length) == 2)' "$T/out"
    jq -se 'all(.explain | .for + .against | all(.gram | split(" ") | length <= 2 and
        all(test("^[a-z]+$"))))' "$T/out"
    jq -se 'all(.[2, 3, 4, 5, 6, 7, 8, 12]; any(.explain.for[]; .gram == "red"))' "$T/out"
    jq -se 'all(.[0, 1, 9, 10, 11]; .explain | .for == [] and .against == [])' "$T/out"
    printf '%s\n' "${lines[@]}" | jq -c 'del(.explain)' > "$T/a"
    tr-route "$F/tiny.trp" "$T/in" | jq -c . | cmp - "$T/a"
}

@test "two stages: each answers what the one before does not" {
    tr-route "$F/e.trp" "$F/e.requests" > "$T/out"
    threshold=$(tr-show "$F/e.trp" | jq .rule.threshold)
    [ "$(jq -c .stage "$T/out" | sort -u | paste -sd,)" = 1,2,null ]
    jq -se --argjson t "$threshold" 'length == 200 and
        all(if .decision == "handled" then .stage and .label and .accept_score >= $t
            else .stage == null and .label == null end)' "$T/out"
    # what the first stage alone would answer, it answers
    for args in '-j 2' '-j 2 --batch 7' --line-buffered; do
        tr-route $args "$F/e.trp" "$F/e.requests" | cmp - "$T/out"
    done
    as_base64 < "$F/e.requests" | tr-route "$F/e.trp" | cmp - "$T/out"
    tr-route --keep-embedding "$F/e.trp" "$F/e.requests" | jq -se 'all(.embedding | length == 12)'
    jq -se 'all(has("embedding") | not)' "$T/out"
}

@test "a request without the embedding that the policy needs, or another: an error in its place" {
    e='"embedding":[1,2,3,4,5,6,7,8,9,10,11,12]'
    zeros=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    printf '%s\n' "{\"input\":\"where is my order\",$e}" '{"input":"where is my order"}' \
        '{"input":"a","embedding":[1,2,3]}' '{"input":"a","embedding":null}' \
        '{"input":"a","embedding":"no base64"}' "{$e}" \
        "{\"input\":\"a\",${e/12]/1e999]}}" "{\"input\":\"a\",\"embedding\":\"${zeros}AMB/\"}" \
        "{\"input\":\"a\",\"embedding\":\"${zeros}AAAA\"}" "{\"input\":\"a\",$e,$e}" > "$T/in"
    for args in '' '-j 2' '--batch 1'; do
        expect 3 tr-route $args "$F/e.trp" "$T/in"
        [ "${#lines[@]}" -eq 10 ]
        [[ $stderr == *"8 lines could not be read"* ]]
        for k in 2 3 4 5 6 7 8 10; do
            jq -e --arg k "$k" '(.error | startswith("line \($k): ")) and .decision == "deferred" and
                .label == null and .accept_score == null and .stage == null' <<< "${lines[$((k - 1))]}"
        done
        for k in 1 9; do
            jq -e '(has("error") or has("embedding") | not) and .accept_score >= 0' <<< "${lines[$((k - 1))]}"
        done
        [[ ${lines[1]} == *"no embedding; the policy takes one of 12 numbers"* ]]
        [[ ${lines[2]} == *"an embedding of 3 numbers; the policy takes 12"* ]]
        [[ ${lines[5]} == *"no input"* ]]
    done
    # and all of them, for requests of texts alone
    expect 3 tr-route -q "$F/e.trp" "$F/requests"
    [ "${#lines[@]}" -eq 200 ]
    [ "$(printf '%s\n' "${lines[@]}" | grep -c '"decision":"deferred".*no embedding')" -eq 200 ]
}

@test "a policy of embeddings alone takes no text, one of texts alone no embedding" {
    tr-train -q --no-text "$F/e.split" | tr-gate | tr-calibrate -q --alpha .35 -o "$T/p"
    jq -c '{id, embedding}' "$F/e.requests" | tr-route "$T/p" | jq -c 'del(.id)' > "$T/a"
    tr-route "$T/p" "$F/e.requests" | jq -c 'del(.id, .input)' | cmp - "$T/a"
    grep -q '"handled"' "$T/a"
    jq -c '.input = 7' "$F/e.requests" | tr-route -q "$T/p" > "$T/b" 2> /dev/null || [ $? -eq 3 ]
    [ "$(wc -l < "$T/b")" -eq 200 ]
    # whatever stands under embedding
    [[ $(decide '{"input":"red a","embedding":null}') == *'"label":"red"'* ]]
    [[ $(decide '{"input":"red a","embedding":["x"]}') == *'"label":"red"'* ]]
    # one that was refused defers all, embedding or not
    tr-calibrate -q --alpha .99 "$F/e.trm" > "$T/refused" 2> /dev/null || [ $? -eq 1 ]
    cat "$F/requests" "$F/e.requests" | tr-route "$T/refused" | jq .stage | sort -u | grep -qx null
}

@test "aliases of the input; the policy knows the keys it was fitted with" {
    for alias in input query text prompt question; do
        [[ $(decide "{\"$alias\":\"red a\"}") == "{\"$alias\":\"red a\",\"label\":\"red\","* ]]
    done
    sed 's/"input"/"body"/; s/"teacher"/"verdict"/' "$F/tiny.log" |
        tr-split -q --input-key body --label-key verdict | tr-train -q --zoo svm | tr-gate |
        tr-calibrate -q --alpha .8 -o "$T/p"
    out=$(echo '{"body":"red a","verdict":"v","input":"blue b"}' | tr-route "$T/p")
    [[ $out == '{"body":"red a","teacher":"v","input":"blue b","label":"red",'* ]]
    run --separate-stderr tr-route "$T/p" <<< '{"input":"red a"}'
    [ "$status" -eq 3 ]
    [[ $output == *'no \"body\"'* ]]
}

@test "bad lines: deferred with error and line number, counted, exit 3 at the end" {
    printf '%s\n' '{"input":"red a"}' 'x' '' '{"input":"blue b"}' '{"tr-split":{}}' '{"input":1}' > "$T/in"
    expect 3 tr-route "$F/tiny.trp" "$T/in"
    [ "${#lines[@]}" -eq 6 ]
    [[ $stderr == *"4 lines"* ]]
    for k in 2 3 5 6; do
        jq -e --arg k "$k" '(.error | startswith("line \($k): ")) and .decision == "deferred" and
            .label == null and .accept_score == null' <<< "${lines[$((k - 1))]}"
    done
    for k in 1 4; do
        jq -e '.decision == "handled" and (has("error") | not)' <<< "${lines[$((k - 1))]}"
    done
    # -q says nothing of it but keeps the status; numbers run over all files
    expect 3 tr-route -q "$F/tiny.trp" "$T/in" "$T/in"
    jq -e '.error | startswith("line 8: ")' <<< "${lines[7]}"
}

@test "a last line without newline is a line; empty input is no line" {
    [ "$(printf '{"input":"red a"}\n{"input":"blue b"}' | tr-route "$F/tiny.trp" | wc -l)" -eq 2 ]
    expect 0 bash -c "tr-route '$F/tiny.trp' < /dev/null"
    [ -z "$output$stderr" ]
    expect 3 tr-route "$F/tiny.trp" <(printf '{"input":"red a"}\n{"inp')
    [ "${#lines[@]}" -eq 2 ]
}

@test "the same bytes for any threads and batches, and bad lines in their place" {
    { cat "$F/requests"; echo x; cat "$F/requests" <(printf '{"input":"last"}'); } > "$T/in"
    tr-route "$F/policy.trp" "$T/in" > "$T/a" 2> /dev/null || [ $? -eq 3 ]
    for args in '-j 2' '-j 3 --batch 7' '--batch 1' '-j 2 --batch 1' '-j 2 --batch 4096' --line-buffered; do
        echo "$args"
        tr-route $args "$F/policy.trp" "$T/in" 2> /dev/null | cmp - "$T/a" || [ "${PIPESTATUS[*]}" = "3 0" ]
    done
}

@test "no state from line to line" {
    tr-route "$F/policy.trp" "$F/requests" | sort > "$T/a"
    shuf --random-source="$F/log" "$F/requests" | tr-route "$F/policy.trp" | sort | cmp - "$T/a"
    tail -1 "$F/requests" | tr-route "$F/policy.trp" > "$T/one"
    tr-route "$F/policy.trp" "$F/requests" | tail -1 | cmp - "$T/one"
}

@test "output is flushed whenever input would block" {
    for args in '' '-j 2' '--batch 1' --line-buffered; do
        rm -f "$T/in" "$T/out"
        mkfifo "$T/in"
        tr-route $args "$F/tiny.trp" < "$T/in" > "$T/out" 3>&- &
        exec 8> "$T/in"
        echo '{"input":"red a"}' >&8
        wait_lines "$T/out" 1
        # two lines and half a line: two decisions
        printf '{"input":"red a"}\n{"input":"blue b"}\n{"inp' >&8
        wait_lines "$T/out" 3
        printf 'ut":"red c"}' >&8
        exec 8>&-
        wait $!
        [ "$(wc -l < "$T/out")" -eq 4 ]
        [ "$(jq -r .decision "$T/out" | sort -u)" = handled ]
    done
}

@test "what becomes of the policy's file after it was read does not matter" {
    tr-route -q "$F/policy.trp" "$F/requests" > "$T/whole"
    for becomes in "cat '$F/e.trp'" "head -c 5000 '$F/policy.trp'" true; do
        rm -f "$T/in" "$T/out"
        mkfifo "$T/in"
        cp "$F/policy.trp" "$T/p"
        tr-route -q "$T/p" < "$T/in" > "$T/out" 3>&- &
        router=$!
        exec 8> "$T/in"
        head -n 20 "$F/requests" >&8
        wait_lines "$T/out" 20
        bash -c "$becomes" > "$T/p" # the same file, written over
        tail -n +21 "$F/requests" >&8
        exec 8>&-
        wait $router
        cmp "$T/out" "$T/whole"
    done
}

@test "SIGHUP takes the new policy in; a bad one leaves the old one in use" {
    for args in '-j 1' '-j 2'; do
        rm -f "$T/in" "$T/out"
        mkfifo "$T/in"
        cp "$F/tiny.trp" "$T/p"
        tr-route $args "$T/p" < "$T/in" > "$T/out" 2> "$T/err" 3>&- &
        router=$!
        exec 8> "$T/in"
        ask() { # N: one more request, N decisions after it
            echo '{"input":"red a"}' >&8
            wait_lines "$T/out" "$1"
        }
        ask 1
        cp "$F/refused.trp" "$T/new"
        mv "$T/new" "$T/p"
        ask 2
        kill -HUP $router
        ask 3
        echo junk > "$T/new"
        mv "$T/new" "$T/p"
        kill -HUP $router
        ask 4
        rm "$T/p"
        kill -HUP $router
        ask 5
        cp "$F/tiny.trp" "$T/p"
        kill -HUP $router
        ask 6
        exec 8>&-
        wait $router
        jq -r .decision "$T/out" | paste -sd, > "$T/seen"
        cat "$T/seen" "$T/err"
        [ "$(cat "$T/seen")" = handled,handled,deferred,deferred,deferred,handled ]
        [ "$(grep -c 'stays in use' "$T/err")" -eq 2 ]
        grep -q "$T/p: is no tr-tools file" "$T/err"
    done
}

@test "a policy written with -o under a running router is safe" {
    mkfifo "$T/in"
    cp "$F/tiny.trp" "$T/p"
    tr-route "$T/p" < "$T/in" > "$T/out" 3>&- &
    exec 8> "$T/in"
    echo '{"input":"red a"}' >&8
    wait_lines "$T/out" 1
    tr-calibrate -q --alpha .75 -o "$T/p" "$F/tiny.trm"
    echo '{"input":"red a"}' >&8
    exec 8>&-
    wait $!
    [ "$(jq -r .decision "$T/out" | sort | uniq -c | tr -s ' ')" = " 2 handled" ]
}

@test "a refused policy defers everything, bad lines still count" {
    expect 3 tr-route "$F/refused.trp" <(cat "$F/requests"; echo x)
    [ "${#lines[@]}" -eq 201 ]
    [ "$(printf '%s\n' "${lines[@]}" | jq -r .decision | sort -u)" = deferred ]
}

@test "decisions route again to the same decisions" {
    tr-route "$F/policy.trp" "$F/requests" > "$T/a"
    tr-route "$F/policy.trp" "$T/a" | cmp - "$T/a"
}

@test "the memory does not grow with the input" {
    sanitized && skip "not under the sanitizers"
    peak() { # TIMES: of that many requests, in kB
        mkfifo "$T/in"
        tr-route -j 2 "$F/tiny.trp" < "$T/in" > "$T/out" 3>&- &
        exec 8> "$T/in"
        for _ in $(seq "$1"); do cat "$F/requests"; done >&8
        wait_lines "$T/out" $((200 * $1)) >&2
        awk '$1 == "VmHWM:" { print $2 }' "/proc/$!/status"
        exec 8>&-
        wait $!
        rm "$T/in"
    }
    a=$(peak 40)
    b=$(peak 800)
    echo "$a kB, $b kB"
    [ "$a" -gt 0 ]
    [ "$b" -lt $((a + a / 4 + 2000)) ]
}

@test "no policy, a bad policy, wrong usage" {
    expect 2 tr-route
    expect 2 tr-route "$F/tiny.trp" --batch 0
    expect 2 tr-route "$F/tiny.trp" --bogus
    expect 4 tr-route "$T/none"
    for bad in "$F/tiny.trm" "$F/split" /dev/null; do
        expect 3 tr-route "$bad" "$F/requests"
        [ -z "$output" ]
        [[ $stderr == "tr-route: $bad: "* ]]
    done
    expect 4 tr-route "$F/tiny.trp" "$F/requests" "$T/none"
    [[ $stderr == *"$T/none"* ]]
    [ "${#lines[@]}" -eq 200 ] # none lost
    expect 0 tr-route -h
    for o in line-buffered keep-embedding explain batch threads output; do
        [[ $output == *"--$o"* ]]
    done
    expect 0 tr-route -V
}

@test "options before and after operands" {
    tr-route "$F/policy.trp" "$F/requests" > "$T/a"
    tr-route --line-buffered "$F/policy.trp" -- "$F/requests" | cmp - "$T/a"
    tr-route "$F/policy.trp" "$F/requests" -o "$T/b" -j2
    cmp "$T/a" "$T/b"
}
