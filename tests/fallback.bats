#!/usr/bin/env bats
# tr-route --shadow and --fallback: which rows the teacher is asked about, whatever becomes of the
# command that asks it; scripts/teacher-openai.

load helper
setup_file() { fixtures; }
setup() {
    common
    mock=$ROOT/tests/teacher-mock
}
teardown() {
    [ -z "${server-}" ] || kill "$server" 2> /dev/null || true
    [ -n "${BATS_TEST_COMPLETED-}" ] || { [ ! -e "$T/last" ] || cat "$T/last"; }
}

# wait_lines FILE N: until FILE has N lines, ten seconds at most.
wait_lines() {
    for _ in $(seq 100); do
        [ "$(wc -l < "$1")" -ge "$2" ] && return
        sleep .1
    done
    echo "$1 has $(wc -l < "$1") lines, not $2"
    return 1
}

# lives PID: it is there, and no zombie.
lives() { grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

# many TIMES: the requests that often, each with an id of its own.
many() {
    awk -v times="$1" '{ line[NR] = $0 } END { for (i = 1; i <= times; i++) for (k = 1; k <= NR; k++) {
        s = line[k]; sub(/"r-/, "\"" i "-", s); print s } }' "$F/requests"
}

# ask ARGS...: the requests with the share .2 by a good teacher, in "$T/good"; then by the one that
# ARGS describe, in "$T/out".
ask() {
    [ -e "$T/good" ] ||
        tr-route -q "$F/policy.trp" --shadow .2 --fallback "$mock" "$F/requests" > "$T/good"
    tr-route "$F/policy.trp" --shadow .2 "$@" "$F/requests" > "$T/out" 2> "$T/err"
}

# counts: of the last line on standard error.
counts() { sed -n 's/^tr-route: teacher: \([0-9,]* asked.*\)/\1/p' "$T/err"; }

@test "--shadow: the share is drawn by id, and said with every decision" {
    many 20 > "$T/in"
    tr-route "$F/policy.trp" --shadow .2 "$T/in" > "$T/out"
    jq -se '(map(select(.decision == "handled")) | length) as $n |
        (map(select(.shadow)) | length) as $k | $n > 1000 and
        ($k / $n - .2 | fabs) < 5 * ((.2 * .8 / $n) | sqrt)' "$T/out"
    jq -se 'all(.shadow_share == .2 and .propensity == (if .decision == "handled" then .2 else 1 end)
        and (.shadow == null or (.shadow == true and .decision == "handled")))' "$T/out"
    # the rest is as without it, and so is the order
    sed -E 's/"propensity":0?\.2/"propensity":0/; s/"shadow_share":0?\.2(,"shadow":true)?\}/"shadow_share":0}/' \
        "$T/out" | cmp - <(tr-route "$F/policy.trp" "$T/in")
    # a larger share takes more to what a smaller one has; another seed takes others
    tr-route "$F/policy.trp" --shadow .5 "$T/in" | jq -r 'select(.shadow).id' > "$T/more"
    jq -r 'select(.shadow).id' "$T/out" > "$T/less"
    [ "$(grep -cxFf "$T/more" "$T/less")" -eq "$(wc -l < "$T/less")" ]
    ! tr-route "$F/policy.trp" --shadow .2 --seed 2 "$T/in" | jq -r 'select(.shadow).id' |
        cmp -s - "$T/less" || false
    # order and neighbours do not matter; nor does routing again
    tac "$T/in" | tr-route -j 2 "$F/policy.trp" --shadow .2 | tac | cmp - "$T/out"
    tr-route "$F/policy.trp" --shadow .2 "$T/out" | cmp - "$T/out"
    tr-route "$F/policy.trp" --shadow 0 "$T/in" | cmp - <(tr-route "$F/policy.trp" "$T/in")
    tr-route "$F/policy.trp" --shadow 1 "$T/in" | jq -se 'all(.propensity == 1 and .shadow_share == 1 and
        ((.decision == "handled") == (.shadow == true)))'
}

@test "--shadow: a row whose teacher is known is like a deferred one; bad lines have the share too" {
    out=$(decide '{"id":"1","input":"red a","intent":"x"}' --shadow 1)
    jq -e '.teacher == "x" and .propensity == 1 and .shadow_share == 1 and (has("shadow") | not)' <<< "$out"
    out=$(decide x --shadow .25)
    jq -e '.propensity == 1 and .shadow_share == .25 and (has("id") | not)' <<< "$out"
    s='"accept_score":[0-9.]*'
    decide '{"id":"1","input":"red a"}' --shadow 1 --explain | grep -q \
        ",$s,\"stage\":1,\"propensity\":1,\"shadow_share\":1,\"shadow\":true,\"explain\":{\"why\":null"
}

@test "ids are written where there is none" {
    grep -v '^$' "$F/requests" | jq -c 'del(.id)' > "$T/in"
    cat "$T/in" "$T/in" | tr-route "$F/policy.trp" --shadow .2 > "$T/out"
    [ "$(jq -r .id "$T/out" | grep -cxE '[0-9a-f]{16}')" -eq 400 ]
    [ "$(jq -r .id "$T/out" | sort -u | wc -l)" -eq 400 ]
    jq -c 'keys_unsorted[:2]' "$T/out" | sort -u | grep -qx '\["input","id"\]'
    cat "$T/in" "$T/in" | tr-route -j 2 --batch 7 "$F/policy.trp" --shadow .2 | cmp - "$T/out"
    tr-route "$F/policy.trp" --fallback "$mock" --id-prefix 'é"1"-' "$T/in" > "$T/b"
    jq -r .id "$T/b" | sed 's/é"1"-//' | cmp - <(head -200 "$T/out" | jq -r .id)
    # none without these options
    tr-route "$F/policy.trp" --id-prefix x "$T/in" | jq -se 'all(has("id") | not)'
    expect 2 tr-route "$F/policy.trp" --shadow .2 --id-prefix $'\xff' "$T/in"
}

@test "--fallback: the teacher gets what is deferred or shadowed, as it came, and nothing else" {
    {
        echo '{"id":"h","input":"red a","k":[1, 2],"embedding":[1],"label":null,"error":"e"}'
        echo '{"id":"d","text":"quite other words","k\u0065y":1.50}'
        echo '{"id":"b","input":5}'
        echo 'x'
        echo '{"id":"t","input":"other words again","teacher":"mine"}'
        echo '{"id":7,"input":"and more words"}'
    } > "$T/in"
    expect 3 tr-route "$F/tiny.trp" --fallback "$mock log=$T/log" "$T/in"
    printf '%s\n' '{"id":"d","text":"quite other words","k\u0065y":1.50}' \
        '{"id":7,"input":"and more words"}' | cmp - "$T/log"
    [[ ${lines[0]} == '{"id":"h","input":"red a","k":[1, 2],"label":"red","decision":"handled",'* ]]
    [[ ${lines[1]} == '{"id":"d","text":"quite other words","k\u0065y":1.50,"teacher":"t-d","label":null,"decision":"deferred",'*'"propensity":1,"shadow_share":0}' ]]
    [[ ${lines[2]}${lines[3]} != *t-b* ]]
    [[ ${lines[4]} == *'"teacher":"mine","label":null,'* ]]
    [[ ${lines[5]} == *'"teacher":"t-7","label":null,'* ]]
    [[ $stderr == *"2 asked, 2 answered, 0 failed, 0 late, 0 restarts"* ]]
    rm "$T/log"
    expect 3 tr-route -q "$F/tiny.trp" --shadow 1 --keep-embedding --fallback "$mock log=$T/log" "$T/in"
    [ "$(head -1 "$T/log")" = '{"id":"h","input":"red a","k":[1, 2],"embedding":[1]}' ]
    [[ ${lines[0]} == *'"embedding":[1],"teacher":"t-h","label":"red","decision":"handled",'*'"propensity":1,"shadow_share":1,"shadow":true}' ]]
    [[ $stderr != *asked* ]]
    # a policy that defers everything asks about everything
    tr-route "$F/refused.trp" --fallback "$mock" "$F/requests" | jq -se 'length == 200 and all(.teacher == "t-" + .id)'
}

@test "any teacher that answers gives the same bytes, by any threads, batch and window" {
    ask --fallback "$mock"
    jq -se 'length == 200 and all(if .shadow or .decision == "deferred" then .teacher == "t-" + .id
        else has("teacher") | not end) and (map(select(.shadow)) | length) > 5' "$T/good"
    jq -r .id "$T/good" | cmp - <(jq -r .id "$F/requests")
    for how in shuffle=7 'shuffle=1000' slow=.002 die=9 'die=9 shuffle=4 status=3' noise=1 twice=1 echo=1 stderr=1; do
        for args in '' '-j 2 --batch 30' '--window 3' '--line-buffered' '-j 3 --window 1'; do
            case "$how $args" in 'die'*'--window'* | slow*-j*) continue ;; esac
            echo "$how $args"
            ask --fallback "$mock $how" $args
            cmp "$T/out" "$T/good"
            grep -q '0 failed' "$T/err"
        done
    done
    ask --fallback "$mock stderr=1"
    grep -qx 'line 1' "$T/err"
}

@test "half of the answers, none, and too late: errors after the time-out, the rest complete" {
    ask --fallback "$mock skip=2" --timeout .3 || [ $? -eq 4 ]
    asked=$(jq -s 'map(select(.teacher)) | length' "$T/good")
    [ "$(wc -l < "$T/out")" -eq 200 ]
    [ "$(grep -c '"error":"teacher: no answer within 0.3 s"}$' "$T/out")" -eq $((asked / 2)) ]
    grep -qx "tr-route: $((asked / 2)) requests had no answer from the teacher; each says so in \"error\"" "$T/err"
    # but for that they are what they were
    jq -c 'del(.teacher, .error)' "$T/out" | cmp - <(jq -c 'del(.teacher)' "$T/good")
    jq -se 'all(has("teacher") != has("error") or (.decision == "handled" and (.shadow | not)))' "$T/out"
    for deaf in 'cat > /dev/null' "exec 0<&-; exec sleep 100"; do
        echo "$deaf"
        ask --fallback "$deaf" --timeout .3 --retries 0 && false || [ $? -eq 4 ]
        jq -c 'del(.teacher, .error)' "$T/out" | cmp - <(jq -c 'del(.teacher)' "$T/good")
        [ "$(grep -c '"error":"teacher: no answer' "$T/out")" -eq "$asked" ]
    done
    # one that takes nothing, so that its pipe is full
    many 20 > "$T/in"
    tr-route "$F/policy.trp" --shadow 1 --fallback 'exec sleep 100' --timeout .3 "$T/in" > "$T/out" 2> "$T/err" &&
        false || [ $? -eq 4 ]
    [ "$(grep -c '"error":"teacher: no answer within 0.3 s"}$' "$T/out")" -eq 4000 ]
    # good answers after late ones
    ask --fallback "read -r x; sleep .6; { echo \"\$x\"; cat; } | $mock" --timeout .3 || [ $? -eq 4 ]
    [ "$(wc -l < "$T/out")" -eq 200 ]
    [[ $(counts) =~ ^$asked\ asked,\ .*\ ([0-9]+)\ failed,\ ([0-9]+)\ late ]]
    [ "${BASH_REMATCH[1]}" -gt 0 ]
    [ "${BASH_REMATCH[2]}" -eq "${BASH_REMATCH[1]}" ]
}

@test "null and garbage" {
    ask --fallback "$mock null=3" && false || [ $? -eq 4 ]
    jq -se '(map(select(.error)) | length) as $n | $n > 5 and
        all(.error == null or (.error == "teacher: no label" and (has("teacher") | not)))' "$T/out"
    ask --fallback "$mock noise=1 null=2 twice=1 skip=3" --timeout .3 && false || [ $? -eq 4 ]
    [ "$(grep -c 'a line that is no answer: garbage' "$T/err")" -eq 1 ]
    [ "$(grep -c 'an answer to no request: {"id":"nobody"' "$T/err")" -eq 1 ]
    [ "$(wc -l < "$T/err")" -le 8 ]
    ask --fallback "head -c 30000000 /dev/zero; echo; $mock"
    cmp "$T/out" "$T/good"
}

@test "a command that ends at once is not started without end" {
    start=$SECONDS
    ask --fallback "echo >> '$T/starts'; exit 3" --retries 1 && false || [ $? -eq 4 ]
    [ "$(wc -l < "$T/starts")" -eq 4 ]
    jq -c 'del(.teacher, .error)' "$T/out" | cmp - <(jq -c 'del(.teacher)' "$T/good")
    [ "$(grep -c '"error":"teacher: no answer: the command ended with status 3' "$T/out")" -eq \
        "$(jq -s 'map(select(.teacher)) | length' "$T/good")" ]
    ask --fallback no-such-command --retries 0 && false || [ $? -eq 4 ]
    grep -q 'ended with status 127' "$T/err"
    [ $((SECONDS - start)) -lt 10 ]
    # nor started at all where there is nothing to ask
    tr-route -q "$F/tiny.trp" --fallback "touch '$T/started'" <<< '{"input":"red a"}'
    [ ! -e "$T/started" ]
}

@test "a request that the command cannot survive costs itself alone" {
    ask --fallback "$mock"
    id=$(jq -r 'select(.teacher).id' "$T/good" | sed -n 12p)
    ask --fallback "$mock poison=$id" --retries 1 2> /dev/null && false || [ $? -eq 4 ]
    [ "$(grep -c '"error"' "$T/out")" -eq 1 ]
    grep '"error"' "$T/out" | jq -e --arg id "$id" '.id == $id and (.error | test("ended .* over it"))'
    [ "$(cmp -l <(grep -v "\"id\":\"$id\"" "$T/good") <(grep -v "\"id\":\"$id\"" "$T/out") | wc -l)" -eq 0 ]
}

@test "the end: it may finish its work, and is ended where it does not come to one" {
    ask --fallback "$mock; sleep .3; touch '$T/finished'"
    cmp "$T/out" "$T/good"
    [ -e "$T/finished" ]
    start=$SECONDS
    ask --fallback "echo \$\$ > '$T/pid'; $mock; sleep 77"
    cmp "$T/out" "$T/good"
    [ $((SECONDS - start)) -lt 20 ]
    [ -z "$(lives "$(cat "$T/pid")" && echo still)" ]
}

@test "the answers go out while the input waits, in order" {
    for args in '' '-j 2' --line-buffered; do
        rm -f "$T/in" "$T/out"
        mkfifo "$T/in"
        tr-route -q $args "$F/tiny.trp" --fallback "$mock slow=.2" < "$T/in" > "$T/out" 3>&- &
        exec 8> "$T/in"
        printf '%s\n' '{"id":"1","input":"quite other words"}' '{"id":"2","input":"red a"}' >&8
        wait_lines "$T/out" 2
        printf '%s' '{"id":"3","input":"quite other words"}' $'\n{"id":"4","inp' >&8
        wait_lines "$T/out" 3
        printf 'ut":"red a"}\n' >&8
        wait_lines "$T/out" 4
        exec 8>&-
        wait $!
        [ "$(jq -r .id "$T/out" | paste -sd,)" = 1,2,3,4 ]
    done
}

@test "our reader goes, and we go; the command with us" {
    many 20 > "$T/in"
    run bash -c "tr-route '$F/policy.trp' --shadow 1 --fallback 'echo \$\$ > \"$T/pid\"; exec $mock' '$T/in' | head -1; echo \${PIPESTATUS[0]}"
    [ "${lines[1]}" -eq 141 ]
    for _ in $(seq 50); do
        lives "$(cat "$T/pid")" || break
        sleep .1
    done
    [ -z "$(lives "$(cat "$T/pid")" && echo still)" ]
    # a full disk is a failure as ever
    expect 4 bash -c "tr-route '$F/policy.trp' --fallback '$mock' '$T/in' > /dev/full"
}

@test "SIGHUP: a new policy for what comes, while rows wait" {
    mkfifo "$T/in"
    cp "$F/refused.trp" "$T/p"
    tr-route -q "$T/p" --fallback "$mock slow=.5" < "$T/in" > "$T/out" 3>&- &
    router=$!
    exec 8> "$T/in"
    echo '{"id":"1","input":"red a"}' >&8
    sleep .2
    cp "$F/tiny.trp" "$T/new"
    mv "$T/new" "$T/p"
    kill -HUP $router
    echo '{"id":"2","input":"red a"}' >&8
    wait_lines "$T/out" 2
    exec 8>&-
    wait $router
    [ "$(jq -c '[.id, .decision, .teacher]' "$T/out" | paste -sd' ')" = '["1","deferred","t-1"] ["2","handled",null]' ]
}

@test "many lines, a command that dies again and again: each line once, in order, little memory" {
    times=500 most=1000 # 100,000 lines
    sanitized && times=50 most=500
    many $times > "$T/in"
    tr-route -q "$F/policy.trp" --shadow .05 --fallback "$mock die=$most" "$T/in" > "$T/out"
    jq -r .id "$T/out" | cmp - <(jq -r .id "$T/in")
    jq -ne 'reduce inputs as $d (true; . and ($d | if .shadow or .decision == "deferred"
        then .teacher == "t-" + .id else has("teacher") | not end))' "$T/out"
}

@test "the memory does not grow with the input" {
    sanitized && skip "not under the sanitizers"
    peak() { # TIMES: of that many requests, in kB, while it still waits for its input
        rm -f "$T/fifo"
        mkfifo "$T/fifo"
        tr-route -q "$F/policy.trp" --shadow 1 --fallback "$mock" < "$T/fifo" > "$T/out" 3>&- &
        exec 8> "$T/fifo"
        many "$1" >&8
        wait_lines "$T/out" $((200 * $1)) >&2
        awk '$1 == "VmHWM:" { print $2 }' "/proc/$!/status"
        exec 8>&-
        wait $!
    }
    a=$(peak 100)
    b=$(peak 1000)
    echo "$a kB, $b kB"
    [ "$a" -gt 0 ]
    [ "$b" -lt $((a + a / 4 + 2000)) ]
}

@test "decisions with their teacher are traces: shadowed ones are eligible, deferred ones by the share" {
    many 20 > "$T/in"
    tr-route -q "$F/policy.trp" --shadow .3 --fallback "$mock" "$T/in" |
        jq -c '.teacher |= (if . then .[2:4] else empty end)' > "$T/log"
    tr-split "$T/log" > "$T/split" 2> "$T/err"
    jq -r 'select(.split == "calibration").id' "$T/split" | sort > "$T/calibration"
    jq -r 'select(.shadow).id' "$T/log" | sort > "$T/shadowed"
    jq -r 'select(.decision == "deferred").id' "$T/log" | sort > "$T/deferred"
    wc -l "$T/calibration" "$T/shadowed" "$T/deferred"
    cat "$T/err"
    # nothing else is there, and of both kinds about the same share of what may be
    [ "$(sort -m "$T/shadowed" "$T/deferred" | comm -23 "$T/calibration" - | wc -l)" -eq 0 ]
    jq -ne --argjson a "$(comm -12 "$T/calibration" "$T/shadowed" | wc -l)" \
        --argjson b "$(comm -12 "$T/calibration" "$T/deferred" | wc -l)" \
        --argjson h "$(wc -l < "$T/shadowed")" --argjson d "$(wc -l < "$T/deferred")" \
        '$a > 200 and $b > 50 and ($a / $h - $b / ($d * .3) | fabs) < .12'
}

@test "wrong usage, help" {
    expect 2 tr-route "$F/tiny.trp" --shadow 1.1
    expect 2 tr-route "$F/tiny.trp" --shadow x
    expect 2 tr-route "$F/tiny.trp" --window 0
    expect 2 tr-route "$F/tiny.trp" --timeout 0
    expect 2 tr-route "$F/tiny.trp" --retries -1
    expect 0 tr-route -h
    for o in shadow fallback id-prefix window timeout retries seed; do
        [[ $output == *"--$o"* ]]
    done
    # what was decided before a failure is asked about all the same
    for args in '' '-j 2'; do
        expect 4 tr-route $args "$F/policy.trp" --fallback "$mock" "$F/requests" "$T/none"
        [ "${#lines[@]}" -eq 200 ]
        [[ $stderr == *"$T/none"* ]]
    done
}

# ---- scripts/teacher-openai ----

# serve: the tests' own server, in $url.
serve() {
    "$ROOT/tests/server-chat" "$T" 3>&- &
    server=$!
    for _ in $(seq 100); do
        [ ! -s "$T/port" ] || break
        sleep .05
    done
    url=http://127.0.0.1:$(cat "$T/port")
    printf 'Labels:\n{labels}\nText: {input}\nLabel:\n' > "$T/prompt"
    printf 'red\nblue\n' > "$T/labels"
    openai=("$ROOT/scripts/teacher-openai" --model m1 --prompt "$T/prompt" --labels "$T/labels")
}

# asks TEXT...: the answers of teacher-openai (args in $args) to them, sorted, as "id=label".
asks() {
    local k=0 text
    for text; do
        k=$((k + 1))
        jq -cn --arg id "q$k" --arg text "$text" '{id: $id, input: $text}'
    done | "${openai[@]}" --url "$url" "${args[@]}" 2> "$T/err" | sort | jq -r '"\(.id)=\(.teacher)"' |
        paste -sd' '
}

@test "teacher-openai: answers, and what is made of them" {
    serve
    args=(-P 8 --retries 1)
    export OPENAI_API_KEY='a"b\c'
    [ "$(asks 'red {labels} a' 'say "blue" \ now' quoted\ red madeup empty garbage always400 first429\ red \
        first500\ blue)" = 'q1=red q2=blue q3=red q4=Something Else. q5=null q6=null q7=null q8=red q9=blue' ]
    [ "$(sort "$T/log" | uniq -c | tr -s ' ')" = ' 11 Bearer a"b\c m1' ]
    jq -se 'any(.messages[0].content == "Labels:\nred\nblue\nText: red {labels} a\nLabel:") and
        any(.messages[0].content == "Labels:\nred\nblue\nText: say \"blue\" \\ now\nLabel:") and
        all(.temperature == 0)' "$T/body"
    grep -q '"q7": 400' "$T/err"
    ! grep -q 'a"b' "$T/err" || false
}

@test "teacher-openai: several in flight; servers that are slow, broken, gone" {
    serve
    args=(-P 6 --retries 0 --options '{"max_tokens":9}')
    echo key > "$T/key"
    args+=(--key-file "$T/key")
    start=$SECONDS
    [ "$(asks slow\ red slow\ blue slow\ 3\ red slow\ 4\ red slow\ 5\ red slow\ 6\ red)" = \
        'q1=red q2=blue q3=red q4=red q5=red q6=red' ]
    grep -q '"max_tokens":9' "$T/body"
    grep -qx 'Bearer key m1' "$T/log"
    args=(-P 2 --retries 1 --max-time 5)
    [ "$(asks always500 cut red)" = 'q1=null q2=null q3=red' ]
    grep -q '"q1": 500' "$T/err"
    kill "$server"
    url=http://127.0.0.1:1
    [ "$(asks red)" = q1=null ]
}

@test "teacher-openai: as the command of tr-route" {
    serve
    printf '%s\n' '{"id":"1","input":"other words, not red"}' '{"id":"2","input":"red a"}' \
        '{"id":"3","text":"more words that are blue"}' '{"id":"4","input":"always400 and so on"}' > "$T/in"
    expect 4 tr-route "$F/refused.trp" --fallback "${openai[*]} --url $url/v1" "$T/in"
    [ "$(printf '%s\n' "${lines[@]}" | jq -c '[.teacher, .error]' | paste -sd' ')" = \
        '["red",null] ["red",null] ["blue",null] [null,"teacher: no label"]' ]
    [ "$(sort -u "$T/log")" = '- m1' ]
}

@test "teacher-openai: usage" {
    serve
    expect 0 "$ROOT/scripts/teacher-openai" -h
    [[ $output == *--key-file* ]]
    expect 2 "$ROOT/scripts/teacher-openai"
    expect 2 "${openai[@]}" --bogus
    expect 2 "${openai[@]}" -P 0
    expect 2 "${openai[@]}" --options 5
    expect 2 "${openai[@]}" --model
    expect 0 "${openai[@]}" < /dev/null
    [ -z "$output$stderr" ]
    echo 'no place for the text' > "$T/prompt"
    expect 2 "${openai[@]}"
}
