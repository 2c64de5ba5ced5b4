#!/usr/bin/env bats
# tr-serve under clients that mean it no good, and under reloads: tests/serve-hostile says what they
# do.

load helper
setup_file() { fixtures; }
setup() {
    common
    command -v python3 > /dev/null || skip 'no python3'
}

# hostile ARGS...: no longer than a test may take, whatever happens.
hostile() { timeout -k 5 300 "$ROOT/tests/serve-hostile" "$@"; }

@test "10,000 hostile requests: no crash, leak or wrong answer, and good ones are served meanwhile" {
    many=(--requests 10000)
    ! sanitized || many=(--requests 2000 --light)
    expect 0 hostile storm "$F/e.trp" "$F/e.requests" "${many[@]}"
    echo "$output"
    [[ $output == *"hostile requests ${many[1]},"* ]]
}

@test "20 reloads under load: each answer is that of one of the two policies" {
    tr-train -q --zoo nb "$F/e.split" | tr-gate -q | tr-calibrate -q --alpha .6 -o "$T/other.trp"
    expect 0 hostile reload "$F/e.trp" "$T/other.trp" "$F/e.requests"
    [[ $output == *'reloads 20;'* ]]
}

@test "serve-hostile notices wrong answers, a lost policy and a dead server" {
    mkdir "$T/bin"
    # the answers of another policy
    printf '#!/bin/sh\nshift\nexec "%s" "%s" "$@"\n' "$BIN/tr-serve" "$F/refused.trp" > "$T/bin/tr-serve"
    chmod +x "$T/bin/tr-serve"
    PATH=$T/bin:$PATH expect 1 hostile storm "$F/e.trp" "$F/e.requests" --requests 100
    [[ $stderr == *'good request'* ]]
    # one that never reads its file again
    printf '#!/bin/sh\ncp "$1" "%s"; shift\nexec "%s" "%s" "$@"\n' "$T/kept.trp" \
        "$BIN/tr-serve" "$T/kept.trp" > "$T/bin/tr-serve"
    PATH=$T/bin:$PATH expect 1 hostile reload "$F/e.trp" "$F/refused.trp" "$F/e.requests" --reloads 1
    [[ $stderr == *'reload 1: not seen'* ]]
    # one that dies in the middle
    printf '#!/bin/sh\n(sleep 2; kill -9 $$) > /dev/null 2>&1 &\nexec "%s" "$@"\n' "$BIN/tr-serve" > "$T/bin/tr-serve"
    PATH=$T/bin:$PATH expect 1 hostile storm "$F/e.trp" "$F/e.requests" --requests 5000
    [[ $stderr == *'exit status -9'* ]]
}
