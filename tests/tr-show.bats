#!/usr/bin/env bats
# tr-show: streams and policies as JSON.

load helper
setup_file() { fixtures; }
setup() { common; }

@test "a policy: log, certificate, rule, features, stages, labels" {
    tr-show "$F/policy.trp" > "$T/json"
    jq -e '.kind == "policy" and .log.rows == 600 and .log.seed == 1 and .certificate.alpha == 0.8 and
           .rule.answers and (.stages | length) == 1 and .stages[0].member == "svm" and
           .features.text > .features.words and .features.embedding == 0' "$T/json"
    jq -e '.stages[0] | (.parts == [{"kind": "linear", "weight": 1}]) and has("acceptor")' "$T/json"
    jq -e '(.stages[0].acceptor == null) == (.certificate.gate == "margin")' "$T/json"
    # its digest is the split's
    digest=$(tail -1 "$F/split" | jq -r '."tr-split".digest')
    jq -e --arg d "$digest" '.log.digest == $d and .certificate.digest == $d' "$T/json"
    jq -e '.log.train + .log.calibration == 600' "$T/json"
}

@test "per label: rows and agreement" {
    tr-show "$F/policy.trp" | jq -r '.labels[] | "\(.label) \(.rows)"' | sort > "$T/a"
    jq -r 'select(.split == "train") | .teacher' "$F/split" | sort | uniq -c |
        awk '$1 > 1 { print $2, $1 }' | sort | cmp - "$T/a"
    tr-show "$F/policy.trp" | jq -e '.labels | all(.agreement >= 0 and .agreement <= 1)'
    # together they are the agreement of the member, where no label was left out
    tr-show "$F/gated.trm" | jq -e 'select(.log.rows_of_those_labels == 0) |
        ([.labels[] | .rows * .agreement] | add) / ([.labels[].rows] | add) - .members[0].agreement |
        fabs < 1e-6'
}

@test "a stream: members, gated or not" {
    tr-show "$F/model.trm" | jq -e '.kind == "model stream" and (.members | length) == 1 and
        .members[0].acceptor == null and .labels_by == "svm"'
    tr-show "$F/gated.trm" | jq -e '.members[0].acceptor | type == "object"'
}

@test "a cascade: stages, features, the families and why" {
    tr-show "$F/e.trp" > "$T/json"
    [ "$(jq -c keys_unsorted "$T/json")" = \
        '["kind","version","log","certificate","families","why","rule","features","stages","labels"]' ]
    jq -e '(.features | .embedding == 12 and .svd_of_text == 0 and .text > 0) and (.stages | length) == 2 and
        (.stages | all(.parts[0].kind == "linear")) and (.stages[0].acceptor | has("before_score") | not) and
        (.stages[1].acceptor | has("before_score") and has("before_same")) and
        (.families.rsb | .best and .accepted > 0) and (.families | has("l2d") | not)' "$T/json"
    accepted=$(jq -r '.certificate | "\(.accepted) of \(.rows)"' "$T/json")
    [[ $(jq -r .why "$T/json") == *"most calibration rows, $accepted; the next, rsb of "* ]]
    jq -e '.certificate.accepted == .families.rsb.accepted' "$T/json"
}

@test "a stream with embeddings: members, parts, cascades" {
    tr-show "$F/e.trm" > "$T/json"
    [ "$(jq -c keys_unsorted "$T/json")" = \
        '["kind","version","log","features","members","cascades","labels_by","labels"]' ]
    jq -e '.features.embedding == 12 and (.members | all(.parts | length >= 1 and all(.weight > 0))) and
        (.members | map(select(.member == "knn"))[0].parts[0].kind == "neighbours") and
        (.members | map(.member) | index("nb") == null)' "$T/json"
    embedded < "$F/tiny.log" | tr-split -q | tr-train -q --zoo all,-gbt,-xgb | tr-show > "$T/json"
    [ "$(jq -r '.members[] | select(.member != "blend") | "\(.member) \(.parts[0].kind)"' "$T/json" | paste -sd,)" = \
        'logreg_c1 linear,logreg_c10 linear,sgd_log linear,svm linear,lda network,mlp_1h network,mlp_2h network,knn neighbours,dt trees,rf trees,et trees' ]
}

@test "a refused policy" {
    tr-show "$F/refused.trp" | jq -e '.rule == {"answers": false} and (has("stages") or has("features") or has("why") | not) and
        .certificate.deployed == false and (.certificate.refusal | length) > 10 and
        (.certificate.candidates | length) > 0'
}

@test "a pipe, standard input, a file, -o: the same bytes" {
    tr-show "$F/policy.trp" > "$T/a"
    tr-show < "$F/policy.trp" | cmp - "$T/a"
    cat "$F/policy.trp" | tr-show - | cmp - "$T/a"
    tr-show -o "$T/b" "$F/policy.trp"
    cmp "$T/a" "$T/b"
}

@test "the manual's and the usage's example: the certificate by jq" {
    expect 0 bash -c "tr-show '$F/policy.trp' | jq -e .certificate.coverage"
    [[ $output == 0.* ]]
}

@test "what is none of ours: exit 3, nothing written" {
    for bad in "$F/split" /dev/null <(head -c 1000 "$F/policy.trp") <(cat "$F/tiny.trp" "$F/tiny.trp"); do
        expect 3 tr-show "$bad"
        [ -z "$output" ]
        [[ $stderr == "tr-show: $bad: "* ]]
    done
    expect 4 tr-show "$T/none"
    expect 2 tr-show "$F/policy.trp" "$F/policy.trp"
    expect 0 tr-show -h
    expect 0 tr-show -V
}
