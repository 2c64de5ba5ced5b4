#!/usr/bin/env bats
# tr-audit: every figure against jq over the same decisions; shards, baselines, verdicts, bad input.

load helper
setup_file() {
    fixtures
    A=$BATS_FILE_TMPDIR
    # decisions on traces that the policy was not fitted on, with a ground truth that now and then is
    # another than the teacher's label, and a channel
    tail -n +601 "$ROOT/samples/support.jsonl" | tr-route "$F/policy.trp" |
        jq -c '. as $d | input_line_number as $n | $d + {channel: ["web", "mail", "app"][$n % 3]} +
            if $n % 10 == 0 then {} elif $n % 10 < 3 then {ground_truth: "praise"}
            else {ground_truth: .teacher} end' > "$A/log"
    # of what is handled, a quarter is shadowed at first and half of it later
    jq -c 'input_line_number as $n | (if $n < 700 then .25 else .5 end) as $s |
        if .decision == "deferred" then .shadow_share = $s
        elif $n % 20 < 20 * $s then . + {shadow: true, propensity: $s, shadow_share: $s}
        else del(.teacher) + {propensity: $s, shadow_share: $s} end' "$A/log" > "$A/shadowed"
}
setup() {
    common
    A=$BATS_FILE_TMPDIR
}

# same LOG REPORT FIGURE FORMULA: a figure of the JSON report is what the formula says of the lines.
same() {
    jq -ne --slurpfile rows "$1" --slurpfile report "$2" '
        def n(f): map(select(f)) | length;
        def handled: map(select(.decision == "handled"));
        def deferred: map(select(.decision == "deferred"));
        def agree: .label == .teacher;
        # the sum of 1/p of those that f is true of
        def w(f): map(select(f) | 1 / .propensity) | add // 0;
        def macro: . as $r | map(.truth) | unique | map(. as $l | 2 * ($r | n(.truth == $l and .said == $l)) /
            ($r | n(.truth == $l) + n(.said == $l))) | add / length;
        ($report[0] | '"$3"') as $a | ($rows | '"$4"') as $b |
        if ($a | type) == "number" and ($b | type) == "number" then ($a - $b | fabs) < 1e-9 else $a == $b end |
        if . then . else "\($a) is not \($b)\n" | halt_error(1) end' > /dev/null || { echo "$3"; false; }
}

# one_screen: standard input fits on a screen, and has no control characters.
one_screen() {
    sed 's/[\x80-\xbf]//g' | awk 'length > 80 || /[\001-\010\013-\037\177]/ { bad = 1 }
        END { exit bad || NR > 45 || NR < 5 }'
}

@test "headline figures" {
    expect 0 tr-audit --json --policy "$F/policy.trp" -o "$T/r" "$A/log"
    [ -z "$output$stderr" ]
    same "$A/log" "$T/r" .rows length
    same "$A/log" "$T/r" .handled 'n(.decision == "handled")'
    same "$A/log" "$T/r" .deferred.total 'n(.decision == "deferred")'
    same "$A/log" "$T/r" .coverage.value '(handled | length) / length'
    same "$A/log" "$T/r" .agreement.value 'handled | n(agree) / length'
    same "$A/log" "$T/r" .agreement.rows 'handled | length'
    same "$A/log" "$T/r" .overall.value 'n(.decision == "deferred" or agree) / length'
    same "$A/log" "$T/r" '[.verdict.rows, .verdict.agreed]' 'handled | [length, n(agree)]'
    same "$A/log" "$T/r" '.stages[0].agreement.value' 'handled | map(select(.stage == 1)) | n(agree) / length'
    jq -e '.promise.alpha == .8 and .promise.delta == .05 and .promise.guarantee == "handled" and
        (.agreement | .low < .value and .value < .high and .method == "Clopper-Pearson")' "$T/r"
    [ "$(jq -c .certified_coverage "$T/r")" = "$(tr-show "$F/policy.trp" | jq -c .certificate.coverage)" ]
    [ "$(jq -c .promise.policy.threshold "$T/r")" = "$(tr-show "$F/policy.trp" | jq -c '.stages[0].threshold // .rule.threshold // .threshold')" ]
}

@test "accuracy of the surrogate, the teacher and the mix" {
    tr-audit --json "$A/log" > "$T/r"
    true_ones='map(select(has("ground_truth")))'
    right() { same "$A/log" "$T/r" ".accuracy.$1.accuracy.value" "$true_ones | $2 | n(.ground_truth == $3) / length"; }
    right surrogate handled .label
    right teacher_on_handled handled .teacher
    right teacher . .teacher
    right mix . '(.label // .teacher)'
    f1() { same "$A/log" "$T/r" ".accuracy.$1.macro_f1" "$true_ones | $2 | map({truth: .ground_truth, said: $3}) | macro"; }
    f1 surrogate handled .label
    f1 teacher_on_handled handled .teacher
    f1 teacher . .teacher
    f1 mix . '(.label // .teacher)'
    same "$A/log" "$T/r" .accuracy.teacher.accuracy.rows "$true_ones | length"
    # without it there is none
    jq -c 'del(.ground_truth)' "$A/log" | tr-audit --json | jq -e '.accuracy == null'
    jq -c 'del(.ground_truth)' "$A/log" | tr-audit > "$T/text"
    run ! grep -q Accuracy "$T/text"
}

@test "labels, slices and pairs" {
    tr-audit --json --by channel "$A/log" > "$T/r"
    label=$(jq -r '.labels[0].label' "$T/r")
    [ "$(jq '.labels | map(select(.label != null)) | length' "$T/r")" -ge 10 ]
    of() { same "$A/log" "$T/r" ".labels[0].$1" "\"$label\" as \$l | $2"; }
    of rows 'n(.teacher == $l)'
    of share.value 'n(.teacher == $l) / length'
    of coverage.value 'map(select(.teacher == $l)) | (handled | length) / length'
    of agreement.value 'handled | map(select(.teacher == $l)) | n(agree) / length'
    of wrong 'n(.teacher == $l and .decision == "handled" and .label != $l) / length'
    of answered 'n(.label == $l)'
    of confirmed.value 'map(select(.label == $l)) | n(agree) / length'
    # most wrong answers first, small ones pooled at the end
    jq -e '[.labels[] | select(.label != null).wrong] | . == (sort | reverse)' "$T/r"
    jq -e '.labels as $l | all($l[:-1][]; .pooled == 0 and .rows >= 10)' "$T/r"
    same "$A/log" "$T/r" '[.labels[].rows] | add' length
    same "$A/log" "$T/r" '[.labels[].wrong] | add' 'n(.decision == "handled" and (agree | not)) / length'
    # slices
    [ "$(jq -c '[.slices.key, (.slices.groups | map(.name) | sort)]' "$T/r")" = '["channel",["app","mail","web"]]' ]
    slice() { same "$A/log" "$T/r" ".slices.groups[] | select(.name == \"mail\").$1" "length as \$all | map(select(.channel == \"mail\")) | $2"; }
    slice rows length
    slice share.value 'length / $all'
    slice coverage.value '(handled | length) / length'
    slice agreement.value 'handled | n(agree) / length'
    # pairs
    pair=$(jq -c '.pairs[0] | [.surrogate, .teacher]' "$T/r")
    same "$A/log" "$T/r" '.pairs[0].rows' "$pair as \$p | handled | n([.label, .teacher] == \$p)"
    same "$A/log" "$T/r" '.pairs[0].share' "$pair as \$p | handled | n([.label, .teacher] == \$p) / n(agree | not)"
    same "$A/log" "$T/r" '.pairs[0].rows' \
        'handled | map(select(agree | not) | [.label, .teacher]) | group_by(.) | map(length) | max'
    same "$A/log" "$T/r" .pairs_in_all 'handled | map(select(agree | not) | [.label, .teacher]) | unique | length'
    # its texts are such ones
    same "$A/log" "$T/r" '.pairs[0].examples | map(.text) | sort' "$pair as \$p | (\$report[0].pairs[0].examples | map(.text)) as \$shown |
        handled | map(select([.label, .teacher] == \$p).input) | map(select(. as \$t | \$shown | index(\$t))) | unique"
    # by length: three parts
    tr-audit --json "$A/log" > "$T/r"
    jq -e '.slices.key == null and (.slices.groups | length == 3 and all(.rows > 100))' "$T/r"
    same "$A/log" "$T/r" '[.slices.groups[].rows] | add' length
}

@test "reliability, the curve, words, examples" {
    tr-audit --json "$A/log" > "$T/r"
    same "$A/log" "$T/r" '[.reliability[].observed.rows] | add' 'handled | length'
    same "$A/log" "$T/r" '.reliability[-1] | .observed.rows > 50 and .predicted > .8 and .low < .predicted' true
    # at the operating point all that is handled is
    same "$A/log" "$T/r" .operating.coverage '(handled | length) / length'
    same "$A/log" "$T/r" .operating.agreement.value 'handled | n(agree) / length'
    jq -e '[.curve[].coverage] | . == sort and length >= 10' "$T/r"
    jq -e '[.curve[].threshold] | . == (sort | reverse)' "$T/r"
    # at a point of the curve: what has such a score
    same "$A/log" "$T/r" '.curve[5].coverage' '$report[0].curve[5].threshold as $t | n(.decision == "handled" and .accept_score >= $t) / length'
    jq -e '.words | (.handled | all(.z > 0)) and (.deferred | length > 0 and all(.z < 0))' "$T/r"
    jq -e '[.labels[].examples // empty | (.handled, .deferred) | length] | max == 3' "$T/r"
    label=$(jq -r '.labels[0].label' "$T/r")
    same "$A/log" "$T/r" '[.labels[0].examples.handled[].text] | length' 3
    same "$A/log" "$T/r" true "[handled[] | select(.teacher == \"$label\").input] as \$texts |
        \$report[0].labels[0].examples.handled | all(.text as \$t | any(\$texts[]; startswith(\$t)))"
}

@test "shadowed rows weigh 1/propensity" {
    tr-audit --json --by channel --alpha .5 "$A/shadowed" > "$T/r"
    known='map(select(has("teacher")))'
    same "$A/shadowed" "$T/r" .coverage.value '(handled | length) / length'
    same "$A/shadowed" "$T/r" .agreement.value "handled | $known | w(agree) / w(true)"
    same "$A/shadowed" "$T/r" .agreement.rows "handled | $known | length"
    same "$A/shadowed" "$T/r" .agreement.effective \
        "handled | $known | (w(true) | . * .) / (map(1 / (.propensity * .propensity)) | add)"
    jq -e '.agreement.method | startswith("Wilson")' "$T/r"
    same "$A/shadowed" "$T/r" .unknown.handled 'handled | n(has("teacher") | not)'
    same "$A/shadowed" "$T/r" .unknown.shadowed 'n(.shadow)'
    same "$A/shadowed" "$T/r" .unknown.least_propensity .25
    label=$(jq -r '.labels[0].label' "$T/r")
    of() { same "$A/shadowed" "$T/r" ".labels[0].$1" "\"$label\" as \$l | $known | $2"; }
    of agreement.value 'handled | map(select(.teacher == $l)) | w(agree) / w(true)'
    # how much is handled is known of all rows: what is known of either side stands for that side
    sides='($rows | n(.decision == "handled") / length) as $c | (handled | $c * w(.teacher == $l) / w(true)) as $h |
        (deferred | (1 - $c) * w(.teacher == $l) / w(true)) as $d'
    of share.value "$sides | \$h + \$d"
    of coverage.value "$sides | \$h / (\$h + \$d)"
    of wrong "$sides | handled | \$c * w(.teacher == \$l and (agree | not)) / w(true)"
    same "$A/shadowed" "$T/r" '.slices.groups[] | select(.name == "app").agreement.value' \
        "handled | map(select(.channel == \"app\")) | $known | w(agree) / w(true)"
    same "$A/shadowed" "$T/r" .accuracy.surrogate.accuracy.value \
        "handled | $known | map(select(has(\"ground_truth\"))) | w(.label == .ground_truth) / w(true)"
    # the exact test is on rows that were as likely as each other to be known
    jq -e '.verdict | .thinned and .propensity >= .2 and .propensity <= .25 and .agreed <= .rows' "$T/r"
    same "$A/shadowed" "$T/r" '.verdict.rows < ($report[0].agreement.rows)' true
    expect 0 tr-audit --alpha .5 "$A/shadowed"
    [[ $output == *"from the "*" whose teacher label is known"*"Tested on "*" rows drawn"* ]]
    [[ $output == *" answers without a teacher label"* && $output == *"weighed by 1/propensity"* ]]
}

@test "a label known at propensity 0 is left out, and counted" {
    printf '%s\n' '{"decision":"handled","label":"a","teacher":"b","propensity":0,"shadow_share":0}' \
        '{"decision":"handled","label":"a","propensity":0,"shadow_share":0}' \
        '{"decision":"handled","label":"a","teacher":"a","propensity":1,"shadow_share":0}' > "$T/log"
    tr-audit --json "$T/log" | jq -e '[.agreement.rows, .unknown.unweighable, .unknown.unknowable, .pairs_in_all] == [1, 1, 1, 0]'
    [[ $(tr-audit "$T/log") == *"Not known   1 answer never to be labelled"*"1 label left out"* ]]
    # labels pasted in later, and nothing else: they say nothing until somebody answers for them
    jq -c 'if .decision == "handled" then . + {propensity: 0, shadow_share: 0} else . + {shadow_share: 0} end' "$A/log" > "$T/log"
    expect 0 tr-audit --policy "$F/policy.trp" "$T/log"
    [[ ${lines[0]} == "Untested: $(grep -c handled "$T/log" | sed 's/...$/,&/;s/^,//') teacher labels are known, but by their propensity of 0"* ]]
    [[ $output != *"Worst labels"* && $output != *Accuracy* && $output == *"jq -c"*"del(.propensity,.shadow_share)"* ]]
    tr-audit --json --policy "$F/policy.trp" "$T/log" | jq -e '.verdict.verdict == "untested"'
    jq -c 'del(.propensity,.shadow_share)' "$T/log" > "$T/all"
    tr-audit --json --policy "$F/policy.trp" "$T/all" | jq -e '.verdict.verdict != "untested" and .unknown.unweighable == 0'
}

@test "a log that another policy decided: said right below the verdict" {
    jq -c 'if .decision == "handled" and input_line_number % 3 == 0 then .accept_score = .05 else . end' "$A/log" > "$T/log"
    low=$(jq -s 'map(select(.decision == "handled" and .accept_score == .05)) | length' "$T/log")
    tr-audit --policy "$F/policy.trp" "$T/log" > "$T/text" || [ $? -eq 1 ]
    grep -q "^Beware: $low answers score below this policy's threshold" "$T/text"
    tr-audit --json --policy "$F/policy.trp" -o "$T/r" "$T/log" || [ $? -eq 1 ]
    jq -e --argjson n "$low" '.unknown.below_threshold == $n' "$T/r"
    tr-audit --merge "$T/r" "$T/r" > "$T/text" || [ $? -eq 1 ]
    grep -q "^Beware: $((2 * low)) answers score below" "$T/text"
    run ! grep Beware <(tr-audit --policy "$F/policy.trp" "$A/log")
    run ! grep Beware <(tr-audit --alpha .5 "$T/log")
}

@test "a key that no row has" {
    expect 0 tr-audit --by nope --input-key nothing "$A/log"
    [[ $output == *"no row has the key nope (--by); no row has a text"* && $output != *"By nope"* ]]
    one_screen <<< "$output"
}

@test "16 shards give the report of the whole, byte for byte" {
    for by in '' '--by channel'; do
        rm -f "$T"/shard.*
        split -n r/16 "$A/shadowed" "$T/shard."
        for s in "$T"/shard.??; do tr-audit --json --policy "$F/policy.trp" $by -o "$s.json" "$s"; done
        [ "$(ls "$T"/shard.??.json | wc -l)" -eq 16 ]
        tr-audit --json --policy "$F/policy.trp" $by "$A/shadowed" > "$T/whole"
        tr-audit --json --merge "$T"/shard.??.json | cmp - "$T/whole"
        # in another order, and by two steps
        tr-audit --json --merge $(ls -r "$T"/shard.??.json) | cmp - "$T/whole"
        tr-audit --json --merge "$T"/shard.a[a-g].json > "$T/left"
        tr-audit --json --merge "$T"/shard.a[h-p].json | tr-audit --json --merge "$T/left" - | cmp - "$T/whole"
        # one report in the other forms
        for form in --html '--svg flow' '--svg curve' ''; do
            tr-audit $form --policy "$F/policy.trp" $by "$A/shadowed" > "$T/direct"
            tr-audit $form --merge "$T"/shard.??.json | cmp - "$T/direct"
            tr-audit $form --merge < "$T/whole" | cmp - "$T/direct"
        done
    done
    # several logs are one
    tr-audit --json --policy "$F/policy.trp" --by channel "$T"/shard.?? | cmp - "$T/whole"
    # what does not belong together
    tr-audit --json --alpha .8 --by channel "$T/shard.aa" > "$T/other"
    expect 3 tr-audit --merge "$T/whole" "$T/other"
    [ "$stderr" = "tr-audit: $T/other: its promise was given by --alpha, the reports before it had a policy's" ]
    tr-audit --json --alpha .7 --by channel "$T/shard.aa" > "$T/third"
    expect 3 tr-audit --merge "$T/third" "$T/other"
    [ "$stderr" = "tr-audit: $T/other: it is held against alpha 0.8, the reports before it against 0.7" ]
    tr-audit --json --policy "$F/policy.trp" "$T/shard.aa" > "$T/other"
    expect 3 tr-audit --merge "$T/whole" "$T/other"
    [ "$stderr" = "tr-audit: $T/other: its slices are by length, those of the reports before it by channel" ]
}

@test "labels that were shuffled contradict the promise: said first, exit 1" {
    jq -c --slurpfile all "$A/log" '.teacher = $all[(input_line_number * 7919) % 1400].teacher' "$A/log" > "$T/log"
    expect 1 tr-audit --policy "$F/policy.trp" "$T/log"
    [[ ${lines[0]} == CONTRADICTED:* ]]
    [ "$stderr" = "tr-audit: $(jq -rs 'map(select(.decision == "handled")) |
        "the data contradict the promise: \(map(select(.label == .teacher)) | length) of \(length) agree, 80% was promised"' "$T/log")" ]
    [[ $output == *"80 % was promised"* && $output == *"Next        fit a new policy"* ]]
    # what to withhold are the answers that are wrong most often, not the labels they should have had
    worst=$(jq -rs 'map(select(.decision == "handled" and .label != .teacher)) | group_by(.label) | max_by(length)[0].label' "$T/log")
    [[ $(tr '\n' ' ' <<< "$output" | tr -s ' ') == *"tr-calibrate --defer-label can withhold $worst, "* ]]
    one_screen <<< "$output"
    # the report is whole in every form
    expect 1 tr-audit --json --policy "$F/policy.trp" -o "$T/r" "$T/log"
    jq -e '.verdict.verdict == "contradicted" and .verdict.chance < 1e-9' "$T/r"
    expect 1 tr-audit --html --merge -o "$T/page" "$T/r"
    grep -q '</html>' "$T/page"
    expect 1 tr-audit -q --alpha .8 "$T/log"
    [[ $stderr == *contradict* ]]
    # without a promise there is nothing to contradict
    expect 0 tr-audit "$T/log"
    [[ ${lines[0]} == "No promise to hold it against: "* ]]
}

@test "the verdicts lie where the binomial says" {
    # k of 20 agree; alpha .9, delta .05: P(Bin(20, .9) <= 15) = .043, <= 16: .133, >= 20: .122
    log() { for i in $(seq 20); do echo '{"decision":"handled","label":"a","teacher":"'"$([ "$i" -le "$1" ] && echo a || echo b)"'"}'; done; }
    verdict() { log "$1" | tr-audit --json --alpha "${@:2}" | jq -r .verdict.verdict; }
    expect 1 bash -c "$(declare -f log); log 15 | tr-audit --json --alpha .9"
    [ "$(jq -r '[.verdict.verdict, (.verdict.chance * 10000 | round)] | @text' <<< "$output")" = '["contradicted",432]' ]
    [ "$(verdict 16 .9)" = open ]
    [ "$(verdict 17 .9)" = open ]
    [ "$(verdict 18 .9)" = kept ]
    [ "$(verdict 20 .9)" = kept ]
    [ "$(verdict 20 .9 --delta .13)" = proven ]
    [ "$(verdict 20 .8)" = proven ]
    # 20 rows that all agree cannot prove .9 anew, nor do they show that it is kept
    [[ $(log 20 | tr-audit --alpha .9) == "Not proven false: 100.0 % of 20 answers"*"too few rows to say more."* ]]
    [[ $(log 20 | head -1 | tr-audit --alpha .9) == "Not proven false: 100.0 % of 1 answer agrees "* ]]
    log 20 | tr-audit --json --alpha .9 | jq -e .verdict.few
    expect 1 bash -c "$(declare -f log); log 16 | tr-audit --alpha .9 --delta .14"
    [[ $output == CONTRADICTED* ]]
}

@test "no teacher; a refused policy; nothing handled" {
    jq -c 'del(.teacher)' "$A/log" > "$T/log"
    expect 0 tr-audit --policy "$F/policy.trp" "$T/log"
    [[ ${lines[0]} == "Untested: no teacher label is known"* ]]
    [[ $output == *" answers without a teacher label"* && $output != *NaN* && $output != *nan* ]]
    one_screen <<< "$output"
    expect 0 tr-audit --json "$T/log"
    jq -e '.verdict.verdict == "none" and .agreement.value == null and (.labels | all(.pooled > 0)) and .pairs == [] and .coverage.value > 0' <<< "$output"
    for form in --html '--svg flow' '--svg curve'; do
        expect 0 tr-audit $form "$T/log"
        [[ $output != *NaN* && $output != *nan* ]]
    done
    head -200 "$A/log" | jq -c 'del(.decision, .label, .stage, .propensity, .shadow_share, .accept_score)' |
        tr-route -q "$F/refused.trp" > "$T/log"
    expect 0 tr-audit --policy "$F/refused.trp" "$T/log"
    [[ ${lines[0]} == "No promise, the policy was refused and defers everything." ]]
    [[ $output == *"200 in all: 0 handled (0.0 %"* ]]
    tr-audit --json --policy "$F/refused.trp" "$T/log" |
        jq -e '.coverage.value == 0 and .deferred.total == 200 and .promise.policy.deployed == false and .agreement.value == null'
    # requests that could not be read
    printf '%s\n' x '{"input":"red"}' | tr-route -q "$F/tiny.trp" 2> /dev/null > "$T/log" || true
    tr-audit --json "$T/log" | jq -e '.rows == 2 and .errors == 1 and .deferred.error == 1'
    [[ $(tr-audit "$T/log") == *"1 unreadable"* ]]
}

@test "a baseline: a label that broke is found; between two halves nothing is" {
    awk 'NR % 2' "$A/log" > "$T/odd"
    awk 'NR % 2 == 0' "$A/log" > "$T/even"
    tr-audit --json "$T/odd" > "$T/before"
    tr-audit --json --baseline "$T/before" "$T/even" > "$T/r"
    jq -e '.baseline | .comparisons > 20 and .moved == 0 and (.moves | all(.moved | not))' "$T/r"
    [[ $(tr-audit --baseline "$T/before" "$T/even") == *"nothing moved beyond chance"* ]]
    label=$(jq -r '.labels | map(select(.label != null and .agreement.value > .8)) | max_by(.agreement.rows).label' "$T/before")
    jq -c --arg l "$label" 'if .label == $l and .teacher == $l then .label = "elsewhere" else . end' "$T/even" > "$T/broken"
    tr-audit --json --baseline "$T/before" "$T/broken" > "$T/r"
    jq -e --arg l "$label" '.baseline | .moved >= 1 and (.moves | map(select(.moved and .label != null)) |
        length == 1 and .[0].label == $l and .[0].what == "agreement" and .[0].after.value < .1 and .[0].chance < .001)' "$T/r"
    [[ $(tr-audit --baseline "$T/before" "$T/broken") == *"agreement of $label: "* ]]
    # labels that are new, and such as are gone
    jq -c --arg l "$label" 'if .teacher == $l then .teacher = "a new one" else . end' "$T/even" > "$T/new"
    tr-audit --json --baseline "$T/before" "$T/new" | jq -e --arg l "$label" '.baseline.moves |
        map(select(.moved and .what == "share") | .label) | sort == (["a new one", $l] | sort)'
    # of another promise
    [[ $(tr-audit --alpha .7 --baseline <(tr-audit --json --alpha .5 "$T/odd") "$T/even") == \
        *"Baseline    Beware: it is of another promise, held against 50 %; this log is"*"against 70 %"* ]]
    # of a merged report too
    tr-audit --json "$T/broken" | tr-audit --json --merge --baseline "$T/before" | cmp - "$T/r"
    expect 3 tr-audit --baseline "$A/log" "$T/even"
}

@test "money" {
    tr-audit --json --calls-per-day 10000 --price-per-call .01 --price-per-error .02 "$A/log" > "$T/r"
    same "$A/log" "$T/r" .money.calls_saved '(handled | length) / length * 10000'
    same "$A/log" "$T/r" .money.saved '(handled | length) / length * 100'
    same "$A/log" "$T/r" .money.errors 'n(.decision == "handled" and (agree | not)) / length * 10000'
    same "$A/log" "$T/r" .money.net '(handled | length) / length * 100 - n(.decision == "handled" and (agree | not)) / length * 200'
    jq -e '.money.best.net >= .money.net - 1e-9' "$T/r"
    jq -e '.money.best | .alpha == ([(.agreement.value * 100 + 1e-9 | floor) / 100, .99] | min)' "$T/r"
    # what errors cost is a stricter threshold worth, and said so
    tr-audit --alpha .5 --calls-per-day 10000 --price-per-call .01 --price-per-error .1 "$A/log" > "$T/text"
    grep -q 'Next        by the prices a stricter threshold is cheaper: fit with --alpha \.[5-9]' "$T/text"
    # without the price of a call there is no net
    tr-audit --json --calls-per-day 10000 --price-per-error .1 "$A/log" | jq -e '.money | .net == null and .errors_cost > 0'
    run ! grep -E 'net|nan' <(tr-audit --calls-per-day 10000 --price-per-error .1 "$A/log")
    tr-audit --json --calls-per-day 10000 "$A/log" | jq -e '.money | .calls_saved > 0 and .saved == null and .net == null and .best == null'
    tr-audit --json "$A/log" | jq -e '.money == null'
    # wrong answers that cost more than all calls: answering nothing is cheapest
    expect 0 tr-audit --calls-per-day 10 --price-per-call .01 --price-per-error 1e6 "$A/log"
    [[ $output == *"net -"* ]]
}

@test "hostile texts and labels are shown as text" {
    nasty='<script>\u001b[2J\u202e\u2066 alert(1)</script> \"&\u0027 \ud83d\ude42 \u0000 \u009b \u0301\u0301'
    {
        for i in $(seq 30); do
            printf '{"input":"%s %s","decision":"handled","label":"%s","teacher":"%s","accept_score":0.9,"stage":1,"channel":"%s"}\n' \
                "$nasty" "$i" "$nasty" "</td>$nasty" "$nasty"
        done
        printf '{"input":"'; head -c 100000 /dev/zero | tr '\0' x; printf '","decision":"deferred","label":null,"teacher":"'
        head -c 5000 /dev/zero | tr '\0' y; echo '"}'
        printf '{"input":"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e","decision":"deferred","label":null,"teacher":""}\n'
    } > "$T/log"
    expect 0 tr-audit --by channel "$T/log"
    one_screen <<< "$output"
    [[ $output != *$'\xe2\x80\xae'* && $output == *'<script>'* && $output == *$'\xef\xbf\xbd'* ]]
    tr-audit --json --by channel "$T/log" > "$T/r"
    jq -e '.rows == 32 and (.pairs[0].examples[0].text | startswith("<script>")) and
        ([.labels[].examples // empty | .. | .text? // empty | utf8bytelength] | max <= 240)' "$T/r"
    [ "$(stat -c %s "$T/r")" -lt 300000 ]
    tr-audit --json --merge "$T/r" | cmp - "$T/r"
    tr-audit --html --by channel "$T/log" > "$T/page"
    run ! grep -q '<script' "$T/page"
    run ! grep -qP '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]' "$T/page"
}

@test "one screen, whatever the log" {
    for log in "$A/log" "$A/shadowed"; do
        tr-audit "$log" | one_screen
        tr-audit --policy "$F/policy.trp" --by channel --calls-per-day 1e9 --price-per-call 1 --price-per-error 1 \
            --baseline <(tr-audit --json "$A/log") "$log" | one_screen
    done
    jq -c '.by = "a value of its own, \(input_line_number)"' "$A/log" | tr-audit --by by | one_screen
    head -1 "$A/log" | tr-audit | one_screen
}

@test "bad lines: file, line and reason; no line" {
    for bad in x '' '[]' '{}' '{"decision":"maybe"}' '{"decision":"handled"}' '{"decision":"handled","label":null}' \
        '{"decision":"handled","label":"a","propensity":2,"shadow_share":0}' '{"decision":"deferred","teacher":[]}' \
        '{"decision":"handled","label":"a","accept_score":7}' "$(head -1 "$F/log")" '{"decision":"deferred"} x'; do
        { head -2 "$A/log"; echo "$bad"; tail -1 "$A/log"; } > "$T/log"
        expect 3 tr-audit -o "$T/none" "$A/log" "$T/log"
        [[ $stderr == "tr-audit: $T/log:3: "?* ]]
        [ ! -e "$T/none" ]
        expect 3 bash -c "tr-audit < '$T/log'"
        [[ $stderr == "tr-audit: stdin:3: "?* && -z $output ]]
    done
    expect 3 tr-audit /dev/null
    [[ $stderr == "tr-audit: /dev/null: no decisions" ]]
    expect 4 tr-audit "$T/nothing-there"
    expect 4 tr-audit --policy "$T/nothing-there" "$A/log"
    expect 3 tr-audit --policy "$F/model.trm" "$A/log"
    # reports that are none, or damaged
    tr-audit --json "$A/log" > "$T/r"
    for bad in x '{}' '[]' '{"counts":7}' '{"counts":""}' '{"counts":"AAAA"}'; do
        expect 3 tr-audit --merge <(echo "$bad")
        expect 3 tr-audit --baseline <(echo "$bad") "$A/log"
    done
    head -c -200 "$T/r" > "$T/cut"
    expect 3 tr-audit --merge "$T/cut"
    [[ $stderr == "tr-audit: $T/cut: "* ]]
    jq '.counts |= .[:4000] + (if .[4000:4004] == "AAAA" then "BBBB" else "AAAA" end) + .[4004:]' "$T/r" > "$T/flipped"
    expect 3 tr-audit --merge "$T/r" "$T/flipped"
}

@test "the key of the text: named, or the one that the policy was fitted with" {
    sed 's/"input"/"frage"/' "$F/tiny.log" > "$T/log"
    tr-split -q --input-key frage "$T/log" | tr-train -q --zoo svm | tr-gate -q | tr-calibrate -q --alpha .8 -o "$T/p"
    tr-route "$T/p" "$T/log" > "$T/decisions"
    texts() { tr-audit --json "$@" "$T/decisions" | jq '[.labels[].examples // empty | .[][].text] | length'; }
    [ "$(texts)" -eq 0 ]
    [ "$(texts --input-key frage)" -gt 2 ]
    [ "$(texts --policy "$T/p")" -gt 2 ]
    [ "$(texts --policy "$T/p" --input-key input)" -eq 0 ]
}

@test "a terminal on standard input: says what it waits for" {
    command -v script > /dev/null || skip "script(1) is not installed"
    run timeout 20 script -qec "timeout 1 tr-audit; timeout 1 tr-audit -q" /dev/null
    [ "$(grep -c 'tr-audit: waiting for decisions of tr-route on the terminal' <<< "$output")" -eq 1 ]
}

@test "wrong usage" {
    expect 2 tr-audit --policy "$F/policy.trp" --alpha .9 "$A/log"
    expect 2 tr-audit --delta .1 "$A/log"
    expect 2 tr-audit --policy "$F/policy.trp" --delta .1 "$A/log"
    expect 2 tr-audit --alpha 1 "$A/log"
    expect 2 tr-audit --json --html "$A/log"
    expect 2 tr-audit --html --svg flow "$A/log"
    expect 2 tr-audit --svg nothing "$A/log"
    expect 2 tr-audit --price-per-call 1 "$A/log"
    expect 2 tr-audit --price-per-error 1 "$A/log"
    expect 2 tr-audit --monitor "$T/state" "$A/log"
    for o in '--alpha .9' "--policy $F/policy.trp" '--by channel' '--input-key text' "--alpha .9 --monitor $T/state"; do
        expect 2 tr-audit --merge $o "$A/log"
        [ ! -e "$T/state" ]
    done
    expect 2 tr-audit --by "$(head -c 300 /dev/zero | tr '\0' k)" "$A/log"
}

@test "a full disk: exit 4" {
    for form in '' --json --html '--svg flow'; do
        expect 4 bash -c "tr-audit $form '$A/log' > /dev/full"
    done
    expect 4 tr-audit -o "$T/no/such" "$A/log"
}

@test "the monitor: carried on from log to log, alarms, and says so" {
    jq -c 'if .decision == "handled" then . + {shadow: true, propensity: 1, shadow_share: 1} else . end' "$A/log" > "$T/log"
    head -700 "$T/log" > "$T/one"
    tail -n +701 "$T/log" > "$T/two"
    tr-audit -q --policy "$F/policy.trp" --monitor "$T/whole" "$T/log" > /dev/null
    tr-audit -q --policy "$F/policy.trp" --monitor "$T/state" "$T/one" > /dev/null
    expect 0 tr-audit --policy "$F/policy.trp" --monitor "$T/state" "$T/two"
    cmp "$T/state" "$T/whole"
    [[ $stderr == "monitor: "*" labels, evidence "*" of 20" ]]
    same "$T/log" "$T/state" '[.["tr-monitor"] | .labels, .agreed]' 'map(select(.shadow)) | [length, n(agree)]'
    # rows that are not shadowed say nothing
    tr-audit -q --policy "$F/policy.trp" --monitor "$T/none" "$A/log" > /dev/null
    jq -e '.["tr-monitor"].labels == 0' "$T/none"
    # what no report came of was not taken in
    cp "$T/state" "$T/kept"
    expect 4 bash -c "tr-audit --policy '$F/policy.trp' --monitor '$T/state' '$T/two' > /dev/full"
    expect 3 bash -c "{ cat '$T/two'; echo x; } | tr-audit --policy '$F/policy.trp' --monitor '$T/state'"
    cmp "$T/state" "$T/kept"
    expect 3 tr-audit --alpha .7 --monitor "$T/state" "$T/two"
    [[ $stderr == "tr-audit: $T/state: "* ]]
    # a few weeks of another teacher: not enough against all that was well, but for the monitor
    jq -c 'select(.shadow) | if input_line_number % 3 == 0 then .teacher = "another" else . end' "$T/log" > "$T/bad"
    for i in 1 2 3 4; do
        tr-audit -q --policy "$F/policy.trp" --monitor "$T/state" "$T/bad" > "$T/text" 2> "$T/said" && continue
        break
    done
    grep -qE 'contradict|monitor alarms' "$T/said"
    expect 1 tr-audit -q --policy "$F/policy.trp" --monitor "$T/state" "$T/one"
    [[ $stderr == "tr-audit: the monitor alarms, since label "* ]]
    [[ $output == "Promise kept"* ]]
}

@test "banking77 and Qwen: the pairs that they disagree on have names" {
    sanitized && skip 'takes long'
    data=$ROOT/../shared/data/banking77-qwen3-30b
    [ -e "$data.test.jsonl" ] || skip 'the log is not there'
    cat "$data.train.jsonl" "$data.val.jsonl" | fit --alpha .9 > "$T/p"
    tr-route "$T/p" "$data.test.jsonl" > "$T/log"
    expect 0 tr-audit --policy "$T/p" "$T/log"
    one_screen <<< "$output"
    tr-audit --policy "$T/p" --json "$T/log" > "$T/r"
    same "$T/log" "$T/r" .rows length
    same "$T/log" "$T/r" .coverage.value '(handled | length) / length'
    same "$T/log" "$T/r" .agreement.value 'handled | n(agree) / length'
    same "$T/log" "$T/r" .accuracy.surrogate.accuracy.value 'handled | n(.label == .ground_truth) / length'
    same "$T/log" "$T/r" .accuracy.teacher.accuracy.value 'n(.teacher == .ground_truth) / length'
    same "$T/log" "$T/r" .accuracy.mix.accuracy.value 'n((.label // .teacher) == .ground_truth) / length'
    for i in 0 1 2; do
        pair=$(jq -c ".pairs[$i] | [.surrogate, .teacher]" "$T/r")
        same "$T/log" "$T/r" ".pairs[$i].rows" "$pair as \$p | handled | n([.label, .teacher] == \$p)"
        [[ $output == *"$(jq -r '.[0][:15]' <<< "$pair")"* ]]
    done
    jq -e '.pairs[0].rows >= 5 and .verdict.verdict != "contradicted" and (.pairs | length) > 20' "$T/r"
}

@test "--verdict: the states of shards together" {
    for shard in 1 2 3; do
        sed -n "$((shard * 40)),$((shard * 40 + 200))p" "$A/shadowed" > "$T/log"
        tr-audit -q --policy "$F/policy.trp" --monitor "$T/$shard" "$T/log" > /dev/null
    done
    expect 0 tr-audit --verdict "$T/1" "$T/2" "$T/3"
    [[ $output == "no alarm: evidence "*" of 20, from "*" labels of 3 shards; "*" agree" ]]
    expect 0 tr-audit --verdict --json "$T/1" "$T/2" "$T/3"
    jq -se '.[0] as $v | .[1:] | map(."tr-monitor") |
        ($v.evidence - (map(.evidence) | add / 3) | fabs) < 1e-9 and ($v | del(.evidence)) ==
            {alarm: false, bar: 20, shards: 3, alarmed: 0, labels: (map(.labels) | add),
             agreed: (map(.agreed) | add)}' \
        <(printf '%s\n' "$output") "$T/1" "$T/2" "$T/3"
    sed -i 's/"alpha": 0.8/"alpha": 0.7/' "$T/2"
    expect 3 tr-audit --verdict "$T/1" "$T/2"
    expect 3 tr-audit --verdict "$T/1" "$T/absent"
    [[ $stderr == *"$T/absent: there is no such file" ]]
    expect 2 tr-audit --verdict
    expect 2 tr-audit --verdict --html "$T/1"
    expect 2 tr-audit --fail-closed "$F/policy.trp" "$A/log"
}

@test "--fail-closed: at the alarm the policy defers everything, and only then" {
    cp "$F/policy.trp" "$T/p.trp"
    tr-audit -q --policy "$T/p.trp" --monitor "$T/state" --fail-closed "$T/p.trp" "$A/shadowed" > /dev/null
    cmp "$F/policy.trp" "$T/p.trp"
    jq -c 'if .shadow then .teacher = "no such label" else . end' "$A/shadowed" > "$T/drifted"
    for day in $(seq 30); do
        expect 1 tr-audit --policy "$F/policy.trp" --monitor "$T/state" --fail-closed "$T/p.trp" "$T/drifted"
        [[ $stderr != *"defers everything from now on"* ]] || break
    done
    [[ $stderr == *"$T/p.trp defers everything from now on; send SIGHUP"* ]]
    tr-show "$T/p.trp" | jq -e '.certificate | (.deployed | not) and .alpha == .8 and (.refusal | startswith("closed"))'
    [ "$(tr-route -q "$T/p.trp" "$F/requests" | jq -r .decision | sort -u)" = deferred ]
    # and stays so
    expect 1 tr-audit -q --verdict --fail-closed "$T/p.trp" "$T/state"
    [ "$(tr-route -q "$T/p.trp" "$F/requests" | jq -r .decision | sort -u)" = deferred ]
}
