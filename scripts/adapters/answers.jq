# The answers of chat interfaces: OpenAI's chat completions, completions and responses, Anthropic's
# messages, Ollama's, and a bare message.
include "rules";

# Passes on where a model says that it came to its end by itself.
def finished($reason):
    if $reason == "stop" or $reason == null then . else
    (($reason // "stop") | tostring | ascii_downcase) as $r |
    if $r | test("\\A(stop|end_turn|stop_sequence|eos|eos_token|completed|(tool|function)_(calls?|use))\\z")
    then .
    elif $r | test("length|max_.*tokens") then skip("cut short")
    elif $r | test("filter|safety") then skip("filtered")
    elif $r | test("refus") then skip("refused")
    elif $r | test("error|fail") then skip("failed")
    else skip("unfinished") end end;

# One call of a function: its arguments, or with --tool-name its name.
def called($o):
    if $o.tool_name then {text: .name} else
        (.arguments // .input) | if type == "string" then attempt(fromjson) | known("no label") else . end |
        {value: .}
    end;

def the_call($o): if length > 1 then skip("several tool calls") else .[0] | called($o) end;

# A message of the assistant, in the shapes of all of them.
def message($o):
    if type == "string" then {text: .}
    elif (.refusal // "") != "" then skip("refused")
    elif (.tool_calls // []) != [] then [.tool_calls[] | .function // .] | the_call($o)
    elif .function_call != null then .function_call | called($o)
    else (.content // .parts) |
        if type == "string" then {text: .}
        elif type == "array" then
            if any(.[]; .type? == "refusal") then skip("refused") else . end |
            [.[] | select(.type? | . == "tool_use" or . == "tool_call")] as $calls |
            if $calls != [] then $calls | the_call($o)
            else [.[] | if type == "string" then .
                        elif (.type // "text") | . == "text" or . == "output_text" then
                            .text // .content
                        else empty end] |
                if length == 0 then skip("without an answer") else {text: join("")} end
            end
        elif type == "object" then {value: .}
        else skip("without an answer") end
    end;

# A response of OpenAI's /v1/responses.
def response($o):
    (if .status == "failed" then skip("failed")
     elif .status == "cancelled" then skip("canceled")
     elif .status == "incomplete" then finished(.incomplete_details.reason // "incomplete")
     else . end) |
    [.output[] | select(.type == "function_call")] as $calls |
    if $calls != [] then $calls | the_call($o)
    else [.output[] | select((.type // "message") == "message")] |
        if length == 0 then skip("without an answer") else last | message($o) end
    end;

# "error" may be there and say that there was none.
def is_error: . != null and . != false and . != "";

# Whether this is what a server says in place of an answer.
def is_failure: type == "object" and
    ((.error | is_error) or any(.status, .statusCode, .status_code; number | . != null and . >= 400) or
     (.detail != null and
        ([.choices, .output, .message, .role, .content] | all(. == null)) and
        (keys | map(ascii_downcase) | . - label_names | length) == length));

# The body of a response, whatever it is.
def answer($o):
    def is_body: is_failure or
        (type == "object" and (has("choices") or has("role") or (.output | type) == "array"));
    if . == null or . == [] then skip("without an answer")
    elif type == "string" then
        unpacked as $body |
        if $body | is_body or (type == "array" and (.[-1] | is_body)) then $body | answer($o)
        else {text: .} end
    elif type == "array" then if .[-1] | type == "object" then .[-1] | answer($o) else {value: .} end
    elif type != "object" then {value: .}
    elif is_failure then skip("failed")
    elif .choices != null then
        if .choices == [] then skip("without an answer") else .choices[0] end |
        finished(.finish_reason) |
        if .message != null then .message | message($o)
        elif .text != null then {text}
        else skip("without an answer") end
    elif (.output | type) == "array" then response($o)
    elif (.output_text | type) == "string" then {text: .output_text}
    elif (.message | type) == "object" then finished(.done_reason) | .message | message($o)
    elif has("role") or .type == "message" then
        finished(.stop_reason // .finish_reason) | message($o)
    elif . == {} then skip("without an answer")
    else {value: .} end;

# What is worth keeping of a request and a response.
def figures($request; $response):
    ($response | if type == "object" then . else {} end) as $r |
    ($r.usage // {}) as $u |
    {model: ($r.model // ($request | if type == "object" then .model else null end)),
     input_tokens: (($u.prompt_tokens // $u.input_tokens) | number),
     output_tokens: (($u.completion_tokens // $u.output_tokens) | number)};

# What a request asks, of the members that interfaces have for it.
def question:
    if type != "object" then . elif .messages != null then .messages
    elif .input != null then .input else .prompt end;
