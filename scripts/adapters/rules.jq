# What all adapters share: how the text of a request, the label of an answer and a time are found.
#
# $o is the object of options that adapter.sh hands over. A call is
#   {id, ask, answer, time, meta, line}
# where ask is what was sent (a text, a message, messages), answer is {text} or {value}, and line is
# the record as it was logged.

# jq 1.6 lets a `try` or a `?` catch what is raised further down the pipe as well. In a list it has
# ended before anything comes after it.
def attempt(f): [f?] | .[0];

# Leaves a record out; $why is counted. Errors of any other kind mean: a shape that is not known.
def skip($why): error({skip: $why});

def known($what): if . == null then skip($what) else . end;

def trimmed: if test("\\A\\s|\\s\\z") then gsub("\\A\\s+|\\s+\\z"; "") else . end;

# Without the members that are null.
def compact: reduce keys_unsorted[] as $k (.; if .[$k] == null then delpaths([[$k]]) else . end);

# A JSON value that was logged as a string.
def unpacked: if type == "string" and test("\\A\\s*[{\\[\"]") then
        attempt(fromjson) as $value | if $value == null then . else $value end
    else . end;

def number: if type == "string" then attempt(tonumber) elif type == "number" then . else null end;

# ---- paths: "a.b[0].c", or a JSON list of keys; a step goes into JSON in a string ----

def steps:
    if startswith("[") then fromjson
    else ltrimstr(".") | gsub("\\[(?<n>[0-9]+)\\]"; ".\(.n)") | split(".") |
        map(if test("\\A[0-9]+\\z") then tonumber else . end)
    end;

def follow($steps):
    reduce $steps[] as $s (.;
        unpacked |
        if type == "object" then .[$s | tostring]
        elif type == "array" and ($s | type) == "number" then .[$s]
        else null end);

# ---- time: RFC 3339, from that, from a date and a time in UTC, or from a number since 1970 ----

def seconds:
    if . >= 1e17 then . / 1e9 elif . >= 1e14 then . / 1e6 elif . >= 1e11 then . / 1e3 else . end;

# RFC 3339 of a date and a time as programs print them: a blank for the T, a comma for the point, an
# offset without its colon or its minutes, none at all for UTC. null where it is no time.
def rfc3339:
    [capture("\\A(?<d>(?<y>[0-9]{4})-(?<m>0[1-9]|1[0-2])-(?<n>0[1-9]|[12][0-9]|3[01]))([T ](?<t>([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60))([.,](?<f>[0-9]+))?( ?(?<z>Z|UTC|(?<s>[+-])(?<h>[01][0-9]|2[0-3])(:?(?<i>[0-5][0-9]))?))?)?\\z"; "i")] |
    .[0] | if . == null then . else
        (.y | tonumber) as $y | (.m | tonumber) as $m |
        (if $m == 2 then if $y % 4 == 0 and ($y % 100 != 0 or $y % 400 == 0) then 29 else 28 end
         elif $m | IN(4, 6, 9, 11) then 30 else 31 end) as $days |
        if (.n | tonumber) > $days then null
        elif .t == null then .d
        else .d + "T" + .t + (if .f == null then "" else "." + .f end) +
            ((if .s == null then "Z" else .s + .h + ":" + (.i // "00") end) |
                if . == "+00:00" then "Z" else . end)
        end
    end;

def instant:
    if type == "number" then
        seconds | ((. - floor) * 1e6 | round) as $us | floor |
        if . < 0 or . >= 253402300799 then null
        elif $us >= 1000000 then . + 1 | todate
        elif $us == 0 then todate
        else (todate | rtrimstr("Z")) + "." + ("\(1000000 + $us)"[1:] | sub("0+\\z"; "")) + "Z" end
    elif type != "string" then null
    elif test("\\A[0-9]{10,19}\\z") then
        # nanoseconds do not fit a double
        (if length > 16 then .[:-9] + "." + .[-9:-3] else . end) | tonumber | instant
    else rfc3339 end;

# The seconds from one time to another, where both are numbers or RFC 3339.
def moment:
    if type == "number" then seconds
    else instant | if . == null then null else
        [capture("(?<d>.{10}T[0-9:]{8})(?<f>\\.[0-9]+)?(Z|(?<s>[+-])(?<h>..):(?<i>..))")] | .[0] |
        if . == null then . else attempt(((.d + "Z") | fromdate) + ("0" + (.f // "") | tonumber) -
            ((.h // "0" | tonumber) * 60 + (.i // "0" | tonumber)) * (if .s == "-" then -60 else 60 end))
        end end
    end;
def span($from; $to):
    ($from | moment) as $a | ($to | moment) as $b |
    if $a == null or $b == null then null else (($b - $a) * 1e6 | round) / 1e6 end;

# ---- the input ----

# The text of a message's content: a string, or parts that are all text.
def spoken:
    if type == "string" then .
    elif type == "array" then
        map(if type == "string" then .
            elif (.type // "text") | . == "text" or . == "input_text" or . == "output_text" then
                .text // .content | if type == "string" then . else skip("no input") end
            else skip("not text alone") end) | join("\n")
    elif . == null then skip("no input")
    else error("content") end;

def is_user: type == "object" and ((.role // .type) | . == "user" or . == "human");

# What the user said last.
def asked:
    unpacked |
    if type == "string" then .
    elif type == "array" then
        if any(.[]; is_user) then map(select(is_user)) | last | (.content // .parts) | spoken
        elif length == 1 and (.[0] | type) == "string" then .[0]
        else skip("no input") end
    elif type == "object" then
        if .messages != null then .messages | asked
        elif .role != null then (.content // .parts) | spoken
        elif has("variables") or (.id | type == "string" and startswith("pmpt_"))
        then skip("no text (a stored prompt: see --input-path)")
        else (.input // .query // .text // .prompt // .question //
              ([.[] | strings] | if length == 1 then .[0] else skip("no input") end)) | asked end
    else skip("no input") end;

# The text between what comes before it in the template, and what comes after it.
def unwrapped($o):
    if $o.after == null and $o.before == null then . else
        (if $o.after == null then . else
            split($o.after) | if length < 2 then skip("not of the template") else
            .[1:] | join($o.after) end end) |
        (if $o.before == null then . else
            split($o.before) | if length < 2 then skip("not of the template") else
            .[:-1] | join($o.before) end end) |
        trimmed
    end;

# What LiteLLM logs, here and through others, where it is told to keep quiet.
def unredacted: if . == "redacted-by-litellm" then skip("redacted") else . end;

def input_text($o):
    (if $o.input_path != null then .line | follow($o.input_path) |
        if type == "string" then . else skip("no input") end
     else .ask | asked end) |
    unredacted | unwrapped($o) |
    if test("\\S") then . else skip("no input") end;

# ---- the label ----

# Whether a quote or an asterisk was taken away at one end whose other one is still inside: $from is
# the text as it was.
def halved($from):
    def count($mark): split($mark) | length;
    . as $left |
    any("\"", "`"; . as $m | ($left | count($m)) as $n | $n % 2 == 0 and $n < ($from | count($m))) or
    ($left | contains("*") and count("*") < ($from | count("*"))) or
    ($left != $from and ($left | count("\u201c") != count("\u201d")));

# Without the marks around it; "" where that would leave half a pair.
def bare: "[\\s\"'`*\u201c\u201d\u2018\u2019]+" as $marks |
    if test("\\A\\w(.*\\w)?\\z") then .
    else . as $from | gsub("\\A\($marks)|\($marks)\\z"; "") |
        (if endswith(".") then rtrimstr(".") | gsub("\($marks)\\z"; "") else . end) |
        if halved($from) then "" else . end
    end;

def fold($o): if $o.set != null then $o.set[ascii_downcase] // . else . end |
    if $o.case == "lower" and $o.set == null then ascii_downcase else . end;

def label_names: ["label", "intent", "category", "class", "classification", "topic", "answer"];

def labelled($o):
    def short: bare | if . == "" or test("\\n") or length > $o.max then skip("no label")
        else fold($o) end;
    "\\A[\\s*\"'`]*(\(label_names | join("|")))[\\s*\"'`]*:[\\s*]*" as $titled |
    def scalar: type | . == "string" or . == "number" or . == "boolean";
    def of_value:
        if type == "object" then
            if $o.label_path != null then follow($o.label_path) else
                (with_entries(.key |= ascii_downcase)) as $low |
                first((label_names[] | select(. as $k | $low | has($k)) | $low[.]),
                    if length == 1 then .[] | strings else empty end, null) |
                if scalar then . else skip("no label") end
            end
        elif $o.label_path != null then skip("no label")
        else . end |
        (if type == "array" and length == 1 then .[0] else . end) |
        if type == "string" then short
        elif scalar then tostring | fold($o)
        else skip("no label") end;
    if .text == "redacted-by-litellm" then skip("redacted")
    elif has("value") then .value | of_value
    elif (.text | type) != "string" then skip("no label")
    # most answers are nothing but a label
    elif $o.label_path == null and $o.label_after == null and (.text | test("\\A\\w([\\w -]*\\w)?\\z"))
    then .text | if length > $o.max then skip("no label") else fold($o) end
    else .text |
        (if test("\\A\\s*<think>") then split("</think>") |
            if length < 2 then skip("cut short") else last end else . end) |
        (if $o.label_after == null then . else
            split($o.label_after) | if length < 2 then skip("no label") else last end end) |
        (if contains("```") then split("```") |
            (if length > 2 or (.[0] | test("\\S") | not) then
                .[1] | sub("\\A([A-Za-z]*[ \\t]*\\r?\\n|[A-Za-z]+(?=\\s*[{\\[]))"; "")
             else join("") end) else . end) |
        trimmed |
        if test("\\A[{\\[]") then
            . as $text | attempt({v: fromjson}) as $json |
            if $json != null then $json.v | of_value
            elif startswith("{") then skip("no label")
            else $text | of_value end
        else
            # "Label: refund", the name in bold or in quotes
            (if contains(":") then sub($titled; ""; "i") else . end) | of_value
        end
    end;

# ---- from a call to a trace, or to {skip} ----

def trace($o):
    [try (
        (if .skip != null then skip(.skip) else . end) |
        input_text($o) as $input |
        (.answer | known("without an answer") | labelled($o)) as $teacher |
        (.time | instant) as $time |
        {id: (.id | if . == "" then null elif . == null or type == "string" then . else tostring end),
         input: $input, teacher: $teacher, timestamp: ($time // $o.at),
         odd_time: (if $time == null and .time != null and .time != "" then true else null end),
         metadata: (if .meta == null then null else .meta | compact | if . == {} then null else . end end)} |
        compact)
    catch (if type == "object" and has("skip") then . else {skip: "not understood"} end)] | .[0];
