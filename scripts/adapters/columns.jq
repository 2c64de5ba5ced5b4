# Tables: CSV and TSV with a header (RFC 4180: quoted fields may hold the separator, quotes doubled,
# and ends of lines), and lines of JSON as data sets have them.
include "rules";
include "stream";

# As join, which in jq 1.6 takes the square of the time.
def glued($sep): if . == [] then "" else map($sep + .) | add | .[$sep | length:] end;

def quotes: split("\"") | length - 1;

# The fields of a whole record; null where the quotes do not fit.
def fields($sep):
    if contains("\"") | not then split($sep)
    else split($sep) as $pieces |
        # the pieces from .from on that are one field, whose quotes are even only where it ends
        [foreach range($pieces | length) as $i ({open: false};
            $pieces[$i] as $piece |
            (if .open then . else .from = $i end) |
            .open = (if .open or ($piece | startswith("\"")) then
                .open != ($piece | quotes % 2 == 1) else false end) |
            .last = ($i == ($pieces | length - 1));
            if .open then select(.last) | null else $pieces[.from:$i + 1] | glued($sep) end)] |
        if any(.[]; . == null) then null else
            map(if startswith("\"") then
                    .[1:] | if endswith("\"") then .[:-1] | split("\"\"") |
                        if any(.[]; contains("\"")) then null else glued("\"") end
                    else null end
                elif contains("\"") then null
                else . end) |
            if any(.[]; . == null) then null else . end
        end
    end;

# What an integer stands for, where there is a list of names.
def named($o):
    if $o.names == null then . else
        (if type == "string" then trimmed else . end) | . as $given |
        (if type == "string" then attempt(tonumber) else . end) as $n |
        if ($n | type) != "number" or $n != ($n | floor) then
            error({bad: "the label \($given | tojson) is no whole number, as --names wants"})
        elif $n == -1 then skip("no label")
        elif $n < 0 or $n >= ($o.names | length) then
            error({bad: "the label \($n) has no name: --names has \($o.names | length), counted from 0"})
        else $o.names[$n] end
    end;

# {file, line, value}, the value being an object of columns, to a trace or {skip}.
def row($o):
    . as $at | .value as $row |
    ([try (
        (if ($row[$o.input] | type) == "string" then . else skip("no input") end) |
        {ask: $row[$o.input], line: $row,
         answer: ($row[$o.label] |
            if . == null or . == "" then skip("no label") else named($o) end |
            if type == "string" then {text: .} else {value: .} end),
         id: ($row[$o.id // "id"] | exact($at)), time: $row[$o.time // "timestamp"]} |
        trace($o) |
        if .skip != null then . else
            reduce $o.keep[] as $k (.; .[$k] = $row[$k]) end)
    catch .] | .[0]) |
    if .bad != null then .bad as $bad | $at | stop($o; $bad) else . end |
    if .skip == null then . else .seen = ($row | seen($at)) end;

def needed($o): [$o.input, $o.label, ($o.id, $o.time | strings), $o.keep[]];

def object_row($o):
    parsed($o) | . as $at |
    (.value | if type == "object" and has($o.input) then . else records end) as $row | $at |
    .value = $row |
    if (.value | type) != "object" then stop($o; "no object") else . end |
    (needed($o) - (.value | keys)) as $missing |
    if $missing != [] then
        stop($o; "no member \($missing | join(", ")); there are \(.value | keys_unsorted | join(", "))")
    else row($o) end;

# Rows of tables, whose header the state holds, and objects.
def table_rows($o; rows):
    foreach rows as $row ({};
        if $row.sep == null then $row else
        ($row.text | if endswith("\r") then .[:-1] else . end |
            if $o.quotes then fields($row.sep) else split($row.sep) end) as $cells |
        $row + {header: (if .file == $row.file then .header else null end), $cells} |
        if .cells == null then
            stop($o; "a quote stands inside a field: a field with quotes is put in quotes, and its own are doubled (--no-quotes: they mean nothing)")
        elif .header == null then
            (needed($o) - .cells) as $missing | .cells as $cells |
            if $missing != [] then
                stop($o; "there is no column \($missing | join(", ")); there are \(.cells | join(", "))" +
                    if $row.sep == "," and (.cells | length == 1 and (.[0] | contains(";")))
                    then "; separated by semicolons? --separator \";\"" else "" end)
            elif any(needed($o)[]; . as $name | [$cells[] | select(. == $name)] | length > 1) then
                stop($o; "two columns have one name, and it is asked for")
            else .header = .cells | .cells = null end
        elif (.cells | length) != (.header | length) then
            stop($o; "\(.cells | length) fields, and the header has \(.header | length)")
        else . end end;
        if .sep == null then object_row($o) else select(.cells != null) | .header as $header | .cells as $cells |
        {file, line, value: (reduce range($header | length) as $i ({}; .[$header[$i]] = $cells[$i]))} |
        row($o) end);

# The lines, those together that a quoted field joins: {file, line, text, format}; blank ones count
# within quotes.
def lines_of($o):
    def unclosed: stop($o;
        "a quote is not closed, or not within 10,000 lines and 1 MB (--no-quotes: they mean nothing)");
    foreach (inputs, null) as $line ({};
        if $line == null then
            if .open then unclosed else .text = null end
        else
            source as $file |
            if .file != $file and .open then unclosed else . end |
            (if .file != $file then ($line | legible($o; $file)) as $well | . else . end) |
            if .file != $file then
                {$file, last: 1, line: 1, text: ($line | ltrimstr("\ufeff")), open: false, size: 0} |
                .format = (if $o.format != "auto" then $o.format
                    else $file | ascii_downcase |
                        if test("\\.(tsv|tab)\\z") then "tsv"
                        elif test("\\.csv\\z") then "csv"
                        elif test("\\.(jsonl|ndjson|json)\\z") then "jsonl"
                        elif $line | test("\\A[\ufeff\\s]*(\\{|\\[\\s*(\\{|\\z))") then "jsonl" else "csv" end end)
            elif .open then .last += 1 | .size += ($line | length) |
                if .size > 1000000 or .last - .line > 10000 then unclosed
                else setpath(["text"]; .text + "\n" + $line) end
            else .last += 1 | .line = .last | .text = $line | .size = 0 end |
            if $o.quotes and .format != "jsonl" and ($line | quotes % 2 == 1)
            then .open = (.open | not) else . end
        end;
        select(.open | not) | select(.text != null and (.text | test("\\S"))) |
        {file, line, text, format});

def run($o):
    tally($o;
        table_rows($o;
            lines_of($o) | .sep = {csv: ($o.separator // ","), tsv: "\t"}[.format]));
