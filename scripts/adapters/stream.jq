# The lines of the input to traces on the output, and the words at the end.
#
# jq changes an object in place only where nothing else holds it: so what grows with the input is a
# flat object in a foreach, and what updates it has no `//`, `try` or `. as` on that object.
include "rules";

def stop($o; $what): "\($o.me): \(.file):\(.line): \($what)\n" | halt_error(3);

def source: input_filename | if . == null or . == "<stdin>" or . == "/dev/stdin" then "stdin" else . end;

# The lines that are not blank: {file, line, text}.
def located:
    foreach inputs as $line ({};
        source as $file |
        {$file, line: (if .file == $file then .line + 1 else 1 end),
         text: (if .file == $file then $line else $line | ltrimstr("\ufeff") end)};
        select(.text | startswith("{") or test("\\S")));

# {file, line, value}
def parsed($o):
    . as $at |
    ([.text | try {value: fromjson} catch {why: split(" (while parsing")[0]}] | .[0]) as $json |
    if $json.why == null then {file, line, value: $json.value} else
        stop($o; "not JSON: \($json.why)" +
            if .text | test("\\A\\s*[\\[{]\\s*\\z") then
                "; a line must hold a whole object: jq -c . FILE makes such lines"
            else "" end)
    end;

# Records of a value: an object, or a list of them as an interface gives by the page.
def records: if type == "array" then .[]
    elif type == "object" and (.data | type) == "array" then .data[]
    else . end;

# The trace of what `call` makes of a record, or {skip}.
def traced($o; call):
    . as $record |
    ([try call catch (if type == "object" and has("skip") then . else {skip: "not understood"} end)] |
     .[0] // {skip: "not understood"}) |
    (if .line == null then .line = $record else . end) | trace($o);

# Where nothing can be mapped it helps to see what is there.
def seen($at):
    "\($at.file):\($at.line) has " +
    if type == "object" then "the members " + (keys_unsorted | .[:12] | join(", ") | .[:200])
    else "no object" end;

def why: [to_entries[] | select(.key | startswith("-")) | {why: .key[1:], n: .value}] |
    sort_by([-.n, .why]) |
    if length == 0 then "" else
        "; skipped \(map(.n) | add): " + (map("\(.n) \(.why)") | join(", ")) end;

def words($o):
    (why + if (.left // 0) > 0 then "; \(.left) requests without a result" else "" end) as $rest |
    if (.traces // 0) > 0 then
        if $o.quiet then halt else "\($o.me): \(.traces) traces\($rest)\n" | halt_error(0) end
    elif $rest == "" then "\($o.me): \($o.file): no traces: the input is empty\n" | halt_error(3)
    else "\($o.me): no traces\($rest); \(.seen // "" | if . == "" then . else . + "; " end)\($o.hint)\n" |
        halt_error(3) end;

def bump($k): setpath([$k]; if has($k) then .[$k] + 1 else 1 end);

# Writes the traces among `items`, each id once, counts those that are {skip}, and ends. The state
# holds "=ID" for each id, "-WHY" for each reason, and the trace to write.
def tally($o; items):
    foreach (items, {end: true}) as $item ({};
        if $item.end then setpath(["end"]; true)
        elif $item.left != null then setpath(["left"]; $item.left) | setpath(["now"]; null)
        elif $item.skip != null then
            bump("-" + $item.skip) | setpath(["now"]; null) |
            if has("seen") then . else setpath(["seen"]; $item.seen) end
        elif $item.id == null then bump("traces") | setpath(["now"]; $item)
        elif has("=" + $item.id) then bump("-repeated ids") | setpath(["now"]; null)
        else setpath(["=" + $item.id]; 1) | bump("traces") | setpath(["now"]; $item) end;
        if .end then words($o) else .now | select(. != null) end);

# A record that is left out tells where it stood.
def items($o; $at; call): . as $record | traced($o; call) |
    if .skip == null then . else .seen = ($record | seen($at)) end;

# Each record holds a request and its answer; `calls` makes a call of it, `parts` records of a line.
def traces($o; parts; call):
    tally($o; located | parsed($o) | . as $at | .value | parts | items($o; $at; call));

# ---- requests in one file, results in others ----

# What stays in memory of a request: its text, or why it has none, and what `request` calls keep.
def asked_in($o; request):
    (.line = . | . + request | . as $call |
     [try {text: input_text($o), keep} catch
        {skip: (if type == "object" and has("skip") then .skip else "no input" end)}]) |
    .[0] | compact;

# `request` makes {ask, keep} of a record of the first file; `result` makes of one of the others, with
# keep as "kept", the rest of a call.
def joined($o; request; result):
    def kind: if .file == $o.requests then "request" else "result" end;
    def checked:
        kind as $kind |
        if (.value | type) == "object" and .value.custom_id != null and
            ($kind == "result" or (.value | has($o.body))) then . + {$kind, id: (.value.custom_id | tostring)}
        elif $kind == "result" then stop($o; "no result: custom_id is missing")
        else stop($o; "no request: custom_id or \($o.body) is missing; the file of the requests comes first, the results after it")
        end |
        if $kind == "request" then (.value | asked_in($o; request)) as $asked | .value = $asked
        else . end;
    # the state holds "?ID" for each request, and 0 there once it has its result
    def matched:
        foreach ((located | parsed($o) | checked), {end: true}) as $at ({};
            if $at.end then setpath(["end"]; true)
            elif $at.kind == "request" then
                if has("?" + $at.id) then setpath(["now"]; {skip: "repeated requests"})
                else setpath(["?" + $at.id]; $at.value) | setpath(["now"]; null) end
            elif has("?" + $at.id) | not then setpath(["now"]; {skip: "without a request"})
            else setpath(["now"]; .["?" + $at.id]) | setpath(["?" + $at.id]; 0) |
                if .now == 0 then setpath(["now"]; {skip: "repeated ids"}) else . end end;
            if .end then {left: ([to_entries[] | select((.key | startswith("?")) and .value != 0)] | length)}
            else .now | select(. != null) | {request: ., $at} end);
    ($o + {after: null, before: null, input_path: null}) as $plain |
    tally($o; matched |
        if .left != null then . else
            .request as $request | .at as $at |
            if $at.kind == "request" then $request else
                $at.value | items($plain; $at;
                    if $request.skip != null then skip($request.skip) else . end |
                    .kept = $request.keep | result + {id: $at.id, ask: $request.text})
            end
        end);
