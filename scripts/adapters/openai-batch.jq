# OpenAI's Batch API: the file of requests, and files of results and of errors, in any order.
include "rules";
include "answers";
include "stream";

def why: (.error.code? // "" | tostring) as $code |
    if $code | test("expired") then skip("expired")
    elif $code | test("cancel") then skip("canceled")
    else skip("failed") end;

def result($o):
    .kept as $model |
    if .error | is_error then why
    elif .response == null then skip("without an answer")
    elif (.response.status_code // 200) != 200 then skip("failed")
    else . end |
    .response.body as $body |
    (if $body | type != "object" or is_failure or .choices != null or (.output | type) == "array" or
        (.object | IN("chat.completion", "text_completion", "response"))
     then . else skip("another kind of answer") end) |
    {answer: ($body | answer($o)),
     time: ($body | .created? // .created_at? // null),
     meta: figures({model: $model}; $body)};

def run($o): joined($o; {ask: (.body | question), keep: .body.model}; result($o));
