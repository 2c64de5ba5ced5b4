#!/usr/bin/env bats
# tr-gate: acceptors into a model stream.

load helper
setup_file() { fixtures; }
setup() { common; }

@test "every member gets an acceptor, all else stays" {
    tr-train -q --zoo svm,logreg_c1 -o "$T/m" "$F/split"
    tr-gate -o "$T/g" "$T/m"
    tr-show "$T/m" | jq -e '.members | length == 2 and all(.acceptor == null)'
    tr-show "$T/g" | jq -e '.members | all(.acceptor | type == "object" and has("intercept"))'
    tr-show "$T/m" | jq 'del(.members[].acceptor)' > "$T/m.json"
    tr-show "$T/g" | jq 'del(.members[].acceptor) | .cascades = []' | cmp - "$T/m.json"
}

@test "cascades of the best three, in every order; their second stage looks at the first" {
    tr-show "$F/e.trm" | jq -e '(.members | length) == 4 and (.cascades | length) == 6 and
        ([.cascades[] | .first, .second] | unique | length) == 3 and
        ([.cascades[] | [.first, .second]] | unique | length) == 6 and
        (.cascades | all(.first != .second and (.acceptor | has("before_score") and has("top1")))) and
        (.members | all(.acceptor | has("before_score") | not))'
    pairs() { tr-show "$1" | jq -c '[.cascades[] | [.first, .second]] | sort'; }
    [ "$(pairs "$F/gated.trm")" = '[]' ] # of one member there are none
    tr-train -q --zoo svm,logreg_c1 "$F/tiny.split" | tr-gate > "$T/two"
    [ "$(pairs "$T/two")" = '[["logreg_c1","svm"],["svm","logreg_c1"]]' ]
    # gated again: the old ones are replaced
    tr-gate "$F/e.trm" | cmp - "$F/e.trm"
}

@test "a file and standard input: the same bytes; gated again: the same bytes" {
    tr-gate < "$F/model.trm" | cmp - "$F/gated.trm"
    tr-gate - < "$F/model.trm" | cmp - "$F/gated.trm"
    tr-gate "$F/gated.trm" | cmp - "$F/gated.trm"
}

@test "--features: tracer's four, a list, all; another choice replaces the first" {
    seen() { tr-gate "$@" | tr-show | jq -c '.members[0].acceptor | del(.intercept) | keys_unsorted'; }
    [ "$(seen --features tracer "$F/model.trm")" = '["top1","top2","margin","entropy","label"]' ]
    [ "$(tr-gate --features tracer "$F/model.trm" | tr-show | jq .members[0].acceptor.label)" = false ]
    [ "$(seen --features top1,unseen "$F/gated.trm")" = '["top1","unseen","label"]' ]
    [ "$(tr-gate --features top1,label "$F/model.trm" | tr-show | jq .members[0].acceptor.label)" = true ]
    tr-gate --features all "$F/model.trm" | cmp - "$F/gated.trm"
    [ "$(seen --features agreement,near "$F/e.trm")" = '["agreement","near","label"]' ]
    [ "$(tr-gate --features near "$F/e.trm" | tr-show | jq -c '.cascades[0].acceptor | keys_unsorted')" = \
        '["near","before_score","before_same","before_top1","before_entropy","before_gap","intercept","label"]' ]
    for bad in nothing '' top1,nothing Top1 before_score; do
        expect 2 tr-gate --features "$bad" "$F/model.trm"
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
}

@test "what is no model stream: exit 3, nothing written" {
    for bad in "$F/policy.trp" "$F/split" /dev/null; do
        expect 3 tr-gate "$bad"
        [ -z "$output" ]
        [[ $stderr == "tr-gate: $bad"* ]]
    done
    expect 3 bash -c "tr-gate < /dev/null"
    [[ $stderr == *stdin*empty* ]]
    expect 4 tr-gate "$T/none"
}

@test "help, version, wrong usage" {
    expect 0 tr-gate -h
    [[ $output == *--features* ]]
    expect 0 tr-gate --version
    [[ $output == "tr-gate (tr-tools) "* ]]
    expect 2 tr-gate "$F/model.trm" "$F/model.trm"
    expect 2 tr-gate --seed 1 "$F/model.trm"
}
