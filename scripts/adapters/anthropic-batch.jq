# Anthropic's message batches: the file of requests, and results in any order.
include "rules";
include "answers";
include "stream";

# Messages that end with the assistant's are continued by the answer.
def prefill: .params.messages[-1]? // {} | if .role == "assistant" then .content | spoken else null end;

def result($o):
    .kept as $prefill | (.result.type // "none") as $type |
    if $type == "errored" then skip("failed")
    elif $type == "expired" or $type == "canceled" then skip($type)
    elif $type != "succeeded" then error("type")
    else . end |
    .result.message as $message |
    {answer: ($message | answer($o) |
        if .text != null and $prefill != null then .text = $prefill + .text else . end),
     meta: figures({}; $message)};

def run($o): joined($o; {ask: .params.messages, keep: prefill}; result($o));
