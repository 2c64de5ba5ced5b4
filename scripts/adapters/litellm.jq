# LiteLLM's standard logging payload, and the older one of its bucket logger.
include "rules";
include "answers";
include "stream";

def standard($o):
    if (.call_type // "completion" | test("completion|responses|anthropic_messages|generate_content") | not)
    then skip("not a chat call")
    elif (.status // "success") != "success" then skip("failed")
    elif any(.messages, .response | unpacked | ..; . == "redacted-by-litellm") then skip("redacted")
    else . end |
    {ask: .messages, answer: (.response | answer($o)), id: (.id // .response.id? // .litellm_call_id // .trace_id),
     time: .startTime,
     meta: {model, input_tokens: .prompt_tokens, output_tokens: .completion_tokens,
            cost: .response_cost,
            latency: (.response_time // span(.startTime; .endTime))}};

def old($o):
    (.request_kwargs // .kwargs) as $request | .response_obj as $response |
    {ask: ($request | question), answer: ($response | answer($o)),
     id: ($response.id? // .id // $request.litellm_call_id), time: .start_time,
     meta: (figures($request; $response) +
        {cost: (.response_cost // $request.response_cost), latency: span(.start_time; .end_time)})};

def calls($o):
    (.standard_logging_object // .) |
    if has("response_obj") then old($o)
    elif has("messages") and has("response") then standard($o)
    else error("members") end;

def run($o): traces($o; records; calls($o));
