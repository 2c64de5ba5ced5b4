# The lines of the input to traces on the output, and the words at the end.
#
# jq changes an object in place only where nothing else holds it: so what grows with the input is a
# flat object in a foreach, and what updates it has no `//`, `try` or `. as` on that object.
include "rules";

def stop($o; $what): "\($o.me): \(.file):\(.line): \($what)\n" | halt_error(3);

def source: input_filename | if . == null or . == "<stdin>" or . == "/dev/stdin" then "stdin" else . end;

# The first line of a file tells where it is no text in UTF-8.
def legible($o; $file):
    if startswith("\ufffd\ufffd") then
        {$file, line: 1} | stop($o; "no UTF-8: UTF-16? iconv -f UTF-16 -t UTF-8 FILE makes it readable")
    elif startswith("\u001f\ufffd") then {$file, line: 1} | stop($o; "compressed: zcat FILE | \($o.me) ...")
    else . end;

# The lines that are not blank: {file, line, text}.
def located($o):
    foreach inputs as $line ({};
        source as $file |
        (if .file == $file then . else ($line | legible($o; $file)) as $well | . end) |
        {$file, line: (if .file == $file then .line + 1 else 1 end),
         text: (if .file == $file then $line else $line | ltrimstr("\ufeff") end)};
        select(.text | startswith("{") or test("\\S")));

# {file, line, text, value}
def parsed($o):
    . as $at |
    ([.text | try {value: fromjson} catch {why: split(" (while parsing")[0]}] | .[0]) as $json |
    if $json.why == null then {file, line, text, value: $json.value} else
        stop($o; "not JSON: \($json.why)" +
            if .text | test("\\A\\s*[\\[{]\\s*\\z") then
                "; a line must hold a whole object: jq -c . FILE makes such lines"
            else "" end)
    end;

# Records of a value: an object, or a list of them as an interface gives by the page.
def records: if type == "array" then .[]
    elif type == "object" and (.data | type) == "array" then .data[]
    else . end;

# A number as an id. Beyond 2^53 jq has rounded it, and two would become one: its digits are taken from
# the text of the line, if only one number there can be meant.
def exact($at):
    if type != "number" or fabs < 9007199254740992 then .
    else . as $id |
        [$at.text | match("[:\\[,]\\s*(-?[0-9]{16,})\\s*[,}\\]]"; "g").captures[0].string |
            select(tonumber == $id)] | unique |
        if length == 1 then .[0] else skip("ids beyond 2^53: write them as strings") end
    end;

# The trace of what `call` makes of a record, or {skip}.
def traced($o; $at; call):
    . as $record |
    ([try (call | if .skip == null then .id |= exact($at) else . end) catch (if type == "object" and has("skip") then . else {skip: "not understood"} end)] |
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

# What the traces themselves give reason to doubt.
def doubts($o; $once):
    if .traces >= 20 and $once > .traces / 5 then
        "\n\($o.me): \($once) labels occur once: these answers may be no labels; --label-path or --label-after finds the label in an answer, --labels names them all"
    else "" end +
    if .traces >= 50 and (.prefix | length) >= 20 then
        "\n\($o.me): all inputs begin with \(.prefix[:60] | tojson): if that is of the template, --input-after takes it away"
    else "" end;

def words($o):
    (why + if (.left // 0) > 0 then "; \(.left) requests without a result" else "" end +
        if (.times // 0) > 0 then "; \(.times) times not understood" else "" end) as $rest |
    if (.traces // 0) > 0 then
        if $o.quiet then halt else
            ([to_entries[] | select(.key | startswith("#")) | .value]) as $labels |
            ($labels | map(select(. == 1)) | length) as $once |
            "\($o.me): \(.traces) traces with \($labels | length) labels" +
                if $once > 0 then " (\($once) of them once)" else "" end +
                $rest + doubts($o; $once) + "\n" | halt_error(0)
        end
    elif (.left // 0) > 0 and why == "" then
        "\($o.me): which RESULTS? there are \(.left) requests, and no result\n" | halt_error(3)
    elif $rest == "" then "\($o.me): \($o.file): no traces: the input is empty\n" | halt_error(3)
    else "\($o.me): no traces\($rest); \(.seen // "" | if . == "" then . else . + "; " end)\($o.hint)\n" |
        halt_error(3) end;

def bump($k): setpath([$k]; if has($k) then .[$k] + 1 else 1 end);

# What two texts begin with, of their first 200 characters.
def common($other):
    [.[:200], $other[:200] | explode] as [$a, $b] | ([$a, $b | length] | min) as $n |
    $a[:first((range($n) | select($a[.] != $b[.])), $n)] | implode;

# Counts a trace, and takes it as the one to write.
def taken($item):
    bump("traces") | bump("#" + $item.teacher) |
    (if $item.odd_time then bump("times") | setpath(["now"]; $item | del(.odd_time))
     else setpath(["now"]; $item) end) |
    .prefix as $prefix |
    if $prefix == "" then .
    elif $prefix == null then setpath(["prefix"]; $item.input[:200])
    elif $item.input | startswith($prefix) then .
    else setpath(["prefix"]; $prefix | common($item.input) | if length < 20 then "" else . end) end;

# Writes the traces among `items`, each id once, counts those that are {skip}, and ends. The state
# holds "=ID" for each id, "#LABEL" for each label, "-WHY" for each reason, what all inputs begin
# with, and the trace to write.
def tally($o; items):
    foreach (items, {end: true}) as $item ({};
        if $item.end then setpath(["end"]; true)
        elif $item.left != null then setpath(["left"]; $item.left) | setpath(["now"]; null)
        elif $item.skip != null then
            bump("-" + $item.skip) | setpath(["now"]; null) |
            if has("seen") then . else setpath(["seen"]; $item.seen) end
        elif $item.id == null then taken($item)
        elif has("=" + $item.id) then bump("-repeated ids") | setpath(["now"]; null)
        else setpath(["=" + $item.id]; 1) | taken($item) end;
        if .end then words($o) else .now | select(. != null) end);

# A record that is left out tells where it stood.
def items($o; $at; call): . as $record | traced($o; $at; call) |
    if .skip == null then . else .seen = ($record | seen($at)) end;

# Each record holds a request and its answer; `calls` makes a call of it, `parts` records of a line.
def traces($o; parts; call):
    tally($o; located($o) | parsed($o) | . as $at | .value | parts | items($o; $at; call));

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
            ($kind == "result" or (.value | has($o.body))) then
            . as $at | . + {$kind, id: (.value.custom_id |
                [try exact($at) catch ("?" + $at.text)] | .[0] | tostring)}
        elif $kind == "result" then stop($o; "no result: custom_id is missing")
        else stop($o; "no request: custom_id or \($o.body) is missing; the file of the requests comes first, the results after it")
        end |
        if $kind == "request" then (.value | asked_in($o; request)) as $asked | .value = $asked
        else . end;
    # the state holds "?ID" for each request, 0 there once it has its result, and 1 where an id stands
    # for several requests
    def matched:
        foreach ((located($o) | parsed($o) | checked), {end: true}) as $at ({};
            if $at.end then setpath(["end"]; true)
            elif $at.kind == "request" then
                if has("?" + $at.id) then
                    if .["?" + $at.id] | . == $at.value or . == 1 then .
                    else setpath(["?" + $at.id]; 1) end |
                    setpath(["now"]; if .["?" + $at.id] == 1 then null else {skip: "repeated requests"} end)
                else setpath(["?" + $at.id]; $at.value) | setpath(["now"]; null) end
            elif has("?" + $at.id) | not then setpath(["now"]; {skip: "without a request"})
            elif .["?" + $at.id] == 1 then setpath(["now"]; {skip: "ambiguous ids"})
            else setpath(["now"]; .["?" + $at.id]) | setpath(["?" + $at.id]; 0) |
                if .now == 0 then setpath(["now"]; {skip: "repeated ids"}) else . end end;
            if .end then {left: ([to_entries[] | select((.key | startswith("?")) and (.value | type) == "object")] | length)}
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
