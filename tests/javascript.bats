#!/usr/bin/env bats
# samples/javascript run by node: log, fit, sidecar, fetch; and what clients of TRACER's server do.

load helper
setup_file() { fixtures; }
setup() {
    common
    ! sanitized || skip 'what the tools do here is tested under the sanitizers by itself'
    command -v node > /dev/null || skip 'no node'
    node -e 'fetch, AbortSignal.timeout' 2> /dev/null || skip 'this node has no fetch'
    js=$ROOT/samples/javascript
    cd "$T"
}
teardown() {
    [ -z "${servers-}" ] || kill -CONT $servers 2> /dev/null || true
    [ -z "${servers-}" ] || kill $servers 2> /dev/null || true
    [ -n "${BATS_TEST_COMPLETED-}" ] || { [ ! -e "$T/last" ] || cat "$T/last"; }
}

# wait_for COMMAND...: until it succeeds, ten seconds at most.
wait_for() {
    for _ in $(seq 100); do
        "$@" > /dev/null 2>&1 && return
        sleep .1
    done
    echo "in vain: $*"
    return 1
}

# model: a chat endpoint that knows colours; its requests are lines of "$T/chat/log".
model() {
    mkdir chat
    "$ROOT/tests/server-chat" chat 3>&- & # bats waits for descriptor 3
    servers+=" $!"
    wait_for [ -s chat/port ]
    printf 'red\nblue\n' > labels.txt
    export LLM_URL=http://127.0.0.1:$(cat chat/port)/v1/chat/completions LLM_MODEL=m LLM_KEY=k LABELS=labels.txt
}
asked() { [ ! -e chat/log ] || wc -l < chat/log; }

# sidecar POLICY ARGS...: tr-serve; its URL in TR_SERVE, its process in $sidecar.
sidecar() {
    tr-serve "$1" --listen 127.0.0.1:0 "${@:2}" 2> serve.err 3>&- &
    sidecar=$!
    servers+=" $sidecar"
    wait_for grep -q 'http://' serve.err
    export TR_SERVE=$(grep -o 'http://127.0.0.1:[0-9]*' serve.err)
}

# unused_port: one that was free a moment ago.
unused_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
        console.log(s.address().port); s.close() })'
}

# texts N: of the kind that tiny_log has, in two colours. Behind each second one, a text with both, of
# which the model says the first, and no policy knows which one that is.
texts() { tiny_log "$1" | jq -r .input; }
mixed() {
    texts "$1" | awk '{ print } NR % 2 { k = NR * 7 % 11 % 2
        print "cat", k ? "red" : "blue", "cat", k ? "blue" : "red", "cat" }'
}
colours() { sed -E 's/^(cat )?(red|blue) .*/\2/' "$@"; }

@test "log, fit, sidecar, fetch" {
    model
    # 1. every answer of the model is a trace
    mixed 200 > t1
    expect 0 node "$js/log.mjs" traces.jsonl < t1
    diff <(colours t1) <(echo "$output")
    jq -se 'length == 300 and all(has("id") and has("timestamp") and has("input") and has("teacher")) and
        (map(.id) | unique | length) == 300' traces.jsonl
    grep -q 'k m' chat/log
    # 2. fit
    expect 0 tr-fit -q traces.jsonl --alpha .9 --zoo svm -o policy.trp
    # 3. the sidecar, 4. asked first
    sidecar policy.trp --shadow .2
    mixed 140 > t2
    before=$(asked)
    export TR_SHADOW=.2 TR_TIMEOUT=5000
    expect 0 node "$js/client.mjs" decisions.jsonl < t2
    [ "${#lines[@]}" -eq 210 ]
    [ "$(diff <(colours t2) <(echo "$output") | grep -c '^>')" -lt 30 ]
    # each was decided as tr-route decides; those of the model have its label and nothing else has
    jq -c '{id, timestamp, input}' decisions.jsonl | tr-route -q policy.trp --shadow .2 | sort > want
    jq -c 'del(.teacher)' decisions.jsonl | sort > got
    diff <(jq -S -c . got) <(jq -S -c . want)
    jq -se 'length == 210 and (map(select(.decision == "deferred")) | length | . > 30 and . < 110) and
        (map(select(.shadow)) | length | . > 5 and . < 60) and
        all((.teacher != null) == (.decision == "deferred" or .shadow == true)) and
        all(.shadow_share == .2 and .propensity == (if .decision == "handled" then .2 else 1 end))' decisions.jsonl
    [ $(($(asked) - before)) -eq "$(jq -n '[inputs | select(.teacher)] | length' decisions.jsonl)" ]
    # 5. fitted again, from rows that the first certificate has not seen
    mkdir refit
    cp policy.trp refit/attempt.trp
    tail -n 1 traces.jsonl | jq -r .timestamp > refit/used
    makefile=$(sed -n 's/^    make -f \([^ ]*\) LOGS=.*/\1/p' "$js/README.md") # as it is said there
    expect 0 make --no-print-directory -f "$js/$makefile" LOGS='traces.jsonl decisions.jsonl' \
        ALPHA=.7 TRAIN='--zoo svm' MIN_FRESH=15 PROMOTE=--allow-less
    [ "$(jq -s 'length' policy.trp.history)" -eq 1 ]
    jq -e '.rows > 5 and .rows < 100' policy.trp.history
    tr-calibrate -q --verify refit/attempt.trp refit/split.jsonl
}

@test "a sidecar that is down, slow or answers nonsense costs calls, not answers" {
    model
    export TR_SHADOW=.2 TR_TIMEOUT=200
    texts 20 > t
    TR_SERVE=http://127.0.0.1:$(unused_port) expect 0 node "$js/client.mjs" down.jsonl < t
    diff <(colours t) <(echo "$output")
    [[ $stderr == *ECONNREFUSED* ]]
    [ "$(asked)" -eq 20 ]
    jq -se 'length == 20 and all(.propensity == 1 and .shadow_share == .2 and has("id") and has("timestamp") and
        has("teacher") and (has("decision") | not))' down.jsonl
    # these are traces beside others, and thinned like them
    { cat down.jsonl; tiny_log 200 ',"propensity":1,"shadow_share":0.2'; } > both.jsonl
    expect 0 tr-split both.jsonl
    [ "$(jq -n '[inputs | select(.input)] | length' <<< "$output")" -eq 220 ]

    sidecar "$F/tiny.trp"
    kill -STOP "$sidecar"
    head -3 t > t3
    before=$EPOCHSECONDS
    expect 0 node "$js/client.mjs" slow.jsonl < t3
    [ $((EPOCHSECONDS - before)) -lt 10 ]
    diff <(colours t3) <(echo "$output")
    [[ $stderr == *timeout* ]]
    kill -CONT "$sidecar"
    jq -se 'length == 3 and all(.propensity == 1)' slow.jsonl

    # a token that is wanted and not there; then with it
    echo secret > token
    sidecar "$F/tiny.trp" --token token
    expect 0 node "$js/client.mjs" token.jsonl < t3
    [[ $stderr == *'status 401'* ]]
    [ "$(asked)" -eq 26 ]
    TR_TIMEOUT=5000 TR_TOKEN=secret expect 0 node "$js/client.mjs" good.jsonl < t3
    [ -z "$stderr" ]
    [ "$(asked)" -eq 26 ]
    jq -se 'length == 3 and all(.decision == "handled")' good.jsonl
}

@test "no answer from the model: said for that text, and nothing that looks like a trace" {
    model
    printf '%s\n' 'red a' 'always500 a' 'always400 b' garbage 'empty c' 'blue d' > t
    export LLM_RETRIES=1
    expect 1 node "$js/log.mjs" traces.jsonl < t
    [ "$output" = $'red\n\n\n\n\nblue' ]
    [ "${#stderr_lines[@]}" -eq 5 ]
    [[ ${stderr_lines[0]} == 'log.mjs: line 2: '*'answers 500' ]]
    [[ ${stderr_lines[1]} == 'log.mjs: line 3: '*'answers 400' ]]
    [ "${stderr_lines[4]}" = 'log.mjs: texts without an answer: 4 of 6' ]
    [ "$(jq -c '[.input, .teacher]' traces.jsonl)" = $'["red a","red"]\n["blue d","blue"]' ]
    [ "$(asked)" -eq 7 ] # the one with status 500 twice
    sidecar "$F/refused.trp" --shadow .1
    TR_TIMEOUT=5000 TR_SHADOW=.1 LLM_RETRIES=0 expect 1 node "$js/client.mjs" d.jsonl < t
    [ "$output" = $'red\n\n\n\n\nblue' ]
    [[ $stderr == *'client.mjs: line 2: '*'answers 500'*'without an answer: 4 of 6' ]]
    [ "$(asked)" -eq 13 ]
    jq -se 'length == 6 and all(.decision == "deferred" and .propensity == 1) and
        map(.teacher) == ["red", null, null, null, null, "blue"] and
        all(has("teacher") or (.error | startswith("teacher: ")))' d.jsonl
    # in an application: an error, at once
    LLM_RETRIES=9 expect 0 node --input-type=module -e "
        import { askAndLog } from '$js/log.mjs'
        import { classify } from '$js/client.mjs'
        for (const ask of [askAndLog, classify]) {
            await ask('always500 b', 'none').then(() => process.exit(1), (e) => console.log(e.constructor.name, e.message))
        }"
    [ "$output" = $'Error the model\'s server answers 500\nError the model\'s server answers 500' ]
    [ "$(asked)" -eq 15 ]
}

# A fetch that answers with the statuses and headers of "replies", then "red"; and pauses that are
# written to "pauses" and not made.
scripted() {
    cat > fake.cjs << 'END'
const fs = require('fs')
const replies = JSON.parse(fs.readFileSync('replies', 'utf8'))
globalThis.fetch = async () => {
  const reply = replies.shift()
  if (reply === null) throw new TypeError('fetch failed', { cause: new Error('connection lost') })
  const [status, after] = reply ?? [200]
  return new Response('{"choices":[{"message":{"content":"red"}}]}', { status, headers: after ? { 'Retry-After': after } : {} })
}
globalThis.setTimeout = (go, ms) => { fs.appendFileSync('pauses', ms + '\n'); queueMicrotask(go) }
END
    printf 'red\nblue\n' > labels.txt
    echo "$1" > replies
    rm -f pauses traces.jsonl
    export LABELS=labels.txt
}

@test "a busy server is asked again after what it says, or growing pauses" {
    echo 'a text' > t
    scripted '[[429],[503],null]'
    expect 0 node -r ./fake.cjs "$js/log.mjs" traces.jsonl < t
    [ "$output" = red ]
    [ -z "$stderr" ]
    [ "$(paste -sd ' ' pauses)" = '1000 2000 4000' ]
    scripted '[[429,"7"],[429,"99999"],[503,"Wed, 01 Jan 2020 00:00:00 GMT"]]'
    expect 0 node -r ./fake.cjs "$js/log.mjs" traces.jsonl < t
    [ "$(paste -sd ' ' pauses)" = '7000 600000 0' ]
    # no more than so often; no other status
    scripted '[[429],[429],[429],[429]]'
    expect 1 node -r ./fake.cjs "$js/log.mjs" traces.jsonl < t
    [[ $stderr == *'line 1: '*'answers 429'*'1 of 1' ]]
    [ "$(wc -l < pauses)" -eq 3 ]
    scripted '[[401]]'
    expect 1 node -r ./fake.cjs "$js/log.mjs" traces.jsonl < t
    [ ! -e pauses ]
    [ ! -e traces.jsonl ]
    scripted '[null]'
    LLM_RETRIES=0 expect 1 node -r ./fake.cjs "$js/log.mjs" traces.jsonl < t
    [[ $stderr == *'connection lost'* ]]
}

@test "an answer that is none of the labels is passed on, counted and not logged" {
    model
    printf '%s\n' 'quoted red' 'madeup a' 'blue b' 'madeup b' > t
    expect 0 node "$js/log.mjs" traces.jsonl < t
    [ "$output" = $'red\nSomething Else.\nblue\nSomething Else.' ]
    [ "$stderr" = 'log.mjs: answers that are none of the labels and no traces: 2; the first: "Something Else."' ]
    [ "$(jq -r .teacher traces.jsonl)" = $'red\nblue' ]
    sidecar "$F/refused.trp" --shadow .1
    TR_TIMEOUT=5000 TR_SHADOW=.1 expect 0 node "$js/client.mjs" d.jsonl < t
    [ "$output" = $'red\nSomething Else.\nblue\nSomething Else.' ]
    [[ $stderr == 'client.mjs: '*': 2; the first: "Something Else."' ]]
    jq -se 'map(.teacher) == ["red", null, "blue", null] and (.[1].error | startswith("teacher: "))' d.jsonl
    # a sidecar that is down: no decision, and so nothing to log
    TR_SERVE=http://127.0.0.1:$(unused_port) expect 0 node "$js/client.mjs" down.jsonl < t
    [ "$(jq -r .teacher down.jsonl)" = $'red\nblue' ]
    # behind the caller's back
    sidecar "$F/tiny.trp" --shadow 1
    echo 'red a madeup' > t
    TR_TIMEOUT=5000 TR_SHADOW=1 expect 0 node "$js/client.mjs" shadow.jsonl < t
    [ "$output" = red ]
    [[ $stderr == *'no traces: 1;'* ]]
    jq -e '.shadow and (has("teacher") | not) and has("error")' shadow.jsonl
    # what counts as the same
    cat > fake.cjs << 'END'
const said = require('fs').readFileSync('said', 'utf8').trim().split('\n')
globalThis.fetch = async () => Response.json({ choices: [{ message: { content: JSON.parse(said.shift()) } }] })
END
    printf '%s\n' '"**Red.**"' '" `\"BLUE\".` \n"' '"U.S."' '"u.s"' '"red.."' '"red, I think"' '"the\nred"' > said
    printf 'red\nblue\nU.S.\n' > labels.txt
    seq 7 > t
    expect 0 node -r ./fake.cjs "$js/log.mjs" same.jsonl < t
    [ "$output" = $'red\nblue\nU.S.\nU.S.\nred..\nred, I think\nthe red' ]
    [ "$(jq -r .teacher same.jsonl)" = $'red\nblue\nU.S.\nU.S.' ]
}

@test "texts of several lines and ids come as JSON" {
    model
    cat > t << 'END'
{"id":"q1","input":"red first\nsecond line"}
{"id":2,"input":"blue","teacher":"not this","embedding":[1,2]}
{"id":null,"input":"red"}
red {"plain"}
END
    expect 0 node "$js/log.mjs" traces.jsonl < t
    [ "$output" = $'red\nblue\nred\nred' ]
    jq -se 'map(.id)[:2] == ["q1", 2] and (.[2:] | all(.id | length == 36)) and all(has("timestamp")) and
        .[0].input == "red first\nsecond line" and .[1].embedding == [1, 2] and
        map(.teacher) == ["red", "blue", "red", "red"]' traces.jsonl
    # run again: logged again, under the same ids
    expect 0 node "$js/log.mjs" traces.jsonl < t
    [ "$(wc -l < traces.jsonl)" -eq 8 ]
    [ "$(jq -sc 'unique_by(.id)[]' traces.jsonl | wc -l)" -eq 6 ]
    jq -c 'del(.embedding)' traces.jsonl > twice
    expect 3 tr-fit -q twice --alpha .8 -o none.trp
    [[ $stderr == *'an id that an earlier row has: "q1"'* ]]
    sidecar "$F/refused.trp"
    head -1 t > t1
    TR_TIMEOUT=5000 expect 0 node "$js/client.mjs" d.jsonl < t1
    jq -e '.id == "q1" and .decision == "deferred" and .teacher == "red" and
        .input == "red first\nsecond line"' d.jsonl
    # what is neither
    printf '%s\n' '{"input":' '{"text":"red"}' '{"id":{},"input":"red"}' 'red' > t
    expect 3 node "$js/log.mjs" bad.jsonl < t
    [ "$output" = $'\n\n\nred' ]
    [[ $stderr == *'line 2: begins with {'*'no texts: 3 of 4' ]]
    [ "$(wc -l < bad.jsonl)" -eq 1 ]
    # wrong usage; a log that cannot be written
    expect 2 node "$js/log.mjs" < t
    LABELS='' expect 2 node "$js/client.mjs" d.jsonl < t
    expect 4 node "$js/log.mjs" not/there.jsonl < t
    [[ $stderr == *'no such file'* ]]
}

@test "clients of TRACER's server work as they are" {
    tr-split -q "$F/e.log" | tr-train -q --no-text | tr-gate -q | tr-calibrate -q --alpha .35 -o v.trp
    sidecar v.trp
    head -40 "$F/e.requests" > r
    jq -c '{embedding}' r | tr-route -q v.trp > want
    cat > client.mjs << 'END'
import { readFileSync } from 'node:fs'
// by name, as their guide has it
const base = process.env.TR_SERVE.replace('127.0.0.1', 'localhost')
const rows = readFileSync('r', 'utf8').trim().split('\n').map((l) => JSON.parse(l).embedding)
const want = readFileSync('want', 'utf8').trim().split('\n').map((l) => JSON.parse(l))
const same = (a, b, what) => {
  if (JSON.stringify(a) !== JSON.stringify(b)) throw new Error(`${what}: ${JSON.stringify(a)}, not ${JSON.stringify(b)}`)
}
for (const [k, embedding] of rows.entries()) {
  // with and without a content type: fetch then says text/plain
  const headers = k % 2 ? { 'Content-Type': 'application/json' } : {}
  const res = await fetch(`${base}/predict`, { method: 'POST', headers, body: JSON.stringify({ embedding }) })
  const { label, decision, accept_score, stage } = await res.json()
  same({ label, decision, accept_score, stage }, (({ label, decision, accept_score, stage }) =>
    ({ label, decision, accept_score, stage }))(want[k]), `row ${k}`)
}
const res = await fetch(`${base}/predict_batch`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ embeddings: rows }),
})
const { labels, decisions, handled } = await res.json()
same(labels, want.map((w) => w.label), 'labels')
same(decisions, want.map((w) => w.decision), 'decisions')
same(handled, want.map((w) => w.decision === 'handled'), 'handled')
const health = await (await fetch(`${base}/health`)).json()
same(Object.keys(health).slice(0, 6), ['status', 'method', 'coverage', 'teacher_agreement', 'n_labels', 'n_traces'], 'health')
same(health.status, 'ok', 'status')
const missing = await fetch(`${base}/predict`, { method: 'POST', body: JSON.stringify({ embeding: rows[0] }) })
same([missing.ok, typeof (await missing.json()).error], [false, 'string'], 'no embedding')
console.log(handled.filter(Boolean).length)
END
    expect 0 node client.mjs
    [ "$output" -gt 5 ]
    [ "$output" -lt 40 ]
}
