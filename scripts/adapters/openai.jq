# Logs of chat completions: a line holds the request and the response.
include "rules";
include "answers";
include "stream";

def body: unpacked | if type == "object" and (.body? | . != null) then .body | unpacked else . end;

# A dialogue whose last message is the assistant's, as it is written for fine-tuning.
def dialogue: (.messages | type) == "array" and (.messages[-1].role? == "assistant") and
    ([.response, .choices, .output, .completion, .response_body] | all(. == null));

def calls($o):
    . as $line |
    if dialogue then {ask: .messages[:-1], answer: (.messages[-1] | message($o)), response: {}}
    else
        (first((.request, .request_body, .body, .kwargs, .) | select(. != null) | body |
            select(type == "object" and
                ([.messages, .input, .prompt] | any(. != null)))) // {}) as $request |
        (if .choices != null or (.output | type) == "array" then .
         else .response // .response_body // .completion // .output end | unpacked) as $outer |
        ($outer | if type == "object" and .body != null then .body | unpacked else . end) as $response |
        if is_failure or ($outer | is_failure) or
            (($outer | .status_code? // $line.status_code // 200) != 200)
        then skip("failed") else . end |
        {ask: ($request | question), answer: ($response | answer($o)), $request, $response}
    end |
    . + {id: (($line | .id // .custom_id // .request_id) // .response.id? // $line.trace_id),
         time: ($line | .timestamp // .time // .created_at // .created //
             ($line.response | .created? // .created_at? // null)),
         meta: (figures(.request; .response) +
             ($line | {cost: (.cost | number), latency: (.latency | number)}))};

def run($o): traces($o; records; calls($o));
