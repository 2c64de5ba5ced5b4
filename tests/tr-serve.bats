#!/usr/bin/env bats
# tr-serve: the same bytes as tr-route, every status, limits, reload, drain, clients that misbehave.

load helper
setup_file() { fixtures; }
setup() { common; PIDS=(); }

teardown() {
    local pid
    for pid in "${PIDS[@]}"; do
        { kill -9 "$pid"; wait "$pid"; } 2> /dev/null || true
    done
    [ -n "${BATS_TEST_COMPLETED-}" ] || cat "$T"/said* "$T/last" 2> /dev/null || true
}

# serve ARGS...: a server on a free port: URL, PORT, PID; its words in $T/said.
serve() {
    : > "$T/said"
    tr-serve --listen 127.0.0.1:0 "$@" 2>> "$T/said" 3>&- &
    PID=$!
    PIDS+=("$PID")
    for _ in $(seq 200); do
        URL=$(sed -n 's/^tr-serve: listening on //p' "$T/said")
        PORT=${URL##*:}
        [ -z "$URL" ] || return 0
        kill -0 "$PID" || break
        sleep .05
    done
    return 1
}

# ask PATH [CURL ARGS...]: the body in $T/body, the head in $T/head; prints the status.
ask() { curl -sS --max-time 20 -D "$T/head" -o "$T/body" -w '%{http_code}\n' "${@:2}" "$URL$1"; }

# post PATH TEXT: the body of the answer.
post() { printf '%s' "$2" | curl -sS --max-time 20 --data-binary @- "$URL$1"; }

# wait_for FILE TEXT: until it is there, ten seconds at most.
wait_for() {
    for _ in $(seq 200); do
        grep -q "$2" "$1" && return 0
        sleep .05
    done
    return 1
}

# ended PID: within ten seconds; its exit status in $status.
ended() {
    for _ in $(seq 200); do
        kill -0 "$1" 2> /dev/null || break
        sleep .05
    done
    status=0
    wait "$1" || status=$?
}

# one_by_one PATH FILE: each line posted on one connection that is kept, several at a time on their
# way; the bodies to standard output, the statuses to $T/statuses.
one_by_one() {
    perl -MIO::Socket::INET -e '
        my ($port, $path, $ahead, $statuses) = @ARGV;
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port, Timeout => 10) or die;
        open my $st, ">", $statuses or die;
        alarm 60;
        my ($sent, $got, $end) = (0, 0, 0);
        while (!$end || $got < $sent) {
            while (!$end && $sent - $got < $ahead) {
                my $line = <STDIN>;
                if (!defined $line) { $end = 1; last }
                chomp $line;
                print $s "POST $path HTTP/1.1\r\nHost: x\r\nContent-Length: ", length $line, "\r\n\r\n$line";
                $s->flush; $sent++;
            }
            last if $got == $sent;
            my ($head, $n) = ("", 0);
            while (defined(my $l = <$s>)) { $head .= $l; last if $l eq "\r\n" }
            $head =~ m{^HTTP/1.1 (\d+)} or die "no answer: $head"; print $st "$1\n";
            $head =~ /Content-Length: (\d+)/ or die; $n = $1;
            read($s, my $body, $n) == $n or die; print $body; $got++;
        }' "$PORT" "$1" "${3:-4}" "$T/statuses" < "$2"
}

# bad_lines: requests that cannot be used, one a line.
bad_lines() {
    printf '%s\n' '{"input":"red a"' '[]' '{}' '{"input":null}' '{"input":7}' '{"input":"red\ud800"}' \
        '{"input":"a","input":"b"}' '{"input":"red a"} x' 'null' '{"input":"a","id":[1]}' "$(deep 1100)"
    printf '{"input":"red \0 a"}\n{"input":"red \xff\xfe"}\n{"input":"tab\there"}\n\xef\xbb\xbf{"input":"red a"}\n'
}

@test "/predict: the very bytes of tr-route, kept connection, several requests on their way" {
    serve "$F/policy.trp"
    tr-route "$F/policy.trp" "$F/requests" > "$T/wanted"
    one_by_one /predict "$F/requests" > "$T/got"
    cmp "$T/got" "$T/wanted"
    [ "$(sort -u "$T/statuses")" = 200 ]
    [ "$(grep -c '"handled"' "$T/got")" -gt 20 ]
    # explained, and with whatever else the request has
    kill "$PID"
    serve --explain -j 1 "$F/policy.trp"
    head -20 "$F/requests" | jq -c '. + {metadata: {a: [1, 2.50]}, teacher: "x"}' > "$T/in"
    one_by_one /predict "$T/in" 1 | cmp - <(tr-route --explain "$F/policy.trp" "$T/in")
}

@test "/predict: embeddings as numbers and as base64, beside the text" {
    serve "$F/e.trp"
    { head -40 "$F/e.requests"; head -40 "$F/e.requests" | as_base64; } > "$T/in"
    one_by_one /predict "$T/in" > "$T/got"
    cmp "$T/got" <(tr-route "$F/e.trp" "$T/in")
    [ "$(head -40 "$T/got")" = "$(tail -40 "$T/got")" ]
    [ "$(grep -c '"stage":2' "$T/got")" -gt 0 ]
    kill "$PID"
    serve --keep-embedding "$F/e.trp"
    one_by_one /predict "$T/in" | cmp - <(tr-route --keep-embedding "$F/e.trp" "$T/in")
}

@test "/predict: what cannot be used is a deferred decision with the error of tr-route, and 400" {
    serve "$F/tiny.trp"
    bad_lines > "$T/in"
    while IFS= read -r line; do
        printf '%s\n' "$line" | tr-route "$F/tiny.trp" 2> /dev/null || [ $? -eq 3 ]
    done < <(tr '\0' '\1' < "$T/in") | sed 's/\\u0001/NUL/' > "$T/wanted"
    one_by_one /predict <(tr '\0' '\1' < "$T/in") | cmp - "$T/wanted"
    [ "$(head -n -1 "$T/statuses" | sort -u)" = 400 ]
    [ "$(tail -n 1 "$T/statuses")" = 200 ] # a byte order mark is passed over, as at the start of a file
    # NUL itself, which bash does not pass on
    printf '{"input":"red \0 a"}' > "$T/nul"
    [ "$(ask /predict --data-binary "@$T/nul")" = 400 ]
    cmp "$T/body" <(tr-route "$F/tiny.trp" "$T/nul" 2> /dev/null || [ $? -eq 3 ])
    # nothing at all
    [ "$(ask /predict -X POST)" = 400 ]
    jq -e '.decision == "deferred" and (.error | startswith("line 1: "))' "$T/body"
    # another dimension
    kill "$PID"
    serve "$F/e.trp"
    [ "$(ask /predict -d '{"input":"a","embedding":[1,2]}')" = 400 ]
    jq -e '.decision == "deferred" and .error == "line 1: an embedding of 2 numbers; the policy takes 12"' "$T/body"
}

@test "/predict: written over several lines, the answer is one line" {
    serve "$F/tiny.trp"
    out=$(post /predict $'\r\n{\n  "input" : "red a",\r\n  "metadata": {\n\t"k": [1,\n2] }\n}\r\n')
    [ "$(wc -l <<< "$out")" -eq 1 ]
    jq -ce '[.label, .metadata.k] == ["red", [1, 2]]' <<< "$out"
    [ "$out" = "$(decide '{"input":"red a","metadata": { 	"k": [1, 2] }}')" ]
}

@test "/route: lines to lines, in pieces or whole, and bad ones among them" {
    serve "$F/policy.trp"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do cat "$F/requests"; done > "$T/in"
    { bad_lines; echo; printf '{"input":"crlf"}\r\n{"input":"the last one"}'; } >> "$T/in"
    tr-route "$F/policy.trp" "$T/in" > "$T/wanted" 2> /dev/null || [ $? -eq 3 ]
    [ "$(ask /route --data-binary "@$T/in")" = 200 ]
    cmp "$T/body" "$T/wanted"
    grep -qi '^content-type: application/x-ndjson' "$T/head"
    [ "$(ask /route -H 'Transfer-Encoding: chunked' --data-binary "@$T/in")" = 200 ]
    cmp "$T/body" "$T/wanted"
    # a byte at a time
    tail -n 3 "$T/in" > "$T/few"
    tr-route "$F/policy.trp" "$T/few" > "$T/wanted" 2> /dev/null || [ $? -eq 3 ]
    perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift);
        $s->autoflush(1); local $/; $_ = <STDIN>; alarm 20;
        print $s "POST /route HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (split //) { printf $s "1\r\n%s\r\n", $_ } print $s "0\r\n\r\n"; print <$s>' \
        "$PORT" < "$T/few" | sed '1,/^\r$/d' | cmp - "$T/wanted"
    # no lines, and a byte order mark
    [ "$(ask /route -X POST)" = 200 ]
    [ ! -s "$T/body" ]
    for text in '\xef\xbb\xbf{"input":"x"}' '\xef\xbb\xbf' '\n' 'x' '\r'; do
        printf "$text" > "$T/in"
        tr-route "$F/policy.trp" "$T/in" > "$T/wanted" 2> /dev/null || [ $? -eq 3 ]
        [ "$(ask /route --data-binary "@$T/in")" = 200 ]
        if [ -s "$T/wanted" ]; then cmp "$T/body" "$T/wanted"; else [ ! -s "$T/body" ]; fi
    done
}

@test "/predict_batch: what tr-route decides of each, under TRACER's keys" {
    serve "$F/policy.trp"
    tr-route "$F/policy.trp" "$F/requests" | jq -cs '{labels: map(.label), decisions: map(.decision),
        handled: map(.decision == "handled"), accept_scores: map(.accept_score), stages: map(.stage)}' > "$T/wanted"
    jq -cs '{inputs: map(.input)}' "$F/requests" > "$T/in"
    [ "$(ask /predict_batch --data-binary "@$T/in")" = 200 ]
    jq -c . "$T/body" | cmp - "$T/wanted"
    jq . "$T/in" > "$T/pretty"
    [ "$(ask /predict_batch --data-binary "@$T/pretty")" = 200 ]
    jq -c . "$T/body" | cmp - "$T/wanted"
    [ "$(post /predict_batch '{"inputs":[]}')" = '{"labels":[],"decisions":[],"handled":[],"accept_scores":[],"stages":[]}' ]
    kill "$PID"
    # with embeddings, in both forms
    serve "$F/e.trp"
    head -50 "$F/e.requests" > "$T/e"
    tr-route "$F/e.trp" "$T/e" | jq -c '[.label, .decision, .accept_score, .stage]' > "$T/wanted"
    for lines in "$T/e" <(as_base64 < "$T/e"); do
        jq -cs '{embeddings: map(.embedding), inputs: map(.input)}' "$lines" > "$T/in"
        [ "$(ask /predict_batch --data-binary "@$T/in")" = 200 ]
        jq -c '[.labels, .decisions, .accept_scores, .stages] | transpose[]' "$T/body" | cmp - "$T/wanted"
    done
}

@test "/predict_batch: what is wrong is named" {
    # wrong BODY TEXT
    wrong() {
        printf '%s' "$1" > "$T/in"
        [ "$(ask /predict_batch --data-binary "@$T/in")" = 400 ]
        [[ $(jq -r .error "$T/body") == $2 ]] || { cat "$T/body"; false; }
    }
    serve "$F/e.trp"
    row=$(head -1 "$F/e.requests" | jq -c .embedding)
    wrong '{"inputs":["a","b"],"embeddings":['"$row"',[1,2]]}' 'embeddings\[1\]: an embedding of 2 numbers; the policy takes 12'
    wrong '{"inputs":["a"],"embeddings":[[1,"x"]]}' 'embeddings\[0\]: element 2 is not a number'
    wrong '{"inputs":["a"],"embeddings":[7]}' 'embeddings\[0\]: is not an array*'
    wrong '{"inputs":["a",7],"embeddings":['"$row,$row"']}' 'inputs\[1\]: is not a string'
    wrong '{"inputs":["\udc00"],"embeddings":['"$row"']}' 'inputs\[0\]: half a surrogate pair*'
    wrong '{"inputs":["a","b"],"embeddings":['"$row"']}' 'there are more inputs than embeddings'
    wrong '{"inputs":[],"embeddings":['"$row"']}' 'there are more embeddings than inputs'
    wrong '{"inputs":["a"]}' 'no "embeddings"; the policy takes some of 12 numbers'
    wrong '{"embeddings":['"$row"']}' 'no "inputs"*'
    wrong '{"inputs":"a","embeddings":[]}' '"inputs" is not a list'
    wrong '{"x":1}' 'neither "inputs" nor "embeddings"'
    wrong '{"inputs":["a"],' 'bad JSON*'
    wrong '' '*'
    [ "$(ask /health)" = 200 ]
}

@test "/health: TRACER's keys first; a refused policy is served and defers" {
    serve "$F/policy.trp"
    [ "$(ask /health)" = 200 ]
    jq -ce --argjson c "$(tr-show "$F/policy.trp" | jq .certificate)" '
        keys_unsorted == ["status", "method", "coverage", "teacher_agreement", "n_labels", "n_traces", "alpha", "digest", "accepts"] and
        .status == "ok" and .method == $c.family and .coverage == $c.coverage and .n_traces == 600 and
        .teacher_agreement == $c.agreed / $c.tested and .alpha == .8 and .accepts' "$T/body"
    size=$(wc -c < "$T/body")
    [ "$(ask /health -I)" = 200 ]
    tr -d '\r' < "$T/head" | grep -qix "content-length: $size"
    kill "$PID"
    serve "$F/refused.trp"
    jq -ce '.accepts == false and .method == null and .coverage == 0 and .teacher_agreement == null' <<< "$(curl -sS "$URL/health")"
    head -20 "$F/requests" > "$T/in"
    one_by_one /predict "$T/in" | cmp - <(tr-route "$F/refused.trp" "$T/in")
    [ "$(post /predict_batch '{"inputs":["a"]}')" = '{"labels":[null],"decisions":["deferred"],"handled":[false],"accept_scores":[0],"stages":[null]}' ]
}

@test "paths and methods: 404 and 405 with Allow, as JSON; the rest of the connection lives" {
    serve "$F/tiny.trp"
    for path in / /predictx /predict/ /PREDICT /health/x /%70redict //predict; do
        [ "$(ask "$path")" = 404 ]
        jq -e '.error | length > 10' "$T/body"
    done
    for method in GET PUT DELETE PATCH OPTIONS HEAD TRACE FOO; do
        args=(-X "$method")
        [ "$method" != HEAD ] || args=(-I)
        [ "$(ask /predict "${args[@]}")" = 405 ]
        tr -d '\r' < "$T/head" | grep -qx 'Allow: POST'
    done
    [ "$(ask /health -d x)" = 405 ]
    tr -d '\r' < "$T/head" | grep -qx 'Allow: GET, HEAD'
    [ "$(ask '/health?x=1')" = 200 ]
    # no CORS unless asked for
    [ "$(ask /health -H 'Origin: https://example.org')" = 200 ]
    run ! grep -i '^access-control' "$T/head"
    # on one connection, what is refused is no hindrance
    printf 'x\n{"input":"red a"}\n' > "$T/in"
    one_by_one /nothing "$T/in" | jq -e .error
    [ "$(paste -sd, "$T/statuses")" = 404,404 ]
}

@test "--max-body: 413 at once, however it is sent, and without reading it" {
    serve --max-body 2000 "$F/tiny.trp"
    row='{"input":"red a","x":"'
    printf '%s%s"}' "$row" "$(head -c $((2000 - ${#row} - 2)) /dev/zero | tr '\0' x)" > "$T/most"
    [ "$(wc -c < "$T/most")" -eq 2000 ]
    [ "$(ask /predict --data-binary "@$T/most")" = 200 ]
    { cat "$T/most"; echo; } > "$T/more"
    head -c 100000000 /dev/zero > "$T/huge"
    for args in '' '-HExpect:' '-HExpect: -HTransfer-Encoding:chunked'; do
        for path in /predict /predict_batch /route; do
            echo "$args $path"
            [ "$(ask $path $args --data-binary "@$T/more")" = 413 ]
            jq -e '.error == "the body is larger than the 2000 bytes of --max-body"' "$T/body"
            [ "$(ask $path $args --data-binary "@$T/huge")" = 413 ]
            jq -e .error "$T/body"
        done
    done
    # a client that announces it is answered before it sends any
    exec 5<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'POST /route HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n' >&5
    read -r -t 10 line <&5
    exec 5>&-
    [[ $line == 'HTTP/1.1 413 '* ]]
    [ "$(ask /health)" = 200 ]
    sanitized || [ "$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status")" -lt 60000 ]
}

@test "decisions that would fill memory are refused" {
    serve --max-body 1200000 "$F/tiny.trp"
    head -c 1200000 /dev/zero | tr '\0' '\n' > "$T/in"
    [ "$(ask /route -H Expect: --data-binary "@$T/in")" = 413 ]
    jq -e '.error | startswith("the decisions")' "$T/body"
    [ "$(ask /health)" = 200 ]
}

@test "--token: 401 without it or with another, /health open" {
    echo 'secret-7' > "$T/token"
    serve --token "$T/token" "$F/tiny.trp"
    ok='Authorization: Bearer secret-7'
    [ "$(ask /predict -H "$ok" -d '{"input":"red a"}')" = 200 ]
    [ "$(ask /metrics -H 'authorization: bearer  secret-7')" = 200 ]
    [ "$(ask /health)" = 200 ]
    for header in 'X: y' 'Authorization: Bearer secret-' 'Authorization: Bearer secret-77' 'Authorization: Basic secret-7' \
        'Authorization: Bearer' 'Authorization: Bearer ' 'Authorization: secret-7' 'Authorization: Bearer Secret-7'; do
        echo "$header"
        [ "$(ask /predict -H "$header" -d '{"input":"red a"}')" = 401 ]
        tr -d '\r' < "$T/head" | grep -qx 'WWW-Authenticate: Bearer'
        jq -e .error "$T/body"
    done
    [ "$(ask /metrics)" = 401 ]
    [ "$(ask /nothing)" = 401 ]
    for text in '' '\n' 'a b' 'a\nb' '\xc3\xa9'; do
        printf "$text" > "$T/token"
        expect 3 tr-serve --token "$T/token" --listen 127.0.0.1:0 "$F/tiny.trp"
        [[ $stderr == "tr-serve: $T/token"* ]]
    done
    expect 4 tr-serve --token "$T/none" "$F/tiny.trp"
}

@test "--cors: pages of one origin may ask, and browsers may ask whether" {
    echo t > "$T/token"
    serve --cors https://example.org --token "$T/token" "$F/tiny.trp"
    [ "$(ask /predict -X OPTIONS -H 'Origin: https://example.org' -H 'Access-Control-Request-Method: POST')" = 204 ]
    tr -d '\r' < "$T/head" > "$T/h"
    grep -qx 'Access-Control-Allow-Origin: https://example.org' "$T/h"
    grep -qx 'Access-Control-Allow-Methods: POST' "$T/h"
    grep -qx 'Access-Control-Allow-Headers: Content-Type, Authorization' "$T/h"
    [ "$(ask /predict -d '{"input":"red a"}')" = 401 ]
    tr -d '\r' < "$T/head" | grep -qx 'Access-Control-Allow-Origin: https://example.org'
    [ "$(ask /predict -H 'Authorization: Bearer t' -d '{"input":"red a"}')" = 200 ]
    tr -d '\r' < "$T/head" | grep -qx 'Vary: Origin'
    expect 2 tr-serve --cors $'x\r\ny' "$F/tiny.trp"
}

@test "--cors: what no browser would send is refused" {
    for origin in '' foo null '**' example.org https:// ://example.org https://example.org/ https://Example.org \
        HTTPS://example.org https://user@example.org https://example.org: https://example.org:x http://a:70000 \
        http://a:080 http://a:80 https://a:443 'http://[::1' 'http://[z]' 'https://a https://b'; do
        echo "$origin"
        expect 2 timeout 10 tr-serve --listen 127.0.0.1:0 --cors "$origin" "$F/tiny.trp"
        [[ $stderr == 'tr-serve: --cors takes an origin'* ]]
    done
    # an address that cannot be had: these get as far as that
    for origin in '*' http://localhost:3000 https://a-b.example.org http://a:443 'http://[::1]:8080' 'http://[::1]' \
        moz-extension://0a-1; do
        echo "$origin"
        expect 4 timeout 10 tr-serve --listen 192.0.2.1:0 --cors "$origin" "$F/tiny.trp"
    done
}

# metrics_sound FILE: whether it is Prometheus' text format, each name announced and in one piece.
metrics_sound() {
    awk 'function fail(why) { print FILENAME ":" FNR ": " why ": " $0; bad = 1 }
        /^# HELP [a-z_]+ [^ ]/ { name = $3; if (name in seen) fail("twice"); seen[name]; next }
        /^# TYPE [a-z_]+ (counter|gauge|histogram)$/ { if ($3 != name) fail("type of another"); type[name] = $4; next }
        {
            if ($0 !~ /^[a-z_]+(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.]+(e-?[0-9]+)?|\+Inf)$/) fail("grammar")
            base = $0; sub(/[{ ].*/, "", base)
            if (type[name] == "histogram") sub(/_(bucket|sum|count)$/, "", base)
            if (base != name) fail("under another name")
            if (type[name] == "counter" && base !~ /_total$/) fail("a counter ends in _total")
            key = $0; sub(/ [^ ]*$/, "", key)
            if (key in keys) fail("twice"); keys[key]
        }
        END { exit bad }' "$1" && [ "$(tail -c 1 "$1" | od -An -tx1 | tr -d ' ')" = 0a ]
}

@test "/metrics: the format, the counts, which outlive a reload" {
    { tiny_log 60 | sed 's/"red"/"r\\"e\\\\d\\n"/'; } > "$T/log"
    fit --alpha .8 < "$T/log" > "$T/p.trp"
    serve "$T/p.trp"
    value() { NAME=$1 awk 'index($0, ENVIRON["NAME"] " ") == 1 { print $NF }' "$T/body"; }
    ask /metrics > /dev/null
    metrics_sound "$T/body"
    grep -qi '^content-type: text/plain; version=0.0.4' "$T/head"
    for _ in 1 2 3; do post /predict '{"input":"red a"}' > /dev/null; done
    post /predict_batch '{"inputs":["blue b","blue c","quite other words"]}' > /dev/null
    printf '{"input":"red a"}\nx\n' | curl -sS --data-binary @- "$URL/route" > /dev/null
    post /predict x > /dev/null
    ask /nothing > /dev/null
    cp "$F/tiny.trp" "$T/new" && mv "$T/new" "$T/p.trp"
    kill -HUP "$PID"
    wait_for "$T/said" 'taken in anew'
    ask /metrics > /dev/null
    metrics_sound "$T/body"
    [ "$(value 'tr_requests_total{decision="handled",label="r\"e\\d\n"}')" -eq 4 ]
    [ "$(value 'tr_requests_total{decision="handled",label="blue"}')" -eq 2 ]
    [ "$(value 'tr_requests_total{decision="handled",label="red"}')" -eq 0 ]
    [ "$(value 'tr_requests_total{decision="deferred",label=""}')" -eq 3 ]
    [ "$(value 'tr_route_seconds_count')" -eq 7 ]
    [ "$(value 'tr_route_seconds_bucket{le="+Inf"}')" -eq 7 ]
    [ "$(value 'tr_errors_total{kind="bad_row"}')" -eq 2 ]
    [ "$(value 'tr_errors_total{kind="bad_request"}')" -eq 1 ]
    [ "$(value 'tr_errors_total{kind="not_found"}')" -eq 1 ]
    [ "$(value 'tr_reloads_total{result="taken"}')" -eq 1 ]
    [ "$(value 'tr_connections')" -ge 1 ]
    [ "$(value tr_threshold)" = "$(tr-show "$T/p.trp" | jq .rule.threshold)" ]
    grep -q "^tr_model_info{digest=\"$(tr-show "$T/p.trp" | jq -r .certificate.digest)\"" "$T/body"
    awk '/^tr_route_seconds_bucket/ { if ($2 < last) exit 1; last = $2 }' "$T/body"
}

@test "SIGHUP: the new policy from the next request on; a bad file leaves the old one" {
    cp "$F/tiny.trp" "$T/p.trp"
    serve "$T/p.trp"
    [[ $(post /predict '{"input":"red a"}') == *'"handled"'* ]]
    cp "$F/refused.trp" "$T/new" && mv "$T/new" "$T/p.trp"
    kill -HUP "$PID"
    wait_for "$T/said" 'taken in anew'
    [[ $(post /predict '{"input":"red a"}') == *'"deferred"'* ]]
    head -c 1000 "$F/tiny.trp" > "$T/new" && mv "$T/new" "$T/p.trp"
    kill -HUP "$PID"
    wait_for "$T/said" 'stays in use'
    grep -q "^tr-serve: $T/p.trp: " "$T/said"
    jq -e '.accepts | not' <<< "$(curl -sS "$URL/health")"
    cp "$F/tiny.trp" "$T/new" && mv "$T/new" "$T/p.trp"
    kill -HUP "$PID"
    for _ in $(seq 100); do
        [[ $(post /predict '{"input":"red a"}') == *'"handled"'* ]] && break
        sleep .05
    done
    [[ $(post /predict '{"input":"red a"}') == *'"handled"'* ]]
}

@test "reloads while requests go on: none is lost, each is of one policy or the other" {
    cp "$F/policy.trp" "$T/p.trp"
    serve -j 2 "$T/p.trp"
    for _ in 1 2 3 4 5 6 7 8; do cat "$F/requests"; done > "$T/in"
    one_by_one /predict "$T/in" > "$T/got" &
    client=$!
    for k in $(seq 20); do
        from=$F/policy.trp
        [ $((k % 2)) -eq 0 ] || from=$F/refused.trp
        cp "$from" "$T/new" && mv "$T/new" "$T/p.trp"
        kill -HUP "$PID"
        sleep .02
    done
    wait "$client"
    [ "$(sort -u "$T/statuses")" = 200 ]
    tr-route "$F/policy.trp" "$T/in" > "$T/a"
    tr-route "$F/refused.trp" "$T/in" > "$T/b"
    paste -d '\n' "$T/got" "$T/a" "$T/b" | awk 'NR % 3 == 1 { got = $0; next } $0 == got { hit = 1 }
        NR % 3 == 0 { if (!hit) { print "neither: " got; bad = 1 } hit = 0; n++ } END { exit bad || n != 1600 }'
}

@test "SIGTERM: what is in hand is answered, nobody else is let in, exit 0" {
    serve "$F/tiny.trp"
    exec 5<> "/dev/tcp/127.0.0.1/$PORT" 6<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{"input":' >&5
    sleep .3
    kill -TERM "$PID"
    sleep .3
    kill -HUP "$PID" # says nothing now
    kill -0 "$PID"
    expect 7 curl -sS --max-time 5 "$URL/health"
    printf '"red a"}' >&5
    timeout 10 cat <&5 > "$T/got"
    exec 5>&- 6>&-
    grep -q '"label":"red"' "$T/got"
    grep -qi '^connection: close' "$T/got"
    ended "$PID"
    [ "$status" -eq 0 ]
    # bounded by the timeout, where the rest never comes
    serve --timeout .5 "$F/tiny.trp"
    exec 5<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{"input":' >&5
    sleep .1
    kill -INT "$PID"
    ended "$PID"
    exec 5>&-
    [ "$status" -eq 0 ]
}

@test "clients that stall stop nobody, and are cut off" {
    serve -j 2 --timeout 2 "$F/tiny.trp"
    # ten that send a part of the head, ten that send a part of the body; says when all are cut off
    perl -MIO::Socket::INET -e 'alarm 30; $| = 1;
        for (1 .. 20) {
            $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die;
            print $s "POST /predict HTTP/1.1\r\nHost";
            print $s ": x\r\nContent-Length: 1000\r\n\r\n{\"input\":" if $_ > 10;
            $s->flush; push @s, $s }
        print "there\n"; for $s (@s) { 1 while defined <$s> } print "cut off\n"' "$PORT" > "$T/stalled" &
    wait_for "$T/stalled" there
    for _ in 1 2 3 4 5; do
        [ "$(ask /predict --max-time 1 -d '{"input":"red a"}')" = 200 ]
    done
    wait_for "$T/stalled" 'cut off'
    # one that drips is not silent, and yet is cut off
    begun=$SECONDS
    perl -MIO::Socket::INET -e '$SIG{PIPE} = sub { exit 0 }; alarm 20;
        $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift); $s->autoflush(1);
        print $s "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
        for (1 .. 100) { print $s "x" or exit 0; select undef, undef, undef, .2 } exit 1' "$PORT"
    [ $((SECONDS - begun)) -lt 12 ]
    [ "$(ask /metrics)" = 200 ]
    [ "$(sed -n 's/^tr_errors_total{kind="timeout"} //p' "$T/body")" -ge 1 ]
}

@test "--connections: whoever is beyond them is told so" {
    serve --connections 3 --timeout 5 "$F/tiny.trp"
    exec 5<> "/dev/tcp/127.0.0.1/$PORT" 6<> "/dev/tcp/127.0.0.1/$PORT" 7<> "/dev/tcp/127.0.0.1/$PORT"
    for fd in 5 6 7; do printf 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n' >&"$fd"; read -r -t 10 line <&"$fd"; done
    [ "$(ask /health)" = 503 ]
    tr -d '\r' < "$T/head" | grep -qx 'Retry-After: 1'
    jq -e .error "$T/body"
    exec 5>&- 6>&- 7>&-
    for _ in $(seq 100); do
        [ "$(ask /health)" = 200 ] && break
        sleep .05
    done
    [ "$(ask /health)" = 200 ]
}

# burst N: as many clients at once, each with a request, all kept open; how many got which status.
burst() {
    perl -MIO::Socket::INET -e 'alarm 30; my ($port, $n) = @ARGV; my (@s, %got);
        $SIG{PIPE} = "IGNORE";
        for (1 .. $n) {
            my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die;
            $s->autoflush(1);
            print $s "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
            push @s, $s
        }
        for my $s (@s) { my $l = <$s> // ""; $got{$l =~ m{^HTTP/1.1 (\d+)} ? $1 : "none"}++ }
        print join(" ", map { "$_=$got{$_}" } sort keys %got), "\n"' "$PORT" "$1"
}

@test "few file descriptors: fewer connections, said so, 503 beyond them, and a reload still works" {
    # in its own process, which serve starts it in; with a soft limit it helps itself
    tr-serve() { ulimit $limit; exec "$BIN/tr-serve" "$@"; }
    limited() { timeout 10 bash -c 'ulimit $0; exec "$@"' "$limit" "$BIN/tr-serve" "$@"; }
    limit='-n 30'
    serve -j 2 "$F/tiny.trp"
    pattern='^tr-serve: --connections 1024 needs ulimit -n ([0-9]+); ([0-9]+) are taken$'
    [[ $(head -1 "$T/said") =~ $pattern ]]
    needed=${BASH_REMATCH[1]} taken=${BASH_REMATCH[2]}
    [ "$taken" -ge 4 ]
    burst 25 > "$T/got"
    [ "$(cat "$T/got")" = "200=$taken 503=$((25 - taken))" ]
    kill -HUP "$PID"
    wait_for "$T/said" 'taken in anew'
    for _ in $(seq 100); do
        [ "$(ask /health)" = 200 ] && break
        sleep .05
    done
    [ "$(ask /health)" = 200 ]
    kill "$PID"
    ended "$PID"
    [ "$status" -eq 0 ]
    # with what it needs nothing is said; with one less it is
    limit="-n $needed"
    serve -j 2 "$F/tiny.trp"
    run ! grep ulimit "$T/said"
    limit="-n $((needed - 1))"
    serve -j 2 "$F/tiny.trp"
    grep -q "needs ulimit -n $needed; 1023 are taken" "$T/said"
    limit='-Sn 30'
    serve -j 2 "$F/tiny.trp"
    run ! grep ulimit "$T/said"
    # too few to be of use; and very few
    open=$((needed - 1024 - 72))
    limit="-n $((open + 7))"
    serve -j 2 "$F/tiny.trp"
    grep -q '; 4 are taken' "$T/said"
    for n in $((open + 6)) $((open + 1)) 9 7; do
        limit="-n $n"
        expect 4 limited -j 2 --listen 127.0.0.1:0 "$F/tiny.trp"
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
}

@test "clients that go away, or speak no HTTP, harm nobody" {
    serve "$F/policy.trp"
    cat "$F/requests" "$F/requests" "$F/requests" > "$T/in"
    size=$(wc -c < "$T/in")
    for _ in 1 2 3 4 5; do
        exec 5<> "/dev/tcp/127.0.0.1/$PORT" # asks for much, reads nothing
        { printf 'POST /route HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' "$size"; cat "$T/in"; } >&5
        exec 5>&-
    done
    for text in '' 'x' '\r\n\r\n' 'GET' 'GET /health\r\n\r\n' 'POST /predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n' \
        'POST /predict HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n' \
        'POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n' '\0\0\0\0\r\n\r\n' '\x16\x03\x01'; do
        exec 5<> "/dev/tcp/127.0.0.1/$PORT"
        printf "$text" >&5
        exec 5>&-
    done
    head -c 200000 /dev/urandom > "/dev/tcp/127.0.0.1/$PORT" 2> /dev/null || true
    [ "$(ask /predict -d '{"input":"x"}')" = 200 ]
    kill "$PID"
    ended "$PID"
    [ "$status" -eq 0 ]
    run ! grep ERROR "$T/said"
}

@test "100-continue, HTTP/1.0, a body with GET, a whole URL as path" {
    serve "$F/tiny.trp"
    exec 5<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'POST /predict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n' >&5
    read -r -t 10 line <&5
    [[ $line == 'HTTP/1.1 100 '* ]]
    printf '{"input":"red a"}' >&5
    read -r -t 10 line <&5
    read -r -t 10 line <&5
    [[ $line == 'HTTP/1.1 200 '* ]]
    exec 5>&-
    exec 5<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'POST /predict HTTP/1.0\r\nContent-Length: 17\r\n\r\n{"input":"red a"}' >&5
    timeout 10 cat <&5 | grep -q '"label":"red"'
    exec 5>&-
    # a path as a proxy may be asked for it (RFC 9112, 3.2.2)
    for pair in http://x/health=200 'HTTPS://x:80/health?a=1=200' http://x=404 http:///health=404 ftp://x/health=404 \
        http://x/predict=405; do
        echo "$pair"
        [ "$(ask '' --request-target "${pair%=*}")" = "${pair##*=}" ]
    done
    exec 5<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcdeGET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&5
    [ "$(timeout 10 cat <&5 | grep -a '^HTTP/' | cut -d ' ' -f 2 | paste -sd,)" = 200,404 ]
    exec 5>&-
}

@test "--shadow: marked by id as tr-route marks; without ids each request gets one of its own" {
    serve --shadow .3 --seed 7 --id-prefix p- "$F/policy.trp"
    one_by_one /predict "$F/requests" 1 | cmp - <(tr-route --shadow .3 --seed 7 "$F/policy.trp" "$F/requests")
    for _ in 1 2 3 4 5 6; do post /predict '{"input":"where is my order"}'; done > "$T/out"
    [ "$(jq -r .id "$T/out" | sort -u | grep -c '^p-')" -eq 6 ]
    ask /metrics > /dev/null
    [ "$(sed -n 's/^tr_shadowed_total //p' "$T/body")" -gt 5 ]
    run ! grep id-prefix "$T/said"
    # the ids come again: that is said
    kill "$PID"
    serve --shadow .3 "$F/policy.trp"
    [ "$(head -1 "$T/said")" = 'tr-serve: --shadow without --id-prefix: requests without an id get the same ids after each start' ]
    [ "$(post /predict '{"input":"where is my order"}' | jq -r .id)" = "$(tr-route -q --shadow .3 "$F/policy.trp" <<< '{"input":"where is my order"}' | jq -r .id)" ]
}

@test "wrong usage, bad policy, an address in use: one line, and the status" {
    serve "$F/tiny.trp"
    expect 4 tr-serve --listen "127.0.0.1:$PORT" "$F/tiny.trp"
    [ "$stderr" = "tr-serve: cannot listen on 127.0.0.1:$PORT: Address already in use" ]
    for address in x 127.0.0.1 127.0.0.1:x 127.0.0.1:70000 ::1:80 127.0.0.1: 127.0.0.1:-1; do
        expect 2 tr-serve --listen "$address" "$F/tiny.trp"
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    expect 4 tr-serve --listen 192.0.2.1:0 "$F/tiny.trp"
    expect 2 tr-serve
    expect 2 tr-serve "$F/tiny.trp" "$F/policy.trp"
    expect 2 tr-serve --id-prefix $'\xff' "$F/tiny.trp"
    expect 4 tr-serve "$T/none"
    head -c 500 "$F/tiny.trp" > "$T/cut"
    expect 3 tr-serve --listen 127.0.0.1:0 "$T/cut"
    [ "${#stderr_lines[@]}" -eq 1 ]
    expect 3 tr-serve --listen 127.0.0.1:0 "$F/tiny.log"
}

@test "IPv6, and every address" {
    [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip 'no IPv6 here'
    tr-serve --listen '[::1]:0' "$F/tiny.trp" 2> "$T/said" 3>&- &
    PIDS+=($!)
    wait_for "$T/said" 'listening on http://\[::1\]:[0-9]'
    curl -gsS "$(sed 's/.* //' "$T/said")/health" | jq -e .accepts
    tr-serve --listen :0 "$F/tiny.trp" 2> "$T/said" 3>&- &
    PIDS+=($!)
    wait_for "$T/said" 'listening on http://0.0.0.0:[0-9]'
}

@test "samples: the systemd unit, the Dockerfile and the compose file are sound" {
    s=$ROOT/samples
    python3 -c 'import yaml' 2> /dev/null || skip 'no yaml for python'
    python3 - "$s/compose.yml" << 'END'
import sys, yaml
c = yaml.safe_load(open(sys.argv[1]))
s = c["services"]["tr-serve"]
assert s["build"] == {"context": "..", "dockerfile": "samples/Dockerfile"}
assert all(p.startswith("127.0.0.1:") for p in s["ports"])
assert s["read_only"] is True and s["cap_drop"] == ["ALL"]
END
    # what the containers say to the tool are options that it has
    for option in $(grep -ohE -- '--(listen|connections|token)' "$s"/{compose.yml,Dockerfile,tr-serve.service} | sort -u); do
        tr-serve -h | grep -q -- "$option "
    done
    # the check of the container's health, as it stands there
    serve "$F/tiny.trp"
    check=$(python3 -c 'import sys, yaml
print(yaml.safe_load(open(sys.argv[1]))["services"]["tr-serve"]["healthcheck"]["test"][3])' "$s/compose.yml")
    bash -c "${check/\/8000/\/$PORT}"
    kill "$PID"
    ended "$PID"
    run bash -c "${check/\/8000/\/$PORT}"
    [ "$status" -ne 0 ]
    command -v systemd-analyze > /dev/null || return 0
    sed "s|/usr/local/bin/tr-serve|$BIN/tr-serve|" "$s/tr-serve.service" > "$T/tr-serve.service"
    run systemd-analyze verify --man=no "$T/tr-serve.service"
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$(grep -F tr-serve.service <<< "$output")" ]
}
