#!/usr/bin/env bats
# tr-show: streams and policies as JSON.

load helper
setup_file() { fixtures; }
setup() { common; }

@test "a policy: log, certificate, rule, surrogate, labels" {
    tr-show "$F/policy.trp" > "$T/json"
    jq -e '.kind == "policy" and .log.rows == 600 and .log.seed == 1 and .certificate.alpha == 0.8 and
           .rule.answers and .surrogate.member == "svm" and .surrogate.features > 0' "$T/json"
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

@test "a refused policy" {
    tr-show "$F/refused.trp" | jq -e '.rule == {"answers": false} and (has("surrogate") | not) and
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
