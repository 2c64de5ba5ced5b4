# OpenTelemetry: files of TracesData as the collector writes them, one a line, and spans whose
# attributes are a plain object, as TRACER's watch writes them.
include "rules";
include "answers";
include "stream";

def value:
    if type != "object" then .
    elif has("stringValue") then .stringValue
    elif has("intValue") then .intValue | number
    elif has("doubleValue") then .doubleValue
    elif has("boolValue") then .boolValue
    elif has("arrayValue") then [.arrayValue.values[]? | value]
    elif has("kvlistValue") then
        reduce .kvlistValue.values[]? as $m ({}; .[$m.key] = ($m.value | value))
    else null end;

def flat: if type == "array" then reduce .[] as $a ({}; .[$a.key] = ($a.value | value))
    else . // {} end;

# "gen_ai.prompt.0.content" and its like, to a list of messages.
def numbered($prefix):
    [to_entries[] | select(.key | startswith($prefix)) |
        (.key[($prefix | length):] | split(".")) as $k |
        select(($k | length) == 2 and ($k[0] | test("\\A[0-9]+\\z"))) |
        {n: ($k[0] | tonumber), k: $k[1], v: .value}] |
    group_by(.n) | map(reduce .[] as $m ({}; .[$m.k] = $m.v)) | if . == [] then null else . end;

# Attributes are cut at a length that was set for them, JSON as well.
def whole:
    if type == "string" and
        test("\\A\\s*(\\[\\s*(\\z|\\{\\s*(\"|\\z))|\\{\\s*\"(role|parts|content|type|messages)\")") and
        attempt(fromjson) == null
    then skip("cut short") else . end;

# The same messages, with content that is a list of parts in a string as that list.
def opened:
    def parts: whole | unpacked as $list |
        if ($list | type) == "array" and $list != [] and
            all($list[]; type == "object" and (.type | type) == "string")
        then $list else . end;
    whole | unpacked as $list |
    if ($list | type) == "array" then
        $list | map(if type == "object" and has("content") then .content |= parts else . end)
    else . end;

def spans: if .resourceSpans != null then
        .resourceSpans[] | (.scopeSpans // .instrumentationLibrarySpans // [])[] | .spans[]?
    else . end;

def span_call($o):
    . as $span |
    # what was said may stand in events instead of attributes
    (reduce (.events[]? | .attributes | flat) as $e ({}; . + $e) + ($span.attributes | flat)) as $a |
    (.start_time // .startTimeUnixNano) as $start |
    (.input_text // $a["gen_ai.input.messages"] // $a["gen_ai.prompt"] //
        ($a | numbered("gen_ai.prompt."))) as $ask |
    (.output_text // $a["gen_ai.output.messages"] // $a["gen_ai.completion"] //
        ($a | numbered("gen_ai.completion."))) as $said |
    ($a["gen_ai.operation.name"] // .operation_name // "chat") as $operation |
    if ($operation | IN("chat", "text_completion", "generate_content") | not) or
        ($ask == null and $said == null and $a["gen_ai.operation.name"] == null)
    then skip("not a chat call")
    elif (.status | if type == "object" then .code else . end) | IN(2, "STATUS_CODE_ERROR", "error")
    then skip("failed")
    elif $ask == null or $said == null then skip("without the texts") else . end |
    ($ask | opened) as $ask |
    ($said | opened | unpacked | if type == "array" then last else . end |
        if type == "object" and has("content") then .role //= "assistant" else . end) as $last |
    ($a["gen_ai.response.finish_reasons"] | unpacked | if type == "array" then .[0] else . end) as $stopped |
    {ask: $ask, answer: ($last | finished($stopped) | answer($o)),
     id: ([.traceId // .trace_id, .spanId // .span_id] | map(select(. != null)) |
        if . == [] then null else join("-") end),
     time: $start, line: ($span | .attributes = $a),
     meta: {model: ($a["gen_ai.response.model"] // $a["gen_ai.request.model"] //
                .response_model // .request_model),
            input_tokens: (($a["gen_ai.usage.input_tokens"] // $a["gen_ai.usage.prompt_tokens"] //
                .input_tokens) | number),
            output_tokens: (($a["gen_ai.usage.output_tokens"] //
                $a["gen_ai.usage.completion_tokens"] // .output_tokens) | number),
            cost: .cost_usd,
            latency: (if .latency_ms != null then .latency_ms / 1000
                else span($start; .endTimeUnixNano) end)}};

def run($o): traces($o; records | spans; span_call($o));
