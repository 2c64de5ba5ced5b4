#!/usr/bin/env bats
# tr-tools(7), TROUBLESHOOTING: each message that it explains is one that the tools still give.
# Three dots stand for what differs.

load helper

setup_file() { fixtures; }
setup() {
    common
    [[ $BUILD != */san ]] || skip 'a loop of shell over messages'
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    own=()
}

teardown() {
    local pid
    for pid in "${own[@]}"; do { kill "$pid"; wait "$pid"; } 2> /dev/null || true; done
    [ -n "${BATS_TEST_COMPLETED-}" ] || cat "$T/last" 2> /dev/null || true
}

# entries: the messages of the section, without the roff.
entries() {
    sed -n '/^\.Sh TROUBLESHOOTING/,/^\.Sh SEE/s/^\.It //p' "$ROOT/man/tr-tools.7" |
        sed 's/\\(dq/"/g; s/\\&//g; s/\\e/\\/g'
}

# sources: the words of all sources; C's literals as they come out, those side by side joined.
sources() {
    (cd "$ROOT" && perl -0777 -ne '
        if ($ARGV =~ /\.c$/) { s/"\s*\n\s*"//g; s/\\"/"/g }
        print "$_\n"' lib/*/*.c src/*.c src/*.sh samples/refit.mk $(find scripts -type f))
}

# parts: of a message on standard input what stands between the dots, one a line.
parts() { sed 's/ *\.\.\. */\n/g' | grep .; }

@test "each message of tr-tools(7) is provoked here, or stands in the sources" {
    sources > "$T/sources"
    entries > "$T/entries"
    [ "$(wc -l < "$T/entries")" -ge 50 ]
    [ -z "$(sort "$T/entries" | uniq -d)" ]
    provoked=0
    while read -r entry; do
        if grep -qF -e "gives '$entry' " -e "gives \"$entry\" " "$BATS_TEST_FILENAME"; then
            provoked=$((provoked + 1))
            continue
        fi
        while read -r part; do
            echo "$entry: $part"
            [ ${#part} -ge 4 ]
            grep -qF -- "$part" "$T/sources"
        done < <(parts <<< "$entry")
    done < "$T/entries"
    [ "$provoked" -ge 50 ]
}

# starts FILE COMMAND...: in the background, until FILE is there and not empty.
starts() {
    "${@:2}" > /dev/null 2> "$T/said" 3>&- 4>&- < /dev/null &
    own+=($!)
    for _ in $(seq 200); do
        [ ! -s "$1" ] || return 0
        sleep .05
    done
    return 1
}

# gives ENTRY COMMAND: the command says what the entry quotes, in its order, in one line.
gives() {
    grep -qxF -- "$1" "$T/entries"
    run bash -c "{ $2; } 2>&1 | tr -d '\\0'"
    local pattern
    pattern=$(parts <<< "$1" | sed 's/[][\.*^$]/\\&/g' | paste -sd '\t' | sed 's/\t/.*/g')
    printf '%s\n' "$2" "wanted: $pattern" "$output" | head -c 2000 > "$T/last"
    grep -q -- "$pattern" <<< "$output"
}

@test "the messages come when they should" {
    entries > "$T/entries"
    find "$F" -maxdepth 1 -type f -exec cp -t "$T" {} + # some messages want a file written
    cd "$T"
    gives 'bad JSON at byte ... not a JSON object' 'echo input,label | tr-split'
    gives 'no input: none of the keys ...' 'echo "{\"body\":\"a\",\"label\":\"b\"}" | tr-split'
    gives 'no teacher label: none of the keys ...' 'echo "{\"input\":\"a\",\"verdict\":\"b\"}" | tr-split'
    echo refund > names
    gives 'the label ... is not listed' 'tr-split --labels names --strict log'
    gives 'which ... needs; name the time by --time-key' 'tr-split --since 2020-01-01 tiny.log'
    gives 'no traces: all lie outside --since and --until' \
        'sed "s/^{/{\"timestamp\":1700000000,/" tiny.log | tr-split --since 2030-01-01'
    tr-route -q policy.trp requests > decisions
    gives 'no traces: none of the decisions has a teacher label' 'tr-split decisions'
    gives '"propensity" is 0, yet there is a teacher label' \
        'sed "s/\"decision\":\"handled\"/\"teacher\":\"x\",&/" decisions | tr-split'
    gives 'the last line of a split stream is missing' 'head -n 300 split | tr-train'
    gives 'rows were changed after tr-split' 'sed "5s/\"input\":\"/&x/" split | tr-train'
    gives 'the split had ... rows and ... arrived' 'sed 5d split | tr-train'
    gives 'no "split": this is no output of tr-split' 'tr-train log'
    gives 'an id that an earlier row has' 'cat log log | tr-split -q | tr-train'
    gives '... with at least ... rows to train on' "jq -c '.teacher = .id' tiny.log | tr-split -q | tr-train"
    gives 'rows to train on; at least ... are needed' 'head -n 3 log | tr-split -q | tr-train'
    gives 'an "embedding", but the traces before have none' 'cat tiny.log e.log | tr-split'
    gives '"embedding" has ... numbers, those of the traces before have ...' \
        '(echo "{\"input\":\"a\",\"teacher\":\"b\",\"embedding\":[1]}"; cat e.log) | tr-split'
    gives 'no member that is chosen can be trained on what these traces have' \
        "jq -c 'del(.input)' e.log | tr-split -q | tr-train --zoo nb"
    gives 'there is no member ... there are' 'tr-train --zoo svn split'
    gives 'is a policy, not a model stream' 'tr-gate policy.trp'
    gives 'the stream has no cascade' 'tr-calibrate --alpha .8 --family rsb gated.trm'
    gives 'too few calibration rows: ... and agreement ... needs at least' 'tr-calibrate --alpha .999 gated.trm'
    gives 'too few calibration rows: ... about ... would do' 'tr-calibrate --alpha .98 gated.trm'
    gives 'of the traffic could be certified, less than --min-coverage' \
        'tr-calibrate --alpha .8 --min-coverage .99 gated.trm'
    cp policy.trp mine.trp
    gives 'stays as it was (--replace to replace it)' 'tr-calibrate --alpha .995 -o mine.trp gated.trm'
    gives '--defer-label: no label ... in the log' 'tr-calibrate --alpha .8 --defer-label none gated.trm'
    gives 'these are other traces than the policy was calibrated on' \
        'tr-split -q --seed 2 log | tr-calibrate --verify policy.trp'
    gives '--select takes one of --alphas' 'tr-frontier gated.trm --select .93'
    gives 'could not be read and ... deferred' 'echo nonsense | cat - requests | tr-route policy.trp'
    gives "no input: the last line of tr-split's output" 'echo "{\"tr-split\":{}}" | tr-route policy.trp'
    gives 'no embedding; the policy takes one of ... numbers' 'tr-route e.trp requests'
    gives 'an embedding of ... numbers; the policy takes' \
        'echo "{\"input\":\"a\",\"embedding\":[1]}" | tr-route e.trp'
    gives 'is a model stream, not a policy' 'tr-route model.trm requests'
    gives 'is no tr-tools file' 'tr-route requests policy.trp'
    gives 'is cut off after ... bytes' 'head -c 5000 model.trm | tr-gate'
    head -n 2 requests > two
    gives 'teacher: the command ended with status ...' 'tr-route --fallback "exit 3" --retries 0 refused.trp two'
    gives 'teacher: ... a line that is no answer' 'tr-route --fallback cat --timeout .2 refused.trp two'
    gives 'had no answer from the teacher; each says so in "error"' \
        'tr-route --fallback "exit 3" --retries 0 refused.trp two'
    gives 'no "decision": this is no output of tr-route' 'tr-audit log'
    tr-audit --json --alpha .9 decisions > report
    gives 'a report of tr-audit --json is read with --merge' 'tr-audit report'
    tr-route -q --shadow 1 policy.trp requests | jq -c '.teacher = "x"' > wrong
    gives 'the data contradict the promise' 'tr-audit --policy policy.trp wrong'
    tr-audit -q --policy policy.trp --monitor state wrong > /dev/null 2>&1 || [ $? -eq 1 ]
    jq -c '.teacher = .label // "x"' wrong > right
    gives 'the monitor alarms' 'tr-audit --policy policy.trp --monitor state right'
    gives 'watches another promise' 'tr-audit --alpha .5 --monitor state wrong'
    tr-calibrate -q --alpha .7 --guarantee overall -o overall.trp gated.trm
    gives '--monitor watches what is answered' 'tr-audit --policy overall.trp --monitor other wrong'
    sed 's/^{/{"timestamp":"2026-01-01",/' log > dated
    refit="make -s -f $ROOT/samples/refit.mk BIN=$BIN LOGS=dated ALPHA=.8"
    gives 'refit: the logs have nothing new' "$refit TRAIN='--zoo svm'; $refit"
    gives 'refit: ... fresh rows may calibrate; not before' \
        "tail -n 1 dated | jq -c '.id = .timestamp | .timestamp = \"2026-02-01\"' >> dated; sleep .02; $refit"
    gives 'kept: ... stays as it was' 'tr-promote refused.trp mine.trp'
    echo '{"input":"x","expect":"nothing"}' > cases
    gives 'cases fail' 'tr-promote --expect cases policy.trp other.trp'
    gives 'standard output: No space left on device' 'tr-show policy.trp > /dev/full'
    gives 'needs a value' 'tr-split --seed'
    mkdir alone
    cp "$BIN/tr-fit" alone
    gives 'there is no ... in' 'alone/tr-fit log --alpha .9'
}

@test "the messages of adapters, embeddings and the server come when they should" {
    entries > "$T/entries"
    find "$F" -maxdepth 1 -type f -exec cp -t "$T" {} + # some messages want a file written
    cd "$T"
    from=$ROOT/scripts/from-openai
    gives 'no traces ... skipped' "echo '{\"choices\":[]}' | $from"
    gives 'not JSON: ... a line must hold a whole object' "printf '[\n{\"a\":1}]\n' | $from"
    gives 'skipped ... no label' "jq -nc '{messages: [{role: \"user\", content: \"a\"}],
        response: {choices: [{message: {content: (\"word \" * 99)}, finish_reason: \"stop\"}]}}' | $from"

    # three rows of one number: a header of 64 bytes, then zeros
    printf "\\x93NUMPY\\1\\0\\166\\0%-117s\\n" \
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }" > three.npy
    head -c 12 /dev/zero >> three.npy
    head -n 2 requests > two
    gives 'has ... rows, but there are ... traces' 'tr-embed --npy three.npy two'
    printf '\xba\x16\x4f\x2f model' > model.bin
    gives 'is a model of fastText; give the .vec that is beside it' 'tr-embed --vec model.bin two'
    printf 'a 1 2\nb 1\n' > some.vec
    gives 'has ... numbers behind its word, not' 'tr-embed --vec some.vec two'
    starts port "$ROOT/tests/server-embed" "$T"
    url=http://127.0.0.1:$(cat port)
    # asks WORDS MORE: the server about a text with these words
    asks() { echo "echo '{\"input\":\"$1\"}' | cat - ${3-/dev/null} | tr-embed --url $url --batch 1 $2"; }
    gives 'trying again' "$(asks '#first503' '--retries 1')"
    gives '(asked ... times)' "$(asks '#always503' '--retries 1')"
    gives 'a key goes into a file of --header' "$(asks '#status401')"
    gives 'is it the right path, --api and --model?' "$(asks '#status404')"
    gives 'refuses this text of ... bytes' "$(asks '#toolong')"
    gives 'texts were sent, but ... vectors came back' "$(asks '#toofew')"
    gives 'it sends vectors of ... numbers, but ... were' "$(asks 'vector 1 2' '' two)"
    gives 'from another embedder?' "$(asks 'vector 1 2' '' e.requests)"

    gives 'is not ADDRESS:PORT' 'tr-serve policy.trp --listen nowhere'
    gives 'cannot listen on ...: Cannot assign requested address' 'tr-serve policy.trp --listen 192.0.2.1:0'
    echo secret > token
    starts said tr-serve policy.trp --listen 127.0.0.1:0 --token token
    url=$(sed -n 's/^tr-serve: listening on //p' said)
    gives 'cannot listen on ...: Address already in use' "tr-serve policy.trp --listen ${url#http://}"
    gives 'a token is needed' "curl -sS $url/predict | jq -r .error"
    key='-H "Authorization: Bearer secret"'
    gives 'this path is for POST' "curl -sS $key $url/predict | jq -r .error"
    gives 'neither "inputs" nor "embeddings"' "curl -sS $key -d {} $url/predict_batch | jq -r .error"
}
