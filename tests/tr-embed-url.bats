#!/usr/bin/env bats
# tr-embed --url against a server of the tests' own: what is asked, what is made of answers, and what
# becomes of a run when server, network or texts are bad.

load helper

setup_file() {
    common
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    # what is left behind would keep bats waiting through its descriptors
    "$ROOT/tests/server-embed" "$BATS_FILE_TMPDIR" > /dev/null 2>&1 3>&- 4>&- < /dev/null &
    echo $! > "$BATS_FILE_TMPDIR/pid"
    wait_for "$BATS_FILE_TMPDIR/port"
}

teardown_file() { kill "$(cat "$BATS_FILE_TMPDIR/pid")"; }

setup() {
    common
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    S=$BATS_FILE_TMPDIR
    U=http://127.0.0.1:$(cat "$S/port")
    : > "$S/log"
    : > "$S/body"
}

wait_for() {
    for _ in $(seq 100); do
        [ ! -e "$1" ] || return 0
        sleep .1
    done
    return 1
}

# start NAME COMMAND...: a server of this test's own; its directory is $T/NAME, its URL in $url.
start() {
    mkdir "$T/$1"
    "$ROOT/tests/$2" "$T/$1" "${@:3}" > /dev/null 2>&1 3>&- 4>&- < /dev/null &
    own+=($!)
    wait_for "$T/$1/port"
    url=http://127.0.0.1:$(cat "$T/$1/port")
}

teardown() {
    [ -n "${BATS_TEST_COMPLETED-}" ] || [ ! -e "$T/last" ] || cat "$T/last"
    for pid in "${own[@]}"; do kill "$pid" 2> /dev/null || true; done
}

# lines TEXT...: a request line for each.
lines() { printf '%s\n' "$@" | jq -cR '{input: .}'; }

# numbered FROM TO: lines with texts that no other test has.
numbered() { seq -f "$BATS_TEST_NUMBER-%g" "$1" "$2" | jq -cR '{input: .}'; }

# requests: how many came.
requests() { wc -l < "$S/log"; }

# decoded: the embeddings of the lines on standard input, one a line.
decoded() { jq -r .embedding | while read -r v; do base64 -d <<< "$v" | od -An -w65536 -tf4 | tr -s ' '; done; }

@test "four APIs and a private one give the same bytes, which are those of --npy" {
    lines 'vector 1 2' 'vector 0.1 -3e-9' 'vector 16777217 0' > "$T/log"
    python3 -c "
import struct, sys
head = \"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }\".ljust(117) + '\n'
sys.stdout.buffer.write(b'\x93NUMPY\1\0' + struct.pack('<H', 118) + head.encode())
sys.stdout.buffer.write(struct.pack('<6d', 1, 2, .1, -3e-9, 16777217, 0))" > "$T/v.npy"
    tr-embed -q --npy "$T/v.npy" "$T/log" > "$T/a"
    expect 0 tr-embed --url "$U" "$T/log"
    cmp "$T/a" <(printf '%s\n' "${lines[@]}")
    [[ $stderr == "tr-embed: 3 traces embedded, 2 numbers in each, 0 had theirs; 1 requests, 0 of them again; "* ]]
    tr-embed -q --url "$U/" --api tei "$T/log" | cmp - "$T/a"
    tr-embed -q --url "$U" --api ollama --model m "$T/log" | cmp - "$T/a"
    tr-embed -q --url "$U" --api llamacpp < "$T/log" | cmp - "$T/a"
    tr-embed -q --url "$U/private" --request-key 'instances[].content' \
        --response-key 'predictions[].embeddings.values' "$T/log" | cmp - "$T/a"
    tr-embed -q --url "$U/v1" "$T/log" -o "$T/b"
    cmp "$T/a" "$T/b"
    [ "$(cut -d ' ' -f 1,2 "$S/log")" = "/v1/embeddings 3
/embed 3
/api/embed 3
/embeddings 3
/private 3
/v1/embeddings 3" ]
}

@test "what is asked for" {
    ask() { : > "$S/body"; lines 'a "b" é' > "$T/log"; tr-embed -q --url "$U" "$@" "$T/log" > "$T/out"; cat "$S/body"; }
    [ "$(ask)" = '{"input":["a \"b\" é"],"encoding_format":"base64"}' ]
    [ "$(ask --model m/1 --dimensions 3)" = \
        '{"input":["a \"b\" é"],"model":"m/1","encoding_format":"base64","dimensions":3}' ]
    [ "$(decoded < "$T/out" | wc -w)" -eq 3 ]
    [ "$(ask --api tei)" = '{"inputs":["a \"b\" é"]}' ]
    [ "$(ask --api tei --options ' { "truncate" : true } ')" = '{"inputs":["a \"b\" é"], "truncate" : true }' ]
    [ "$(ask --api ollama --model m --dimensions 2)" = '{"input":["a \"b\" é"],"model":"m","dimensions":2}' ]
    [ "$(ask --options '{"encoding_format":"float","input_type":"query"}')" = \
        '{"input":["a \"b\" é"],"encoding_format":"float","input_type":"query"}' ]
    [ "$(ask --options '{}')" = '{"input":["a \"b\" é"],"encoding_format":"base64"}' ]
    [ "$(ask --model m --request-key input)" = '{"input":["a \"b\" é"],"model":"m"}' ]
    lines 'a b' > "$T/log"
    printf 'Authorization: Bearer s3cret-key\r\n\nX-Other:\t1\n' > "$T/key"
    tr-embed -q --url "$U" --header @"$T/key" "$T/log" > "$T/out"
    [ "$(tail -1 "$S/log")" = '/v1/embeddings 1 Bearer s3cret-key' ]
    tr-embed -q --url "$U" --header @<(printf 'Authorization: x\n') "$T/log" | cmp - "$T/out"
    # the query stays, and is not shown
    expect 4 tr-embed --url "$U/nowhere?api-key=s3cret" "$T/log"
    [ "$(cut -d ' ' -f 1 "$S/log" | tail -1)" = '/nowhere?api-key=s3cret' ]
    [[ $stderr == *"/nowhere: status 404"* && $stderr != *s3cret* ]]
}

@test "answers in any order and form; order of the lines kept over many batches" {
    numbered 1 100 > "$T/plain"
    tr-embed -q --url "$U" "$T/plain" > "$T/a"
    [ "$(tr-embed -q --strip "$T/a" | md5sum)" = "$(md5sum < "$T/plain")" ]
    [ "$(jq -r .embedding "$T/a" | sort -u | wc -l)" -eq 100 ]
    for how in '--batch 1 --parallel 16' '--batch 7 --parallel 3' '--batch 1000' '--parallel 1'; do
        tr-embed -q $how --url "$U" "$T/plain" | cmp - "$T/a"
    done
    # a word in the last text changes how the whole answer looks
    for word in shuffled no-index floats compressed shuffled#compressed#floats; do
        { cat "$T/plain"; lines "#$word"; } > "$T/log"
        tr-embed -q --batch 101 --url "$U" "$T/log" | head -100 | cmp - "$T/a"
    done
    tr-embed -q --url "$U" --api tei < "$T/plain" | cmp - "$T/a"
    cat "$T/plain" | tr-embed -q --url "$U" | cmp - "$T/a"
    tr-embed -q --url "$U" "$T/plain" - "$T/plain" < /dev/null | cmp - <(cat "$T/a" "$T/a")
    sed 's/"input"/"words"/' "$T/plain" | tr-embed -q --input-key words --url "$U" |
        sed 's/"words"/"input"/' | cmp - "$T/a"
}

@test "429, 503, a reset, closed or cut connection: asked again, the same bytes" {
    for what in first503 first-reset first-closed first-cut; do
        { numbered 1 10; lines "$BATS_TEST_NUMBER #$what"; } > "$T/log"
        expect 0 tr-embed --batch 4 --url "$U" "$T/log"
        [ "${#lines[@]}" -eq 11 ]
        # a reset of a connection that was used before is dealt with by libcurl itself
        [[ $what == first-reset || $what == first-closed || $stderr == *'trying again'*'1 of them again'* ]]
        tr-embed -q --url "$U" "$T/log" | cmp - <(printf '%s\n' "${lines[@]}")
    done
    lines "$BATS_TEST_NUMBER #first429" > "$T/log"
    from=$(date +%s%N)
    expect 0 tr-embed --url "$U" "$T/log"
    [ $((($(date +%s%N) - from) / 1000000)) -ge 1000 ] # Retry-After: 1
    [[ ${stderr_lines[0]} == *"$U/v1/embeddings: status 429: slow down; trying again in 1.0 s" ]]
    # ten minutes are the longest
    lines "$BATS_TEST_NUMBER #patience" > "$T/log"
    run --separate-stderr timeout 1 tr-embed --url "$U" "$T/log"
    [[ $stderr == *': status 429: no calls left; trying again in 600.0 s' ]]
    # each is told with -v, the first one without
    { numbered 1 3 | sed 's/"}/ #first503"}/'; } > "$T/log"
    expect 0 tr-embed --batch 1 --parallel 1 --url "$U" "$T/log"
    [ "$(grep -c 'trying again' <<< "$stderr")" -eq 1 ]
    sed -i 's/ #/ again #/' "$T/log"
    expect 0 tr-embed -v --batch 1 --parallel 1 --url "$U" "$T/log"
    [ "$(grep -c 'trying again' <<< "$stderr")" -eq 3 ]
    sed -i 's/ again #/ quietly #/' "$T/log"
    expect 0 tr-embed -q --batch 1 --parallel 1 --url "$U" "$T/log"
    [ -z "$stderr" ]
}

@test "a proxy that fails a fifth of the requests in every way: the same bytes" {
    start failing proxy-failing "$U" .2
    head -400 "$ROOT/samples/requests.jsonl" > "$T/log"
    tr-embed -q --url "$U" "$T/log" > "$T/a"
    expect 0 tr-embed --url "$url" --batch 4 --parallel 8 "$T/log" -o "$T/b"
    cmp "$T/a" "$T/b"
    [ "$(sort -u "$T/failing/failed" | wc -l)" -eq 6 ]
    [[ $stderr == *'traces embedded'* ]]
}

@test "a server that comes up late" {
    port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
    mkdir "$T/late"
    (sleep .5; exec "$ROOT/tests/server-embed" "$T/late" --port "$port") > /dev/null 2>&1 3>&- 4>&- < /dev/null &
    own+=($!)
    numbered 1 3 > "$T/log"
    expect 0 tr-embed --url "http://127.0.0.1:$port" "$T/log"
    [ "${#lines[@]}" -eq 3 ]
    [[ ${stderr_lines[0]} == *"onnect"*'trying again in '* ]]
}

@test "given up: no connection, no answer in time, 503 for ever, no such host" {
    numbered 1 70 > "$T/log"
    expect 4 tr-embed --retries 1 --url http://127.0.0.1:1 "$T/log"
    [[ ${stderr_lines[1]} == "tr-embed: $T/log:1: http://127.0.0.1:1/v1/embeddings: "*'(asked 2 times)' ]]
    [ -z "$output" ]
    { cat "$T/log"; lines '#always503'; numbered 71 80; } > "$T/bad"
    expect 4 tr-embed --retries 2 --url "$U" --batch 10 "$T/bad"
    [[ ${stderr_lines[1]} == "tr-embed: $T/bad:71: $U/v1/embeddings: status 503: Loading model (asked 3 times)" ]]
    [ "$(printf '%s\n' "${lines[@]}" | tr-embed -q --strip | cmp - "$T/log" && echo same)" = same ]
    lines '#slow' > "$T/slow"
    expect 4 tr-embed --retries 0 --timeout .3 --url "$U" "$T/slow"
    [[ $stderr == *'imed out'* ]]
    lines '#always-cut' > "$T/cut"
    expect 4 tr-embed --retries 0 --url "$U" "$T/cut"
    [[ $stderr == *'closed with'*'remaining'* ]]
    : > "$S/log"
    expect 4 tr-embed --url http://nobody.invalid "$T/log"
    [[ $stderr == "tr-embed: $T/log:1: http://nobody.invalid/v1/embeddings: "* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "refused: 401 without the key, 404, a redirect is not followed; none is asked again" {
    printf 'Authorization: Bearer s3cret-key\n' > "$T/key"
    while IFS='|' read -r word reason; do
        : > "$S/log"
        lines "#$word" > "$T/log"
        expect 4 tr-embed --url "$U" --header @"$T/key" "$T/log"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr == "tr-embed: $T/log:1: $U/v1/embeddings: status "*"$reason"* && $stderr != *s3cret* ]]
        [ "$(requests)" -eq 1 ]
    done << 'IN'
status401|401: bad key: Bearer **********; a key
status404|404: 404 Not Found; is it the right path
status302|302; redirects are not followed
IN
}

@test "https: certificates are checked" {
    command -v openssl > /dev/null || skip 'no openssl'
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$T/key" -out "$T/cert" 2> /dev/null
    cat "$T/key" "$T/cert" > "$T/both"
    start tls server-embed --tls "$T/both"
    numbered 1 100 > "$T/log"
    expect 4 tr-embed --url "${url/http/https}" "$T/log"
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == *'https://127.0.0.1:'*certificate* ]]
    tr-embed -q --url "$U" "$T/log" > "$T/a"
    SSL_CERT_FILE=$T/cert tr-embed -q --url "${url/http/https}" "$T/log" | cmp - "$T/a"
    expect 4 tr-embed --url "$url" --retries 0 "$T/log"
}

@test "answers that are none: one line with place and URL, exit 3, the lines before are there" {
    while IFS='|' read -r word reason; do
        { numbered 1 8; lines "#$word" good; } > "$T/log"
        expect 3 tr-embed --batch 4 --url "$U" "$T/log"
        echo "$stderr"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr == "tr-embed: $T/log:9: $U/v1/embeddings: "*"$reason"* ]]
        [ "$(printf '%s\n' "${lines[@]}" | tr-embed -q --strip | cmp - <(numbered 1 8) && echo same)" = same ]
        expect 3 tr-embed --batch 4 --url "$U" -o "$T/out" "$T/log"
        [ ! -e "$T/out" ]
    done << 'IN'
toofew|2 texts were sent, but 1 vectors came back
toomany|2 texts were sent, but 3 vectors came back
null|the vector of text 2: element 2 is not a number
nan|the vector of text 2: element 2 is NaN or infinite
nan #floats|not JSON: bad JSON at byte
short|the vector of text 2 has 3 numbers, that of text 1 has 4
hollow|the vector of text 2 is empty
twice|two vectors have the "index" 0
beyond|a vector has the "index" 2, but 2 texts were sent
halved|the answer is not JSON
words|the answer is not JSON
apology|there is no "data" in the answer, which reads: no model is loaded
huge|larger than any could be
bomb|larger than any could be
IN
    lines 'vector 1 2' 'vector 1 2' 'vector 1 2 3' 'vector 1' > "$T/log"
    expect 3 tr-embed --batch 2 --url "$U" "$T/log"
    [[ $stderr == *"$T/log:3: $U/v1/embeddings: the vector of text 2 has 1 numbers, that of text 1 has 3" ]]
    expect 3 tr-embed --batch 1 --url "$U" "$T/log"
    [[ $stderr == *"$T/log:3: $U/v1/embeddings: it sends vectors of 3 numbers, but 2 were in the rows before" ]]
    [ "${#lines[@]}" -eq 2 ]
    expect 3 tr-embed --dimensions 3 --batch 1 --url "$U" "$T/log"
    [[ $stderr == *"$T/log:1: "*'it sends vectors of 2 numbers, but 3 were asked for' ]]
    lines '#tokens' > "$T/log"
    expect 3 tr-embed --api llamacpp --url "$U" "$T/log"
    [[ $stderr == *'one for each token'*'--pooling mean'* ]]
    expect 3 tr-embed --response-key data --url "$U" "$T/log"
    [[ $stderr == *'neither an array of numbers nor a base64 string' ]]
    expect 3 tr-embed --response-key 'data[].values.x' --url "$U" "$T/log"
    [[ $stderr == *'vector 1 has no "values"' ]]
    expect 3 tr-embed --response-key 'data' --api tei --url "$U" "$T/log"
    [[ $stderr == *'there is no "data" in the answer, which reads: '* ]]
}

@test "a text that the server refuses is found; fewer texts at once where it takes no more" {
    { numbered 1 21; lines '#toolong'; numbered 22 90; } > "$T/log"
    expect 3 tr-embed --url "$U" "$T/log"
    [ "$stderr" = "tr-embed: $T/log:22: $U/v1/embeddings: refuses this text of 8 bytes: status 413: this text has 700 tokens, 512 are allowed" ]
    [ "$(printf '%s\n' "${lines[@]}" | tr-embed -q --strip | cmp - <(numbered 1 21) && echo same)" = same ]
    start small server-embed --most 8
    numbered 1 200 > "$T/log"
    tr-embed -q --url "$U" "$T/log" > "$T/a"
    expect 0 tr-embed --url "$url" --api tei "$T/log"
    cmp "$T/a" <(printf '%s\n' "${lines[@]}")
    [ "$(wc -l < "$T/small/log")" -lt 60 ] # not each batch in vain
}

@test "what has an embedding passes; so do blank lines and the end of a split; resuming" {
    numbered 1 300 > "$T/log"
    tr-embed -q --url "$U" "$T/log" > "$T/a"
    : > "$S/log"
    tr-embed -q --url "$U" "$T/a" | cmp - "$T/a"
    [ "$(requests)" -eq 0 ]
    # half of it, in both forms; null is none
    { head -150 "$T/a"; tail -150 "$T/log"; } | tr-embed -q --url "$U" | cmp - "$T/a"
    { echo '{"embedding":[1, 2,3,4e0],"input":"x"}'; lines 'vector 1 2 3 4'; } |
        tr-embed -q --url "$U" > "$T/out"
    [ "$(head -1 "$T/out")" = '{"embedding":[1, 2,3,4e0],"input":"x"}' ]
    [ "$(decoded < <(tail -1 "$T/out"))" = ' 1 2 3 4' ]
    [ "$(echo '{"embedding":null,"input":"vector 1"}' | tr-embed -q --url "$U")" = \
        '{"input":"vector 1","embedding":"AACAPw=="}' ]
    { head -2 "$T/log"; printf '\n \t\n'; } > "$T/gaps"
    tr-embed -q --url "$U" "$T/gaps" | tr-embed -q --strip | cmp - "$T/gaps"
    tiny_log 60 | tr-split -q > "$T/split"
    tr-embed -q --url "$U" "$T/split" | tr-train -q --zoo svm | tr-show | jq -e '.log.rows == 60'
    # from another embedder
    { head -2 "$T/a"; echo '{"embedding":[1,2,3],"input":"x"}'; } > "$T/mixed"
    expect 3 tr-embed --url "$U" "$T/mixed"
    [[ $stderr == *"$T/mixed:3: \"embedding\" has 3 numbers, but 4 were in the rows before: from another embedder?" ]]
    { echo '{"embedding":[1,2,3],"input":"x"}'; head -2 "$T/log"; } > "$T/mixed"
    expect 3 tr-embed --url "$U" "$T/mixed"
    [[ $stderr == *"$T/mixed:2: $U/v1/embeddings: it sends vectors of 4 numbers, but 3 were in the rows before" ]]
    echo '{"embedding":[1,"x"],"input":"x"}' > "$T/mixed"
    expect 3 tr-embed --url "$U" "$T/mixed"
    [[ $stderr == *"$T/mixed:1: \"embedding\": element 2 is not a number" ]]
}

@test "the recipe of the page: a run that broke off goes on where it ended" {
    { numbered 1 90; lines '#first-round #toolong'; numbered 91 99; } > "$T/log"
    expect 3 tr-embed --url "$U" "$T/log"
    printf '%s\n' "${lines[@]}" > "$T/done"
    [ "$(wc -l < "$T/done")" -eq 90 ]
    sed -i 's/ #toolong//' "$T/log" # somebody mends it
    tail -n +$(($(wc -l < "$T/done") + 1)) "$T/log" | tr-embed -q --url "$U" >> "$T/done"
    tr-embed -q --url "$U" "$T/log" | cmp - "$T/done"
}

@test "a bad line: before anything is sent of files, behind what stands before it of pipes" {
    { numbered 1 40; echo '{"input":7}'; } > "$T/log"
    expect 3 tr-embed --url "$U" "$T/log"
    [ "$stderr" = "tr-embed: $T/log:41: \"input\" is not a string" ]
    [ -z "$output" ]
    [ "$(requests)" -eq 0 ]
    expect 3 bash -c "cat '$T/log' | tr-embed --url '$U'"
    [ "$stderr" = 'tr-embed: stdin:41: "input" is not a string' ]
    [ "${#lines[@]}" -eq 40 ]
}

@test "a line is answered before the next one comes" {
    mkfifo "$T/in"
    tr-embed -q --url "$U" < "$T/in" > "$T/out" &
    own+=($!)
    exec 8> "$T/in"
    for n in 1 2 3; do
        numbered "$n" "$n" >&8
        for _ in $(seq 50); do [ "$(wc -l < "$T/out")" -lt "$n" ] || break; sleep .1; done
        [ "$(wc -l < "$T/out")" -eq "$n" ]
    done
    exec 8>&-
    wait "${own[-1]}"
    [ "$(requests)" -eq 3 ]
}

@test "several requests are under way at once" {
    for n in 1 2 3 4 5 6 7 8; do lines "$n #slow"; done > "$T/log"
    from=$(date +%s%N)
    tr-embed -q --batch 1 --parallel 8 --url "$U" "$T/log" > "$T/out"
    [ $((($(date +%s%N) - from) / 1000000)) -lt 7500 ] # 8 s one after the other
    [ "$(wc -l < "$T/out")" -eq 8 ]
}

@test "empty texts, long texts, odd characters" {
    { lines '' '' 'vector 1 2 3 4'; jq -cn '{input: ("x" * 3000000)}'; echo '{"input":"\u0000\u2028\ud83d\ude00"}'; } > "$T/log"
    expect 0 tr-embed --url "$U" "$T/log" -o "$T/out"
    [ "$(wc -l < "$T/out")" -eq 5 ]
    jq -se '.[0].embedding == .[1].embedding' "$T/out"
    grep -qxF '{"input":["\u0000\u2028😀"],"encoding_format":"base64"}' "$S/body"
}

@test "no place to write, a closed pipe" {
    numbered 1 5000 > "$T/log"
    expect 4 bash -c "tr-embed -q --url '$U' '$T/log' > /dev/full"
    [[ $stderr == 'tr-embed: '*'No space left'* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    run --separate-stderr bash -c "tr-embed -q --batch 500 --url '$U' '$T/log' '$T/log' | head -1 > /dev/null; echo \${PIPESTATUS[0]}"
    [ "$output" = 141 ]
    [ -z "$stderr" ]
    expect 4 tr-embed --url "$U" "$T/none"
}

@test "wrong usage: one line, nothing sent, no secret repeated" {
    lines a > "$T/log"
    printf 'X-A: b\nno header\n' > "$T/bad1"
    printf 'Content-Length: 5\n' > "$T/bad2"
    printf 'X-A:\n' > "$T/bad3"
    printf 'X-A: a\001b\n' > "$T/bad4"
    while IFS='|' read -r status args; do
        expect "$status" tr-embed ${args//T/$T} "$T/log"
        echo "$stderr"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ -z $output && $stderr != *s3cret* ]]
    done << IN
2|--url $U --header Authorization:s3cret
2|--url $U --header @
2|--url http://me:s3cret@127.0.0.1
2|--url http://s3cret@127.0.0.1
2|--url ftp://127.0.0.1
2|--url file:///etc/passwd
2|--url 127.0.0.1:80
2|--url http://
2|--url http://127.0.0.1:99999
2|--url $U#s3cret
2|--url $U --npy x
2|--url $U --strip
2|--strip --model m
2|--url $U --api cohere
2|--url $U --api ollama
2|--url $U --api tei --model m
2|--url $U --batch 0
2|--url $U --parallel 1000
2|--url $U --timeout 0
2|--url $U --retries -1
2|--url $U --dimensions 16385
2|--url $U --options [1]
2|--url $U --options {
2|--url $U --request-key a..b
2|--url $U --request-key a[0]
2|--url $U --response-key a[].b[]
2|--url $U --response-key a[]b
2|--url $U --request-key [] --model m
3|--url $U --header @T/bad1
3|--url $U --header @T/bad2
3|--url $U --header @T/bad3
3|--url $U --header @T/bad4
4|--url $U --header @T/none
IN
    expect 3 tr-embed --url "$U" --header @"$T/bad1" "$T/log"
    [ "$stderr" = "tr-embed: $T/bad1:2: no header; a line is \"Name: value\"" ]
    [ "$(requests)" -eq 0 ]
}
