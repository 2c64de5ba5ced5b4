#!/usr/bin/env bats
# tr-calibrate: certificates, refusals, --verify.

load helper
setup_file() { fixtures; }
setup() { common; }

# cert [ARGS...]: the certificate for the gated fixture.
cert() { tr-calibrate -q "$@" "$F/gated.trm" | tr-show | jq .certificate; }

@test "the last words: coverage, the promise, the counts, the savings, the size" {
    expect 0 bash -c "tr-calibrate --alpha .8 '$F/gated.trm' | tr-show | jq .certificate > '$T/cert'"
    n=${#stderr_lines[@]}
    [[ ${stderr_lines[$((n - 3))]} =~ certified:.*\ ([0-9]+)\ rows\ tested,\ ([0-9]+)\ agreed,\ ([0-9]+)\ needed ]]
    jq -e --argjson t "${BASH_REMATCH[1]}" --argjson a "${BASH_REMATCH[2]}" \
        --argjson n "${BASH_REMATCH[3]}" '.tested == $t and .agreed == $a and .needed == $n' "$T/cert"
    [[ ${stderr_lines[$((n - 2))]} =~ answers\ [0-9.]+%.*calls\ saved.*policy\ of\ [0-9.]+\ [kM]B ]]
    [[ ${stderr_lines[$((n - 1))]} == "with 95% confidence, at least 80% of the traffic that this policy answers "* ]]
    [ "$(jq -c '[.deployed, .alpha, .delta, .guarantee]' "$T/cert")" = '[true,0.8,0.05,"handled"]' ]
}

@test "the certificate adds up" {
    cert --alpha .8 > "$T/cert"
    jq -e '.agreed >= .needed and .tested >= .agreed and .accepted >= .tested and
           .inside >= .accepted and .rows >= .inside and .agreed / .tested >= .alpha and
           (.coverage - .accepted / .rows | fabs) < 1e-12' "$T/cert"
    # the walk: every step but the last one recorded passed, thresholds fall
    jq -e '[.walk[] | .threshold] | . == (sort | reverse)' "$T/cert"
    jq -e '. as $c | [.walk[] | select(.passed)] | last |
           .accepted == $c.accepted and .tested == $c.tested and .agreed == $c.agreed' "$T/cert"
    jq -e '.walk | map(select(has("passed"))) | map(.passed) | (index(false) // length) as $k |
           .[$k + 1:] | length == 0' "$T/cert"
    # the risk is shared among the candidates
    jq -e '[.candidates[].delta] | add <= .05 + 1e-9' "$T/cert"
    jq -e '.delta_used <= .delta' "$T/cert"
}

@test "a higher bar answers less" {
    a=$(cert --alpha .7 | jq .coverage)
    b=$(cert --alpha .85 | jq .coverage)
    jq -ne "$a >= $b and $b > 0"
}

@test "refused: a policy that defers everything, why, exit 1" {
    expect 1 tr-calibrate --alpha .99 -o "$T/p" "$F/gated.trm"
    [[ $stderr == *refused*"needs at least 321"* ]]
    tr-show "$T/p" | jq -e '(.certificate | .deployed == false and .coverage == 0 and
        (.refusal | contains("321"))) and .rule.answers == false'
    [ "$(tr-route "$T/p" "$F/requests" | jq -r .decision | sort | uniq -c | tr -s ' ')" = " 200 deferred" ]
    # labels by the coin: no number of rows would do
    awk 'BEGIN { srand(1); for (i = 1; i <= 600; i++)
        printf "{\"input\":\"word%d\",\"teacher\":\"l%d\"}\n", i % 50, int(rand() * 4) }' |
        tr-split -q | tr-train -q --zoo svm | tr-gate > "$T/coin"
    expect 1 tr-calibrate --alpha .9 -o "$T/p" "$T/coin"
    [[ $stderr == *refused*"no number of rows"* ]]
}

@test "a refusal leaves the policy of -o where it is, --replace does not" {
    tr-calibrate -q --alpha .8 -o "$T/p" "$F/gated.trm"
    cp "$T/p" "$T/old"
    expect 1 tr-calibrate --alpha .995 -o "$T/p" "$F/gated.trm"
    [[ $stderr == *"stays as it was"* ]]
    cmp "$T/p" "$T/old"
    expect 1 tr-calibrate --alpha .995 --replace -o "$T/p" "$F/gated.trm"
    cmp "$T/p" "$F/refused.trp"
    # a new one does replace
    expect 0 tr-calibrate --alpha .8 -o "$T/p" "$F/gated.trm"
    cmp "$T/p" "$T/old"
    [ "$(ls -A "$T" | grep -c '^\.\?p')" -eq 1 ] # and nothing beside it
}

@test "--min-coverage refuses what is not worth it" {
    c=$(cert --alpha .85 | jq .coverage)
    expect 1 tr-calibrate --alpha .85 --min-coverage "$(jq -n "$c + .01")" -o "$T/p" "$F/gated.trm"
    expect 0 tr-calibrate --alpha .85 --min-coverage "$(jq -n "$c - .01")" -o "$T/p" "$F/gated.trm"
}

@test "--guarantee overall covers more and says so" {
    a=$(cert --alpha .85 | jq .coverage)
    cert --alpha .85 --guarantee overall > "$T/cert"
    jq -e --argjson a "$a" '.coverage >= $a and .guarantee == "overall"' "$T/cert"
    expect 0 bash -c "tr-calibrate --alpha .85 --guarantee overall '$F/gated.trm' > '$T/p'"
    [[ $stderr == *"of all traffic, deferred included,"* ]]
    expect 0 tr-calibrate --verify "$T/p" "$F/split"
}

@test "--defer-label: that label is never answered" {
    tr-calibrate -q --alpha .75 --defer-label order_status,praise -o "$T/p" "$F/gated.trm"
    tr-route "$T/p" "$F/log" | jq -r 'select(.decision == "handled") | .label' | sort -u > "$T/labels"
    run ! grep -qxE 'order_status|praise' "$T/labels"
    [ "$(wc -l < "$T/labels")" -gt 2 ]
    [ "$(tr-show "$T/p" | jq -c '[.labels[] | select(.never_answered) | .label]')" = '["order_status","praise"]' ]
    expect 0 tr-calibrate --verify "$T/p" "$F/split"
    expect 2 tr-calibrate --alpha .75 --defer-label nothing "$F/gated.trm"
    [[ $stderr == *nothing* ]]
}

@test "--novelty: 0 guards nothing; more defers more" {
    tr-calibrate -q --alpha .7 --novelty 0 "$F/gated.trm" | tr-show | jq -e \
        '.rule.novelty_most == null and .certificate.inside == .certificate.rows'
    a=$(cert --alpha .7 --novelty .01 | jq .inside)
    b=$(cert --alpha .7 --novelty .2 | jq .inside)
    [ "$b" -lt "$a" ]
}

@test "ungated streams go by the margin; --family" {
    tr-calibrate -q --alpha .8 "$F/model.trm" | tr-show | jq -e '.certificate.gate == "margin"'
    expect 1 tr-calibrate --alpha .85 --family global -o "$T/p" "$F/gated.trm"
    [ "$(cert --alpha .85 --family l2d | jq -r .family)" = l2d ]
    tr-calibrate -q --alpha .5 --family global "$F/gated.trm" | tr-show |
        jq -e '.certificate | .family == "global" and .accepted == .inside'
    expect 2 tr-calibrate --alpha .8 --family rsbx "$F/gated.trm"
}

@test "--family rsb: cascades alone, one threshold, certified as one" {
    tr-show "$F/e.trp" > "$T/json"
    jq -e '.certificate | .family == "rsb" and .gate == "acceptor" and (.member | test("^[a-z0-9_]+ > [a-z0-9_]+$")) and
        (.candidates | length == 6 and all(.family == "rsb")) and .agreed >= .needed and
        ([.candidates[].delta] | add) <= .05 + 1e-9' "$T/json"
    jq -e '(.stages | length) == 2 and "\(.stages[0].member) > \(.stages[1].member)" == .certificate.member' "$T/json"
    expect 0 tr-calibrate --verify "$F/e.trp" "$F/e.split"
    [[ $stderr == *"the same: $(jq .certificate.accepted "$T/json") rows accepted"* ]]
    # with the embeddings written otherwise it is the same log
    as_base64 < "$F/e.split" | tr-calibrate -q --verify "$F/e.trp"
    # auto ranks them beside the others, and takes what covers most
    tr-calibrate -q --alpha .75 "$F/e.trm" | tr-show | jq -e '.certificate as $c |
        ([$c.candidates[] | select(.family == "rsb")] | length) == 6 and
        ([$c.candidates[] | select(.family == "l2d")] | length) == 8 and
        $c.accepted == ([$c.candidates[].accepted] | max) and .families.rsb and .families.l2d and
        ([$c.candidates[].delta] | add) <= .05 + 1e-9'
    tr-calibrate -q --alpha .75 --family l2d "$F/e.trm" | tr-show |
        jq -e '(.stages | length) == 1 and (.certificate.candidates | all(.family == "l2d"))'
}

@test "cascades that the stream does not have are refused with a word" {
    tr-train -q "$F/e.split" > "$T/ungated"
    for stream in "$T/ungated" "$F/gated.trm"; do
        expect 2 tr-calibrate --alpha .6 --family rsb -o "$T/p" "$stream"
        [[ $stderr == *"--family rsb"*"no cascade"*"tr-gate"* ]]
        [ ! -e "$T/p" ]
    done
    # without them the members' margins are there
    tr-calibrate -q --alpha .5 "$T/ungated" | tr-show |
        jq -e '.certificate | .gate == "margin" and (.candidates | length == 4 and all(.family == "l2d"))'
}

@test "--defer-label and --guarantee overall hold for both stages" {
    tr-calibrate -q --alpha .75 --family rsb --defer-label order_status -o "$T/p" "$F/e.trm"
    tr-route -q "$T/p" "$F/e.log" | jq -se 'map(select(.decision == "handled").label) |
        length > 50 and all(. != "order_status")'
    expect 0 tr-calibrate -q --verify "$T/p" "$F/e.split"
    tr-calibrate -q --alpha .85 --family rsb --guarantee overall -o "$T/p" "$F/e.trm"
    expect 0 tr-calibrate -q --verify "$T/p" "$F/e.split"
}

@test "--verify wants the embeddings that the policy was certified with" {
    expect 3 tr-calibrate --verify "$F/e.trp" "$F/split"
    [[ $stderr == *"embedding"* ]]
    jq -c 'if .embedding then .embedding |= .[:8] else . end' "$F/e.split" > "$T/short"
    expect 3 tr-calibrate --verify "$F/e.trp" "$T/short"
    [[ $stderr == *"embeddings of 8 numbers; the policy takes 12"* ]]
    # the digest leaves embeddings out; other ones show in the counts
    jq -c 'if .embedding then .embedding |= map(-.) else . end' "$F/e.split" > "$T/turned"
    expect 1 tr-calibrate --verify "$F/e.trp" "$T/turned"
    [[ $stderr == *different* ]]
    # without text: neither looks at it
    tr-train -q --no-text "$F/e.split" | tr-gate | tr-calibrate -q --alpha .35 -o "$T/p"
    expect 0 tr-calibrate --verify "$T/p" "$F/e.split"
    tr-show "$T/p" | jq -e .certificate.deployed
}

@test "a policy carries no SVD of texts that none of its models looks at" {
    svd() { tr-calibrate -q --alpha .8 --novelty 0 "$1" | tr-show | jq '.features.svd_of_text'; }
    tr-train -q --zoo svm,dt "$F/tiny.split" -o "$T/m"
    [ "$(tr-show "$T/m" | jq '.features.svd_of_text > 0')" = true ]
    [ "$(svd "$T/m")" = 0 ]
    tr-calibrate -q --alpha .8 "$T/m" -o "$T/p"
    expect 0 tr-calibrate -q --verify "$T/p" "$F/tiny.split"
    tr-train -q --zoo lda "$F/tiny.split" -o "$T/m"
    [ "$(svd "$T/m")" -gt 0 ]
}

@test "--seed draws another calibration order, the same one twice" {
    tr-calibrate -q --alpha .8 --seed 7 "$F/gated.trm" > "$T/a"
    tr-calibrate -q --alpha .8 --seed 7 "$F/gated.trm" | cmp - "$T/a"
    run ! cmp -s "$T/a" "$F/policy.trp"
}

@test "--verify: 0 the same, 1 different, 3 other traces" {
    expect 0 tr-calibrate --verify "$F/policy.trp" "$F/split"
    expect 0 bash -c "tr-calibrate --verify '$F/policy.trp' < '$F/split'"
    expect 0 tr-calibrate --verify "$F/refused.trp" "$F/split"
    # the order of the rows is no matter, since they have ids
    expect 0 bash -c "tac '$F/split' | tr-calibrate --verify '$F/policy.trp'"
    tr-split -q --seed 2 "$F/log" > "$T/other"
    expect 3 tr-calibrate --verify "$F/policy.trp" "$T/other"
    expect 3 tr-calibrate --verify "$F/policy.trp" "$F/tiny.split"
    sed '/"split":"calibration"/{0,/"teacher":"[a-z_]*"/s//"teacher":"other"/}' "$F/split" > "$T/other"
    expect 3 tr-calibrate --verify "$F/policy.trp" "$T/other"
    expect 3 tr-calibrate --verify "$F/policy.trp" /dev/null
    expect 3 tr-calibrate --verify "$F/gated.trm" "$F/split"
    expect 2 tr-calibrate --verify "$F/policy.trp" --alpha .9 "$F/split"
    expect 4 tr-calibrate --verify "$T/none" "$F/split"
}

@test "--verify finds a certificate that says more than its traces" {
    [ -x "$BUILD/faults/prefixes" ] || skip "faults/prefixes is not built"
    # one count or the threshold changed, every checksum renewed: rows, inside, accepted, tested,
    # agreed, needed; the threshold in the rule
    for place in 'CERT 56' 'CERT 64' 'CERT 72' 'CERT 80' 'CERT 88' 'CERT 96' 'RULE 4'; do
        echo "$place"
        "$BUILD/faults/prefixes" forge "$F/policy.trp" $place > "$T/p"
        run ! cmp -s "$T/p" "$F/policy.trp"
        tr-show -o "$T/json" "$T/p"
        expect 1 tr-calibrate --verify "$T/p" "$F/split"
        [[ $stderr == *different* ]]
    done
    for place in 'CERT 72' 'CERT 88' 'RULE 4'; do
        "$BUILD/faults/prefixes" forge "$F/e.trp" $place > "$T/p"
        expect 1 tr-calibrate --verify "$T/p" "$F/e.split"
        [[ $stderr == *different* ]]
    done
}

@test "alpha is required, between 0 and 1; other wrong usage" {
    for bad in '' '--alpha 0' '--alpha 1' '--alpha nan' '--alpha 0,9' '--alpha 90' \
        '--alpha .9 --delta 0' '--alpha .9 --delta 1' '--alpha .9 --guarantee x' \
        '--alpha .9 --novelty 2' '--alpha .9 --min-coverage -1' '--alpha .9 a b'; do
        expect 2 tr-calibrate $bad < "$F/gated.trm"
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    expect 0 tr-calibrate --help
    [[ $output == *--alpha*--verify* ]]
    expect 0 tr-calibrate -V
}

@test "what is no model stream: exit 3, nothing written" {
    for bad in "$F/policy.trp" "$F/split" /dev/null; do
        expect 3 tr-calibrate --alpha .9 -o "$T/p" "$bad"
        [ ! -e "$T/p" ]
        [[ $stderr == "tr-calibrate: $bad"* ]]
    done
}

@test "--previous: rows that were looked at cost risk, fresh ones do not" {
    tr-calibrate -q --alpha .75 -o "$T/first.trp" "$F/gated.trm"
    [ "$(tr-show "$T/first.trp" | jq -c '.certificate.history | [.look, .independent, .delta_spent]')" = '[1,true,0.05]' ]
    # the same rows again
    expect 0 tr-calibrate --alpha .75 --previous "$T/first.trp" -o "$T/again.trp" "$F/gated.trm"
    [[ $stderr == *"look 2 at these rows: not independent of earlier looks; 0.0576 of the risk is spent"* ]]
    [[ $stderr == *"with 94.2401% confidence"* ]]
    tr-show "$T/again.trp" | jq -e '.certificate | (.delta - .05 * 6 / (3.141592653589793 | . * .) / 4 | fabs) < 1e-15
        and .history.reused == 1 and (.history.independent | not)
        and .history.previous_calibration_digest == .calibration_digest'
    # it verifies at what it risked
    expect 0 tr-calibrate --verify "$T/again.trp" "$F/split"
    # later rows alone calibrate
    sed -n '601,1400p' "$ROOT/samples/support.jsonl" | jq -c '.timestamp = 2' > "$T/later"
    { jq -c '.timestamp = 1' "$F/log"; cat "$T/later"; } | tr-split -q --fresh-after 1 |
        tr-train -q --zoo svm | tr-gate -q > "$T/later.trm"
    expect 0 tr-calibrate --alpha .75 --previous "$T/again.trp" -o "$T/fresh.trp" "$T/later.trm"
    [[ $stderr != *look* ]]
    [ "$(tr-show "$T/fresh.trp" | jq -c '.certificate | [.delta, .history.look, .history.follows, .history.reused]')" = '[0.05,1,2,0]' ]
}

@test "--previous: a refusal was a look too, and a chain remembers" {
    tr-calibrate -q --alpha .995 -o "$T/refused.trp" "$F/gated.trm" 2> /dev/null || [ $? -eq 1 ]
    expect 0 tr-calibrate --alpha .75 --previous "$T/refused.trp" -o "$T/p" "$F/gated.trm"
    [ "$(tr-show "$T/p" | jq -c '.certificate.history | [.look, .follows]')" = '[2,1]' ]
    tr-calibrate -q --alpha .75 --previous "$T/p" -o "$T/tiny.trp" "$F/tiny.trm"
    tr-calibrate -q --alpha .75 --previous "$T/tiny.trp" -o "$T/q" "$F/gated.trm"
    [ "$(tr-show "$T/q" | jq -c '.certificate.history | [.look, .follows, .reused]')" = '[3,3,1]' ]
}

@test "--look: every look counts, the first included" {
    tr-calibrate -q --alpha .75 --look 1 -o "$T/1" "$F/gated.trm"
    tr-calibrate -q --alpha .75 --previous "$T/1" -o "$T/2" "$F/gated.trm"
    tr-calibrate -q --alpha .75 --look 2 -o "$T/other" "$F/gated.trm"
    tr-show "$T/1" | jq -e '.certificate | .delta < .0304 and .delta > .0303 and .history.counted_from_the_first'
    tr-show "$T/2" | jq -e '.certificate | .history.look == 2 and .history.delta_spent < .05'
    [ "$(tr-show "$T/2" | jq .certificate.delta)" = "$(tr-show "$T/other" | jq .certificate.delta)" ]
    expect 2 tr-calibrate --alpha .75 --look 0 "$F/gated.trm"
    expect 3 tr-calibrate --alpha .75 --previous "$F/log" "$F/gated.trm"
    [[ $stderr == *"$F/log: is no tr-tools file"* ]]
}
