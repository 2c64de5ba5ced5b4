#!/usr/bin/env bats
# The adapters: logs of other programs to traces; what they skip, and what they refuse.

load helper

setup() {
    common
    [[ $BUILD != */san ]] || skip 'scripts of jq: once is enough'
    LOGS=$ROOT/samples/logs
    PATH=$ROOT/scripts:$PATH
}

# said TEXT: the last line of standard error.
said() { [ "${stderr_lines[-1]}" = "$1" ]; }

# labels: id and label of the traces on standard input; truth LINES: those of the log of the desk.
labels() { jq -r '[.id, .teacher] | @tsv' | sort; }
truth() { sed -n "$1" "$ROOT/samples/support.jsonl" | labels; }

# ask CONTENT: a log of one call whose answer is this text.
ask() { jq -nc --arg a "$1" '{id: "1", messages: [{role: "user", content: "x"}], response: $a}'; }
label_of() { ask "$1" | from-openai -q "${@:2}" | jq -r .teacher; }
no_label() {
    expect 3 from-openai "${@:2}" <(ask "$1")
    [[ $stderr == *': no traces; skipped 1: 1 no label; '* ]]
}

@test "a batch of OpenAI: joined on custom_id, whatever the order; what has no label is skipped" {
    expect 0 from-openai-batch --input-after 'Message: ' "$LOGS"/batch-{requests,results,errors}.jsonl
    said 'from-openai-batch: 619 traces with 26 labels; skipped 21: 7 cut short, 6 refused, 4 expired, 2 failed, 2 no label'
    printf '%s\n' "$output" > "$T/traces"
    [ "$(wc -l < "$T/traces")" -eq 619 ]
    # the same texts and labels as the log that the sample was made from
    jq -c '[.id, .input, .teacher]' "$T/traces" | sort > "$T/got"
    jq -c '[.id, .input, .teacher]' "$ROOT/samples/support.jsonl" | sort > "$T/all"
    [ -z "$(comm -23 "$T/got" "$T/all")" ]
    jq -es 'all(.metadata.model == "gpt-4o-mini-2024-07-18" and .metadata.output_tokens == 4 and
        .timestamp[:13] == "2026-02-02T09")' "$T/traces"
    # sorted otherwise: the same rows
    sort "$LOGS/batch-results.jsonl" | from-openai-batch -q --input-after 'Message: ' \
        "$LOGS/batch-requests.jsonl" - "$LOGS/batch-errors.jsonl" | sort | cmp - <(sort "$T/traces")
    # without the errors, some requests have no result
    expect 0 from-openai-batch "$LOGS"/batch-{requests,results}.jsonl
    [[ $stderr == *'; 6 requests without a result' ]]
    # a result that nobody asked for, and one that comes twice
    head -9 "$LOGS/batch-requests.jsonl" > "$T/some"
    expect 0 from-openai-batch "$T/some" "$LOGS/batch-results.jsonl" "$LOGS/batch-results.jsonl"
    said "from-openai-batch: 9 traces with 9 labels (9 of them once); skipped $((2 * 634 - 9)): $((2 * 625)) without a request, 9 repeated ids"
}

@test "from a batch to routed traffic, in the four commands of the README" {
    mkdir "$T/bin"
    ln -s "$ROOT/scripts/from-openai-batch" "$T/bin/tr-from-openai-batch"
    ln -s "$ROOT/samples" "$T"
    PATH=$T/bin:$PATH
    sed -n '/^<!-- four commands/,/^## /{s/^    //p}' "$ROOT/README.md" > "$T/commands"
    [ "$(grep -c '^tr-from-\|^tr-fit\|tr-route\|^tr-audit' "$T/commands")" -eq 4 ]
    [ "$(wc -l < "$T/commands")" -eq 5 ] # one of them on two lines
    cd "$T"
    bash -eu -o pipefail commands > report
    [ "$(wc -l < traces.jsonl)" -eq 619 ]
    [ "$(jq -s 'map(select(.decision == "handled")) | length' decisions.jsonl)" -ge 250 ]
    grep '^Promise kept' report
}

@test "responses, completions and errors in a batch of OpenAI" {
    cat > "$T/q" << 'END'
{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"m","instructions":"sort","input":"text a"}}
{"custom_id":"b","body":{"input":[{"role":"user","content":[{"type":"input_text","text":"text"},{"type":"input_text","text":"b"}]}]}}
{"custom_id":"c","body":{"prompt":"text c"}}
{"custom_id":"d","body":{"input":"text d"}}
{"custom_id":"e","body":{"input":"text e"}}
{"custom_id":"f","body":{"input":"text f"}}
{"custom_id":"f","body":{"input":"text f"}}
{"custom_id":7,"body":{"input":"text g"}}
END
    cat > "$T/r" << 'END'
{"custom_id":"d","response":{"status_code":200,"body":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}},"error":null}
{"custom_id":"c","response":{"status_code":200,"body":{"created":1770000000,"choices":[{"text":" C.","finish_reason":"stop"}]}},"error":null}
{"custom_id":"b","response":{"status_code":200,"body":{"status":"completed","output":[{"type":"function_call","name":"file","arguments":"{\"class\":\"B\"}"}]}},"error":null}
{"custom_id":"a","response":{"status_code":200,"body":{"created_at":1770000000,"model":"m-1","status":"completed","output":[{"type":"reasoning"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"A"}]}],"usage":{"input_tokens":5,"output_tokens":1}}},"error":null}
{"custom_id":"e","response":{"status_code":200,"body":{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]}},"error":null}
{"custom_id":"f","response":null,"error":{"code":"batch_cancelled"}}
{"custom_id":"7","response":{"status_code":500,"body":{"error":{}}},"error":null}
END
    expect 0 from-openai-batch "$T/q" "$T/r"
    said 'from-openai-batch: 3 traces with 3 labels (3 of them once); skipped 5: 1 canceled, 1 cut short, 1 failed, 1 refused, 1 repeated requests'
    [ "${lines[0]}" = '{"id":"c","input":"text c","teacher":"C","timestamp":"2026-02-02T02:40:00Z"}' ]
    [ "${lines[1]}" = '{"id":"b","input":"text\nb","teacher":"B"}' ]
    [ "${lines[2]}" = '{"id":"a","input":"text a","teacher":"A","timestamp":"2026-02-02T02:40:00Z","metadata":{"model":"m-1","input_tokens":5,"output_tokens":1}}' ]
    [ "${#lines[@]}" -eq 3 ]
}

@test "a large batch: the time grows with the rows, not with their square" {
    rows() { awk -v n="$1" -v kind="$2" 'BEGIN { for (i = 1; i <= n; i++) if (kind == "q")
        printf "{\"custom_id\":\"%d\",\"body\":{\"messages\":[{\"role\":\"user\",\"content\":\"text %d\"}]}}\n", i, i
        else printf "{\"custom_id\":\"%d\",\"response\":{\"status_code\":200,\"body\":{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}},\"error\":null}\n", n + 1 - i }'; }
    # in seconds of processor time, which other jobs disturb less
    spent() {
        rows "$1" q > "$T/q"
        rows "$1" r > "$T/r"
        TIMEFORMAT=%U
        { time timeout 120 from-openai-batch -q "$T/q" "$T/r" > "$T/out"; } 2>&1
        [ "$(wc -l < "$T/out")" -eq "$1" ]
    }
    few=$(spent 2000)
    many=$(spent 10000)
    echo "$few $many"
    awk -v few="$few" -v many="$many" 'BEGIN { exit !(many < 10 * few) }'
}

@test "a batch of Anthropic: any order, tools, the assistant's beginning, no time" {
    expect 0 from-anthropic-batch --at 2026-02-03 "$LOGS"/anthropic-{requests,results}.jsonl
    said 'from-anthropic-batch: 6 traces with 5 labels (4 of them once); skipped 4: 1 canceled, 1 cut short, 1 expired, 1 failed'
    diff <(labels <<< "$output") <(truth '661,662p;667,670p')
    jq -es 'all(.timestamp == "2026-02-03" and .metadata.input_tokens == 41)' <<< "$output"
    cat > "$T/q" << 'END'
{"custom_id":"a","params":{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"{\"intent\": \""}]}}
{"custom_id":"b","params":{"messages":[{"role":"user","content":"y"}]}}
{"custom_id":"c","params":{"messages":[{"role":"user","content":[{"type":"image","source":{}},{"type":"text","text":"z"}]}]}}
END
    cat > "$T/r" << 'END'
{"custom_id":"c","result":{"type":"succeeded","message":{"role":"assistant","content":[{"type":"text","text":"l"}],"stop_reason":"end_turn"}}}
{"custom_id":"b","result":{"type":"succeeded","message":{"role":"assistant","content":[{"type":"text","text":"I file it."},{"type":"tool_use","name":"file","input":{"class":"l"}}],"stop_reason":"tool_use"}}}
{"custom_id":"a","result":{"type":"succeeded","message":{"role":"assistant","content":[{"type":"text","text":"l\"}"}],"stop_reason":"stop_sequence"}}}
END
    expect 0 from-anthropic-batch "$T/q" "$T/r"
    said 'from-anthropic-batch: 2 traces with 1 labels; skipped 1: 1 not text alone'
    [ "$output" = $'{"id":"b","input":"y","teacher":"l"}\n{"id":"a","input":"x","teacher":"l"}' ]
    expect 0 from-anthropic-batch --tool-name "$T/q" "$T/r"
    [ "$(jq -r .teacher <<< "${lines[0]}")" = file ]
}

@test "chat completions in all ways of logging them" {
    expect 0 from-openai --input-after 'Message: ' --input-before $'\n\nAnswer' "$LOGS/chat.jsonl"
    said 'from-openai: 11 traces with 7 labels (3 of them once); skipped 3: 1 cut short, 1 failed, 1 refused'
    diff <(labels <<< "$output") <(truth '641,642p;645,646p;648,654p')
    diff <(jq -c '[.id, .input]' <<< "$output") \
        <(sed -n '641,642p;645,646p;648,654p' "$ROOT/samples/support.jsonl" | jq -c '[.id, .input]')
    jq -es '.[4].metadata == {cost: 2.1e-05, latency: .61}' <<< "$output"
    # the whole line in a string, a dialogue for fine-tuning, a list of two calls on a line
    cat > "$T/log" << 'END'
{"id":"a","request":"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}","response":"{\"choices\":[{\"message\":{\"content\":\"l\"}}]}"}
{"messages":[{"role":"system","content":"s"},{"role":"user","content":"x"},{"role":"assistant","content":"l"}]}
[{"id":"b","messages":[{"role":"user","content":"x"}],"response":"l"},{"id":"c","messages":[{"role":"user","content":"x"}],"response":"l"}]
END
    expect 0 from-openai "$T/log"
    [ "$(jq -c '[.id, .input, .teacher]' <<< "$output" | tr '\n' ' ')" = '["a","x","l"] [null,"x","l"] ["b","x","l"] ["c","x","l"] ' ]
}

@test "LiteLLM, Langfuse, OpenTelemetry: their samples" {
    expect 0 from-litellm "$LOGS/litellm.jsonl"
    said 'from-litellm: 7 traces with 6 labels (5 of them once); skipped 3: 1 failed, 1 not a chat call, 1 redacted'
    diff <(jq -r .teacher <<< "$output") <(sed -n '671p;675,680p' "$ROOT/samples/support.jsonl" | jq -r .teacher)
    jq -es 'all(.metadata.latency == .625) and .[0].metadata.cost == 1.23e-05 and
        .[2].timestamp == "2026-01-20T09:15:00.250000Z"' <<< "$output"

    expect 0 from-langfuse "$LOGS/langfuse.jsonl"
    said 'from-langfuse: 8 traces with 6 labels (4 of them once); skipped 2: 1 failed, 1 not a generation'
    diff <(jq -c '[.input, .teacher]' <<< "$output") \
        <(sed -n '681p;684,690p' "$ROOT/samples/support.jsonl" | jq -c '[.input, .teacher]')
    jq -es 'all(.metadata == {model: "gpt-4o-mini", input_tokens: 44, output_tokens: 4,
        cost: 1.23e-05, latency: .625})' <<< "$output"
    # a page of the interface is the same
    from-langfuse -q <(jq -sc '{data: ., meta: {page: 1}}' "$LOGS/langfuse.jsonl") | cmp - <(echo "$output")

    expect 0 from-otel "$LOGS/otel.jsonl"
    said 'from-otel: 9 traces with 6 labels (3 of them once); skipped 3: 1 failed, 1 not a chat call, 1 without the texts'
    diff <(jq -c '[.input, .teacher]' <<< "$output") \
        <(sed -n '691p;695,702p' "$ROOT/samples/support.jsonl" | jq -c '[.input, .teacher]')
    jq -es 'all(.metadata.latency == .625 and .metadata.input_tokens == 44) and
        .[0].timestamp == "2026-01-20T16:00:04.125Z"' <<< "$output"
}

@test "spans as they were before: prompts in attributes, numbered, and in events" {
    cat > "$T/log" << 'END'
{"span_id":"a","attributes":{"gen_ai.prompt":"x","gen_ai.completion":"l"}}
{"span_id":"b","attributes":{"gen_ai.prompt.0.role":"system","gen_ai.prompt.0.content":"s","gen_ai.prompt.1.role":"user","gen_ai.prompt.1.content":"x","gen_ai.completion.0.role":"assistant","gen_ai.completion.0.content":"l","gen_ai.completion.0.finish_reason":"stop"}}
{"span_id":"c","attributes":{"gen_ai.system":"m"},"events":[{"name":"gen_ai.content.prompt","attributes":{"gen_ai.prompt":"[{\"role\":\"user\",\"content\":\"x\"}]"}},{"name":"gen_ai.content.completion","attributes":[{"key":"gen_ai.completion","value":{"stringValue":"[{\"role\":\"assistant\",\"content\":\"l\"}]"}}]}]}
{"span_id":"d","attributes":{"gen_ai.prompt":"x","gen_ai.completion":"l","gen_ai.response.finish_reasons":["length"]}}
{"span_id":"e","input_text":"x","output_text":"l","attributes":{},"status":"ok"}
END
    expect 0 from-otel "$T/log"
    said 'from-otel: 4 traces with 1 labels; skipped 1: 1 cut short'
    [ "$(jq -c '[.id, .input, .teacher]' <<< "$output" | tr '\n' ' ')" = '["a","x","l"] ["b","x","l"] ["c","x","l"] ["e","x","l"] ' ]
}

@test "ids that stand for two requests, and numbers too large for jq" {
    cat > "$T/q" << 'END'
{"custom_id":"1","body":{"input":"x"}}
{"custom_id":"2","body":{"input":"y"}}
{"custom_id":"1","body":{"input":"z"}}
{"custom_id":"2","body":{"input":"y"}}
{"custom_id":9007199254740993,"body":{"input":"v"}}
{"custom_id":9007199254740992,"body":{"input":"w"}}
{"custom_id":"3","body":{"input":"u"}}
END
    for id in '"1"' '"2"' '"1"' 9007199254740992 9007199254740993; do
        echo '{"custom_id":'"$id"',"response":{"body":{"choices":[{"message":{"content":"l"}}]}}}'
    done > "$T/r"
    expect 0 from-openai-batch "$T/q" "$T/r"
    said 'from-openai-batch: 3 traces with 1 labels; skipped 3: 2 ambiguous ids, 1 repeated requests; 1 requests without a result'
    [ "$(jq -c '[.id, .input]' <<< "$output" | tr '\n' ' ')" = '["2","y"] ["9007199254740992","w"] ["9007199254740993","v"] ' ]
    user='"messages":[{"role":"user","content":"x"}],"response":"l"'
    expect 0 from-openai <(printf '%s\n' "{\"id\":9007199254740993,$user}" "{$user,\"id\":9007199254740992}" \
        "{\"id\":9007199254740993,\"n\":9007199254740992,$user}" "{\"id\":7,$user}")
    [[ $stderr == *'; skipped 1: 1 ids beyond 2^53: write them as strings' ]]
    [ "$(jq -r .id <<< "$output" | tr '\n' ' ')" = '9007199254740993 9007199254740992 7 ' ]
    # results forgotten
    expect 3 from-openai-batch "$LOGS/batch-requests.jsonl" < /dev/null
    [[ $stderr == 'from-openai-batch: which RESULTS? '* ]]
}

@test "what the last lines say: labels that occur once, a template, times" {
    rows() { for i in $(seq "$1"); do echo '{"id":"'"$i"'","messages":[{"role":"user","content":"'"$2$i"'"}],"response":"'"$3$((i % $4))"'"}'; done; }
    expect 0 from-openai <(rows 60 'Which label fits? Message: ' l 5)
    [ "${#stderr_lines[@]}" -eq 2 ]
    [ "${stderr_lines[0]}" = 'from-openai: 60 traces with 5 labels' ]
    [[ ${stderr_lines[1]} == 'from-openai: all inputs begin with "Which label fits? Message: "'*' --input-after '* ]]
    expect 0 from-openai --input-after 'Message: ' <(rows 60 'Which label fits? Message: ' l 5)
    [ "${#stderr_lines[@]}" -eq 1 ]
    expect 0 from-openai <(rows 60 x 'it is ' 40)
    [ "${stderr_lines[0]}" = 'from-openai: 60 traces with 40 labels (20 of them once)' ]
    [[ ${stderr_lines[1]} == 'from-openai: 20 labels occur once: '*' --label-path '* ]]
    expect 0 from-openai <(rows 60 x 'it is ' 50)
    [[ ${stderr_lines[1]} == *' 40 labels occur once: '* ]]
    times() { for t in "$@"; do jq -nc --arg t "$t" '{time: $t, messages: [{role: "user", content: "x"}], response: "l"}'; done; }
    expect 0 from-openai <(times 2026-02-03T10:00:00,5+0200 '2026-02-03 10:00:00' '2024-02-29 10:00:00-05' \
        2026-02-29T10:00:00Z 2026-02-03T25:00:00Z 'Feb 3' 2026-02-03T10:00:00x '')
    said 'from-openai: 8 traces with 1 labels; 4 times not understood'
    [ "$(jq -r '.timestamp // "-"' <<< "$output" | tr '\n' ' ')" = \
        '2026-02-03T10:00:00.5+02:00 2026-02-03T10:00:00Z 2024-02-29T10:00:00-05:00 - - - - - ' ]
}

@test "what looks like an answer: redacted, failed, cut, of another kind, without a text" {
    user='"messages":[{"role":"user","content":"x"}]'
    cat > "$T/log" << END
{"id":"1","messages":[{"role":"user","content":"redacted-by-litellm"}],"response":{"choices":[{"message":{"content":"a"}}]}}
{"id":"2",$user,"response":{"choices":[{"message":{"content":"redacted-by-litellm"}}]}}
{"response_obj":{"choices":[{"message":{"content":"redacted-by-litellm"}}]},"kwargs":{$user}}
{"trace_id":"t",$user,"response":{"id":"chatcmpl-1","choices":[{"message":{"content":"a"}}]}}
{"trace_id":"t",$user,"response":{"id":"chatcmpl-2","choices":[{"message":{"content":"b"}}]}}
END
    expect 0 from-litellm "$T/log"
    [[ $stderr == *'; skipped 3: 3 redacted' ]]
    [ "$(jq -r .id <<< "$output" | tr '\n' ' ')" = 'chatcmpl-1 chatcmpl-2 ' ]
    expect 0 from-openai "$T/log"
    [ "$(jq -r .id <<< "$output" | tr '\n' ' ')" = 'chatcmpl-1 chatcmpl-2 ' ]
    cat > "$T/log" << END
{"id":"1",$user,"response":{"detail":"Not Found"}}
{"id":"2",$user,"response":"{\"detail\":\"Not Found\"}"}
{"id":"3",$user,"response":"a","status":500}
{"id":"4",$user,"response":{"message":"oh","statusCode":503}}
{"id":"5",$user,"response":"a","error":""}
{"id":"6",$user,"response":{"label":"a","detail":"b"},"error":false}
{"id":"7","request":{"prompt":{"id":"pmpt_1","variables":{"a":"b"}}},"response":"a"}
END
    expect 0 from-openai "$T/log"
    [[ $stderr == *'; skipped 5: 4 failed, 1 no text (a stored prompt: see --input-path)' ]]
    [ "$(jq -r .id <<< "$output" | tr '\n' ' ')" = '5 6 ' ]
    from-openai -q --input-path request.prompt.variables.a "$T/log" | jq -es '.[-1].input == "b"'
    cat > "$T/q" << 'END'
{"custom_id":"a","body":{"input":"x"}}
{"custom_id":"b","body":{"input":"x"}}
{"custom_id":"c","body":{"input":"x"}}
END
    cat > "$T/r" << 'END'
{"custom_id":"a","response":{"status_code":200,"body":{"object":"list","data":[{"text":"x"}]}},"error":null}
{"custom_id":"b","response":{"status_code":200,"body":{"id":"modr-1","results":[{"flagged":false}]}},"error":null}
{"custom_id":"c","response":{"status_code":200,"body":{"object":"response","output":[{"type":"message","content":"a"}]}},"error":false}
END
    expect 0 from-openai-batch "$T/q" "$T/r"
    [[ $stderr == *'; skipped 2: 2 another kind of answer' ]]
    cat > "$T/log" << 'END'
{"span_id":"a","attributes":{"gen_ai.prompt.0.role":"user","gen_ai.prompt.0.content":"[{\"type\":\"text\",\"text\":\"x\"}]","gen_ai.completion.0.content":"[{\"type\":\"text\",\"text\":\"l\"}]"}}
{"span_id":"b","attributes":{"gen_ai.input.messages":"[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hel","gen_ai.output.messages":"l"}}
{"span_id":"c","attributes":{"gen_ai.input.messages":"x","gen_ai.output.messages":"[{\"role\":\"assi"}}
END
    expect 0 from-otel "$T/log"
    [[ $stderr == *'; skipped 2: 2 cut short' ]]
    [ "$output" = '{"id":"a","input":"x","teacher":"l"}' ]
}

@test "the label: one rule" {
    [ "$(label_of order_status)" = order_status ]
    [ "$(label_of $' \n"`Order Status`".\n')" = 'Order Status' ]
    [ "$(label_of '“Grüße”.')" = Grüße ]
    [ "$(label_of '**a**')" = a ]
    [ "$(label_of 'v1.2.')" = v1.2 ]
    [ "$(label_of '[OTHER]')" = '[OTHER]' ]
    [ "$(label_of '["one"]')" = one ]
    [ "$(label_of '{"Why":"x","Intent":"a"}')" = a ]
    [ "$(label_of '{"verdict":"a"}')" = a ]
    [ "$(label_of 'label: "refund"')" = refund ]
    [ "$(label_of '**Label:** refund')" = refund ]
    [ "$(label_of $'\x60\x60\x60JSON\r\n{"label":"a"}\r\n\x60\x60\x60')" = a ]
    [ "$(label_of '{"label":3}')" = 3 ]
    [ "$(label_of $'It is this:\n```json\n{"label": "a"}\n```\nDone.')" = a ]
    [ "$(label_of $'<think>{"label":"b"}\n</think>\n\na')" = a ]
    [ "$(label_of '{"x":{"y":["b","a"]},"label":"c"}' --label-path 'x.y[1]')" = a ]
    [ "$(label_of '{"x.y":"a"}' --label-path '["x.y"]')" = a ]
    [ "$(label_of $'Answer: none yet.\nAnswer: a' --label-after 'Answer:')" = a ]
    [ "$(label_of 'Some Label' --case lower)" = 'some label' ]
    printf 'Order\nRefund\n' > "$T/labels"
    [ "$(label_of 'ORDER.' --labels "$T/labels")" = Order ]
    [ "$(label_of 'Other' --labels "$T/labels")" = Other ]
    no_label ''
    no_label ' "." '
    no_label $'a\nb'
    no_label "$(printf 'a%.0s' {1..101})"
    no_label abc --max-label 2
    no_label '{"label": "cut'
    no_label '{"a":"x","b":"y"}'
    no_label '{"confidence":.93,"reasoning":"the customer wants money"}'
    no_label '{"label":null,"reasoning":"unclear"}'
    no_label '{"label":["a","b"],"topic":"c"}'
    no_label '{"intent":{"name":"a"},"why":"b"}'
    no_label 'It is "refund".'
    no_label 'say **refund**'
    expect 3 from-openai <(ask '<think>it may be a')
    [[ $stderr == *'skipped 1: 1 cut short;'* ]]
    no_label '["one","two"]'
    no_label 'plain' --label-path x
    no_label 'plain' --label-after 'Answer:'
}

@test "the input: parts, paths, templates" {
    input() { from-openai -q "$@" | jq -r .input; }
    body='{"id":"1","meta":{"t":"{\"text\":\"inner\"}"},"response":"l","messages":[{"role":"user","content":"first"},{"role":"assistant","content":"b"},{"role":"user","content":[{"type":"text","text":"Text: é Text: c"},{"type":"text","text":"End. End."}]}]}'
    [ "$(input <<< "$body")" = $'Text: é Text: c\nEnd. End.' ]
    [ "$(input --input-after Text: --input-before End. <<< "$body")" = $'é Text: c\nEnd.' ]
    [ "$(input --input-path 'messages[0].content' <<< "$body")" = first ]
    [ "$(input --input-path meta.t.text <<< "$body")" = inner ]
    expect 3 from-openai --input-after Question: <(echo "$body")
    [[ $stderr == *'skipped 1: 1 not of the template;'* ]]
    expect 3 from-openai --input-path meta.none <(echo "$body")
    [[ $stderr == *'skipped 1: 1 no input;'* ]]
}

@test "tables: quotes, separators and ends of lines in fields; rows that do not fit" {
    expect 0 from-columns --input message --label category --id ticket --time received --keep channel \
        "$LOGS/tickets.csv"
    diff <(jq -c '[.id, (.input | gsub("\r"; "")), .teacher, .timestamp]' <<< "$output") \
        <(sed -n 703,714p "$ROOT/samples/support.jsonl" | jq -c '[.id, .input, .teacher, .time]')
    [ "$(jq -r .channel <<< "${lines[2]}")" = mail ]
    expect 0 from-columns --input text --label label --names a,b,c,d,e,f "$LOGS/rows.jsonl"
    said 'from-columns: 3 traces with 3 labels (3 of them once); skipped 7: 7 no label'
    [ "$(jq -r .teacher <<< "$output" | tr '\n' ' ')" = 'e f c ' ]

    columns() { from-columns -q --input t --label l "$@" | jq -c '[.input, .teacher]' | tr '\n' ' '; }
    [ "$(printf 't,l\n"a ""b"", c\n\n, d",x\ny,z' | columns)" = '["a \"b\", c\n\n, d","x"] ["y","z"] ' ]
    [ "$(printf '\357\273\277l\tt\nx\ta,b\n' | columns --format tsv)" = '["a,b","x"] ' ]
    [ "$(printf 'l\tt\nx\t5" pipe\n' | columns --format tsv --no-quotes)" = '["5\" pipe","x"] ' ]
    [ "$(printf '{"t":"a","l":true,"z":1}\r\n' | columns)" = '["a","true"] ' ]
    wrong() {
        printf "$1" > "$T/bad.csv"
        expect 3 from-columns --input t --label l "${@:3}" "$T/bad.csv"
        [[ $stderr == "from-columns: $T/bad.csv:$2"* ]]
    }
    wrong 't,l\na,b\n\nc,d,e\n' '4: 3 fields, and the header has 2'
    wrong 't,l\na,b\n"c\nd' '3: a quote is not closed'
    wrong 't,l\n5" pipe,b"\n' '2: a quote stands inside a field'
    wrong 't,l\n"a"b,c\n' '2: a quote stands inside a field'
    wrong 't,l,t\na,b,c\n' '1: two columns have one name'
    wrong 'text,l\na,b\n' '1: there is no column t; there are text, l'
    wrong 't,l\na,7\n' '2: the label 7 has no name' --names x,y
    wrong 't,l\na,b\n' '2: the label "b" is no whole number' --names x,y
    wrong '{"t":"a"}\n' '1: no member l; there are t' --format jsonl
    wrong 't,l\n"a,b\n\n"\n"x' '2: 1 fields'
    wrong 't;l\na;b\n' '1: there is no column t, l; there are t;l; separated by semicolons? --separator ";"'
    wrong '\xff\xfet\0,\0l\0\n\0' '1: no UTF-8: UTF-16?'
    wrong '\x1f\x8b\x08\0' '1: compressed: zcat'
    [ "$(printf 't;l\n"a;b";c\n' | columns --separator ';')" = '["a;b","c"] ' ]
    [ "$(printf ',t,l,,x,x\n1,a,b,2,3,4\n' | columns)" = '["a","b"] ' ]
    [ "$(printf '[{"t":"a","l":"b"},{"t":"c","l":"d"}]\n' | columns)" = '["a","b"] ["c","d"] ' ]
    # a long field in quotes, with separators: in time; a longer one is refused
    { echo t,l; printf '"%s",l\n' "$(yes 'a "" b, c' | head -60000 | tr -d '\n')"; } > "$T/long.csv"
    [ "$(timeout 20 from-columns -q --input t --label l "$T/long.csv" | jq '.input | length')" -eq 480000 ]
    # a quote that is never closed does not take the square of the time
    { echo t,l; echo '"a,b'; seq 30000; } > "$T/open.csv"
    expect 3 timeout 20 from-columns --input t --label l "$T/open.csv"
    [[ $stderr == *'open.csv:2: a quote is not closed, or not within 10,000 lines'* ]]
}

@test "shapes that nobody sends: each is counted, none is lost" {
    user='"messages":[{"role":"user","content":"x"}]'
    cat > "$T/log" << END
{"id":"1","messages":[{"role":"user","content":null}],"response":"l"}
{"id":"2","messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url"}]}],"response":"l"}
{"id":"3",$user,"response":{"choices":[]}}
{"id":"4",$user,"response":{}}
{"id":"5",$user,"response":{"choices":[{"message":{"content":null}}]}}
{"id":"6",$user,"response":{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"g"}}]}}]}}
{"id":"7",$user,"response":{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{\"la"}}]}}]}}
{"id":"8",$user,"response":{"choices":"x"}}
{"id":"9","messages":[1,2],"response":5}
{"id":"10","messages":{"a":[]},"response":[]}
{"id":"11",$user,"response":{"choices":[{"message":{"content":"l"},"finish_reason":"content_filter"}]}}
{"id":"12",$user,"response":{"choices":[{"message":{"content":"l"},"finish_reason":"odd"}]}}
{"id":"13",$user,"error":{"code":1}}
{"id":"14",$user,"response":"l"}
{"id":"14",$user,"response":"l"}
3
"x"
null
{}
END
    expect 0 from-openai "$T/log"
    [ "$(jq -r .id <<< "$output")" = 14 ]
    said 'from-openai: 1 traces with 1 labels (1 of them once); skipped 18: 6 without an answer, 4 not understood, 1 failed, 1 filtered, 1 no input, 1 no label, 1 not text alone, 1 repeated ids, 1 several tool calls, 1 unfinished'
    # the ends of lines of other systems, and blank lines
    sed 's/$/\r\n/' "$T/log" | from-openai -q | cmp - <(echo "$output")
    # a line of some MB
    { printf '{"id":"1","messages":[{"role":"user","content":"'; printf 'x%.0s' {1..100000} | sed 's/x/words and words and /g'
        printf '"}],"response":"l"}'; } | from-openai -q | jq -e '.input | length == 2000000'
}

@test "bad lines and files: 3, with the place; what was written stays, but not with -o" {
    { head -3 "$LOGS/litellm.jsonl"; echo; echo '{"id":'; } > "$T/bad"
    expect 3 from-litellm "$T/bad"
    [ "${#lines[@]}" -eq 1 ]
    [[ $stderr == "from-litellm: $T/bad:5: not JSON: "* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    expect 3 from-litellm -o "$T/out" "$T/bad"
    [ -z "$output" ]
    expect 3 from-litellm < "$T/bad"
    [[ $stderr == 'from-litellm: stdin:5: '* ]]
    [ -z "$(find "$T" -name 'out*')" ]
    expect 3 from-otel <(jq . "$LOGS/otel.jsonl")
    [[ $stderr == *'jq -c . FILE'* ]]
    expect 3 from-otel /dev/null
    said 'from-otel: /dev/null: no traces: the input is empty'
    # another log than was said
    expect 3 from-otel "$LOGS/litellm.jsonl"
    [[ $stderr == *"litellm.jsonl:1 has the members id, trace_id, "*'tr-from(1)'* ]]
    expect 3 from-openai-batch "$LOGS"/batch-{results,requests}.jsonl
    [[ $stderr == *'batch-results.jsonl:1: no request: '* ]]
    expect 3 from-anthropic-batch "$LOGS"/batch-{requests,results}.jsonl
    expect 4 from-otel "$T/none"
    expect 4 from-otel "$T"
    expect 4 bash -c "from-otel '$LOGS/otel.jsonl' > /dev/full"
    [ "${#stderr_lines[@]}" -eq 1 ]
    expect 4 from-otel -o "$T/none/x" "$LOGS/otel.jsonl"
    for how in '' -h; do
        expect 4 bash -c "from-otel $how '$LOGS/otel.jsonl' >&-"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr != *'line '* ]]
    done
    run bash -c "from-openai-batch -q '$LOGS/batch-requests.jsonl' '$LOGS/batch-results.jsonl' | true; exit \${PIPESTATUS[0]}"
    [ "$status" -eq 141 ]
    [ -z "$output" ]
}

@test "-o: links are followed, modes are kept, a pipe is written directly" {
    from-otel -q "$LOGS/otel.jsonl" > "$T/want"
    mkdir "$T/far"
    ln -s far/new "$T/link"
    from-otel -q -o "$T/link" "$LOGS/otel.jsonl"
    [ -L "$T/link" ]
    cmp "$T/far/new" "$T/want"
    echo old > "$T/far/new"
    chmod 640 "$T/far/new"
    from-otel -q -o "$T/link" "$LOGS/otel.jsonl"
    [ -L "$T/link" ]
    [ "$(stat -c %a "$T/far/new")" = 640 ]
    cmp "$T/far/new" "$T/want"
    mkfifo "$T/pipe"
    timeout 20 cat "$T/pipe" > "$T/got" &
    timeout 20 from-otel -q -o "$T/pipe" "$LOGS/otel.jsonl"
    wait $!
    [ -p "$T/pipe" ]
    cmp "$T/got" "$T/want"
    expect 4 from-otel -o "$T/far" "$LOGS/otel.jsonl"
    [ -z "$(find "$T" -name '*.tmp.*')" ]
}

@test "options: the same as of all tools" {
    expect 0 from-otel "-o$T/out" -qv "$LOGS/otel.jsonl"
    [ -z "$stderr" ]
    [ "$(wc -l < "$T/out")" -eq 9 ]
    from-otel --output="$T/again" -q -- "$LOGS/otel.jsonl"
    cmp "$T/out" "$T/again"
    # a file and the standard input, each with its lines
    expect 3 from-otel "$LOGS/otel.jsonl" - <<< x
    [[ $stderr == 'from-otel: stdin:1: not JSON'* ]]
    usage() {
        expect 2 "$@"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr == *'; try '*' -h' ]]
    }
    usage from-otel --wrong
    usage from-otel --case up
    usage from-otel --max-label 0
    usage from-otel --at never "$LOGS/otel.jsonl"
    usage from-otel --label-path '["a' "$LOGS/otel.jsonl"
    usage from-otel --tool-name=x
    usage from-otel --input-after
    usage from-otel --names x,y
    usage from-openai-batch
    usage from-openai-batch - "$LOGS/batch-results.jsonl"
    usage from-openai-batch /dev/stdin "$LOGS/batch-results.jsonl"
    usage from-columns --input x
    usage from-columns --input x --label y --format z
    usage from-columns --input x --label y --separator ab
    usage from-columns --input x --label y --input-path z
    # by another name, from elsewhere, and as it is installed
    mkdir -p "$T/usr/bin" "$T/usr/share/tr-tools"
    cp "$ROOT"/scripts/adapters/* "$T/usr/share/tr-tools"
    cp "$ROOT/scripts/from-otel" "$T/usr/bin/tr-from-otel"
    cd "$T"
    expect 0 usr/bin/tr-from-otel -h
    [[ ${lines[0]} == 'usage: tr-from-otel [OPTION]... [FILE]...' ]]
    usr/bin/tr-from-otel -q "$LOGS/otel.jsonl" | cmp - "$T/out"
    ln -s "$ROOT/scripts/from-otel" other
    ./other -q "$LOGS/otel.jsonl" | cmp - "$T/out"
}
