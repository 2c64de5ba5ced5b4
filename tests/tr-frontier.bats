#!/usr/bin/env bats
# tr-frontier: several targets certified at once, as points, as a picture, as a policy.

load helper
setup_file() { fixtures; }
setup() { common; }

@test "points: a line for each target, by rising alpha, coverage falling" {
    expect 0 tr-frontier --alphas .9,.6,.8 "$F/gated.trm"
    [ "$(jq -c '[.alpha, .targets, .delta]' <<< "$output")" = $'[0.6,3,0.05]\n[0.8,3,0.05]\n[0.9,3,0.05]' ]
    jq -se 'map(.coverage) as $c | $c[0] > 0 and $c[0] >= $c[1] and $c[1] >= $c[2]' <<< "$output"
    jq -se 'all(.certified == (.coverage > 0)) and
            all(if .certified then .agreed >= .needed and .accepted >= .tested and
                    (.coverage - .accepted / .rows | fabs) < 1e-12 and (.members | length) > 0
                else .refusal != "" and (has("family") | not) end)' <<< "$output"
    # nothing that could be taken for a bound but alpha; what is out of fold says so
    jq -se 'all(.out_of_fold_no_promise.l2d > 0)' <<< "$output"
    jq -se 'all(has("test_agreement") | not)' <<< "$output"
    [[ $stderr == *"all of these hold at once"* ]]
}

@test "the targets share delta: a point is what tr-calibrate certifies at delta / L" {
    tr-frontier -q --alphas .6,.8 --delta .08 --select .8 -o "$T/one" "$F/gated.trm"
    tr-calibrate -q --alpha .8 --delta .04 -o "$T/two" "$F/gated.trm"
    [ "$(tr-show "$T/one" | jq -c '.certificate | del(.targets, .history.delta_spent)')" = \
        "$(tr-show "$T/two" | jq -c '.certificate | del(.targets, .history.delta_spent)')" ]
    tr-show "$T/one" | jq -e '.certificate | .targets == 2 and .delta == .04'
    # alone, a target has all of it
    tr-frontier -q --alphas .8 --select .8 -o "$T/one" "$F/gated.trm"
    cmp "$T/one" "$F/policy.trp"
    expect 0 tr-calibrate --verify "$T/one" "$F/split"
    [ "$(tr-route -q "$T/one" "$F/requests" | grep -c '"handled"')" -gt 0 ]
}

@test "money, and rows set aside for testing" {
    tr-split -q --test .3 "$F/log" | tr-train -q --zoo svm | tr-gate -q > "$T/m"
    expect 0 tr-frontier -q --alphas .6 --calls-per-day 1000 --price-per-call .01 "$T/m"
    jq -e '(.calls_saved_a_day - .coverage * 1000 | fabs) <= .5 and
           (.money_saved_a_day - .coverage * 10 | fabs) <= .005 and .test_rows > 100 and
           .test_coverage > 0 and .test_agreement > .6 and .test_agreement <= 1' <<< "$output"
    expect 2 tr-frontier --price-per-call 1 "$T/m"
}

@test "the picture" {
    tr-frontier -q --alphas .6,.8,.99 --svg -o "$T/a.svg" "$F/gated.trm"
    tr-frontier -q --alphas .6,.8,.99 --svg --select .8 "$F/gated.trm" > "$T/b.svg"
    for picture in "$T/a.svg" "$T/b.svg"; do
        if command -v xmllint > /dev/null; then xmllint --noout "$picture"; fi
        grep -q 'prefers-color-scheme:dark' "$picture"
        grep -q 'out of fold, no promise' "$picture"
        grep -q '<title id="title">' "$picture"
        [ "$(grep -cE '<script|href|url\(|@import' "$picture")" -eq 0 ]
    done
    [ "$(grep -c 'class="ring"' "$T/a.svg")" -eq 0 ]
    grep -q 'class="ring"' "$T/b.svg"
}

@test "a picture of a point that is not certified: drawn, and exit 1" {
    expect 1 tr-frontier -q --alphas .6,.995 --svg --select .995 -o "$T/p.svg" "$F/gated.trm"
    grep -q '</svg>' "$T/p.svg"
    expect 2 tr-frontier --svg --calls-per-day 10 "$F/gated.trm"
    expect 2 tr-frontier --calls-per-day 0 "$F/gated.trm"
}

@test "nothing to certify: exit 1, and no policy" {
    expect 1 tr-frontier -q --alphas .99,.995 "$F/gated.trm"
    [ "$(jq -c .certified <<< "$output")" = $'false\nfalse' ]
    [[ $stderr == *"no target can be certified"* ]]
    expect 1 tr-frontier -q --alphas .99 --svg "$F/gated.trm"
    [[ $output == *"</svg>"* ]]
    cp "$F/policy.trp" "$T/p"
    expect 1 tr-frontier -q --alphas .6,.995 --select .995 -o "$T/p" "$F/gated.trm"
    [[ $stderr == *"not certified at 0.995"* ]]
    cmp "$T/p" "$F/policy.trp"
    expect 1 tr-frontier -q --alphas .99 --select .99 "$F/gated.trm"
    [ -z "$output" ]
}

@test "wrong usage, bad data, a full disk" {
    for bad in 0 1 .9, ,.9 x .9,.9 '.9 .8' 1e999; do
        expect 2 tr-frontier --alphas "$bad" "$F/gated.trm"
    done
    expect 2 tr-frontier --alphas "$(seq -s , .50 .01 .90)" "$F/gated.trm"
    expect 2 tr-frontier --select .87 "$F/gated.trm"
    expect 2 tr-frontier --defer-label nobody "$F/gated.trm"
    expect 2 tr-frontier "$F/gated.trm" "$F/gated.trm"
    expect 3 tr-frontier "$F/log"
    expect 3 tr-frontier "$F/policy.trp"
    expect 4 bash -c "tr-frontier -q --alphas .6 '$F/gated.trm' > /dev/full"
    expect 4 bash -c "tr-frontier -q --alphas .6 --svg '$F/gated.trm' > /dev/full"
    head -c 5000 "$F/gated.trm" > "$T/cut"
    expect 3 tr-frontier "$T/cut"
}

@test "a guarantee over all traffic, one family, labels withheld" {
    expect 0 tr-frontier -q --alphas .8,.9 --guarantee overall "$F/gated.trm"
    jq -se 'all(.guarantee == "overall" and .certified)' <<< "$output"
    expect 0 tr-frontier -q --alphas .5,.9 --family global "$F/gated.trm"
    jq -se '.[0].family == "global" and all(.out_of_fold_no_promise | has("l2d") | not)' <<< "$output"
    label=$(head -1 "$F/log" | jq -r .teacher)
    all=$(tr-frontier -q --alphas .6 "$F/gated.trm" | jq .accepted)
    less=$(tr-frontier -q --alphas .6 --defer-label "$label" "$F/gated.trm" | jq .accepted)
    [ "$less" -lt "$all" ]
}
