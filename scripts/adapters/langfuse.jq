# Langfuse's observations: pages of its interface (camelCase) and bucket exports (snake_case).
include "rules";
include "answers";
include "stream";

def calls($o):
    (if .type == null or .type == "GENERATION" then . else skip("not a generation") end) |
    (if .level == "ERROR" then skip("failed") else . end) |
    (if has("input") and has("output") then . else error("members") end) |
    ((.usageDetails // .usage_details // .usage) | unpacked // {}) as $usage |
    ((.startTime // .start_time // .timestamp)) as $start |
    {ask: .input, answer: (.output | answer($o)), id: (.id // .traceId // .trace_id), time: $start,
     meta: {model: (.model // .provided_model_name),
            input_tokens: (($usage.input // $usage.promptTokens // .promptTokens) | number),
            output_tokens: (($usage.output // $usage.completionTokens // .completionTokens) | number),
            cost: ((.calculatedTotalCost // .totalCost // .total_cost //
                ((.costDetails // .cost_details) | unpacked | .total?)) | number),
            latency: span($start; .endTime // .end_time)}};

def run($o): traces($o; records; calls($o));
