#!/usr/bin/env bats
# flywheel: a short life on the sample log.

load helper

LIFE=(--zoo svm --alpha .8 --start 400 --per-day 200 --refit-rows 60)

setup_file() {
    common
    ! sanitized || return 0
    "$ROOT/scripts/flywheel" "${LIFE[@]}" --keep "$BATS_FILE_TMPDIR/life" samples/support.jsonl \
        > "$BATS_FILE_TMPDIR/table"
}

setup() {
    common
    ! sanitized || skip 'what the tools do here is tested under the sanitizers by itself'
    L=$BATS_FILE_TMPDIR/life
    TABLE=$BATS_FILE_TMPDIR/table
}

flywheel() { "$ROOT/scripts/flywheel" "$@"; }

@test "the table: a line a day, and the sums are sums" {
    [ "$(head -n 1 "$TABLE")" = ' day     traces  policy  coverage    calls    saved  agreement' ]
    [ "$(wc -l < "$TABLE")" -eq 11 ]
    tr -d ',%' < "$TABLE" | awk '
        $1 == NR - 1 && NF == 7 {
            days++
            if ($5 + $6 != 200 || $2 != 400 + calls || $3 >= $1) exit bad = 1
            calls += $5
            saved += $6
            handled += $4 * 2
            if ($5 < 200 - $4 * 2) exit bad = 1 # what is deferred is always asked for
        }
        $1 == "sum" {
            if ($2 != 400 + calls || $4 != calls || $5 != saved) exit bad = 1
            d = $3 * 16 - handled
            if (d < -1.1 || d > 1.1) exit bad = 1
            sums++
        }
        END { exit bad || days != 8 || sums != 1 }'
    grep -q '^fits: [0-9]*, of which refused: [0-9]*$' "$TABLE"
}

@test "the days as JSON are the days of the table" {
    jq -r '"\(.day) \(.traces) \(.policy) \(.calls) \(.requests - .calls)"' "$L/days.jsonl" > "$T/a"
    tr -d ,% < "$TABLE" | awk 'NR > 1 && NR < 10 { print $1, $2, $3, $5, $6 }' > "$T/b"
    cmp "$T/a" "$T/b"
    jq -se 'length == 8 and all(.requests == 200 and .agreed <= .handled and
        .calls >= .requests - .handled)' "$L/days.jsonl"
}

@test "coverage rises with the first refit, and the promise is kept" {
    jq -se 'map(select(.policy > 0)) as $refitted | map(select(.policy == 0)) as $first
        | def coverage: (map(.handled) | add) / (map(.requests) | add);
        ($first | length) > 0 and ($refitted | length) > 0
        and ($refitted | coverage) > ($first | coverage) + .1
        and (map(.agreed) | add) >= .8 * (map(.handled) | add)' "$L/days.jsonl"
}

@test "the log: teacher labels alone, with what the router drew" {
    local day
    [ "$(wc -l < "$L/log.jsonl")" -eq "$(awk '/sum/ { print $2 }' "$TABLE")" ]
    jq -se 'all(has("teacher") and has("timestamp") and (has("truth") | not))' "$L/log.jsonl"
    jq -se '.[400:] | all(.shadow_share == .1 and
        (.decision == "deferred" and .propensity == 1 and (has("shadow") | not) or
        .decision == "handled" and .propensity == .1 and .shadow == true))' "$L/log.jsonl"
    # a row is there once, and on its own day
    [ "$(jq -r .id "$L/log.jsonl" | sort -u | wc -l)" -eq "$(wc -l < "$L/log.jsonl")" ]
    for day in 1 8; do
        jq -s --argjson day $day 'map(select(.timestamp == $day) | .id)' "$L/log.jsonl" > "$T/there"
        jq -s --argjson day $day --slurpfile there "$T/there" \
            '.[200 + 200 * $day:400 + 200 * $day] | map(.id) | $there[0] - . == []' \
            "$L/order.jsonl" | grep -qx true
    done
    # a tenth of what is handled is shadowed, within four deviations
    jq -s --argjson shadowed "$(grep -c '"shadow":true' "$L/log.jsonl")" '
        (map(.handled) | add / 10) as $x | $shadowed - $x | fabs < 4 * ($x * .9 | sqrt)' \
        "$L/days.jsonl" | grep -qx true
}

@test "no fit looks at a row again, refused ones counted" {
    local n=0 fit
    for fit in $(printf '%s\n' "$L"/fit-*.trp | sort -V); do
        tr-show "$fit" | jq -e --argjson n $n '.certificate | .history
            | .follows == $n and .independent and .reused == 0' > /dev/null
        n=$((n + 1))
    done
    [ $n -ge 2 ]
    grep -q "^fits: $n, " "$TABLE"
}

@test "the same seed is the same life, another one another" {
    flywheel "${LIFE[@]}" --days 1 samples/support.jsonl > "$T/a"
    flywheel "${LIFE[@]}" --days 1 --seed 2 samples/support.jsonl > "$T/b"
    [ "$(sed -n 2p "$T/a")" = "$(sed -n 2p "$TABLE")" ]
    [ "$(sed -n 2p "$T/a")" != "$(sed -n 2p "$T/b")" ]
    flywheel "${LIFE[@]}" --days 1 --seed 2 samples/support.jsonl | cmp - "$T/b"
}

@test "until something is certified each label is known, and all of them are plain ones" {
    flywheel "${LIFE[@]}" --alpha .97 --days 2 --keep "$T/life" samples/support.jsonl > "$T/table"
    [[ $(sed -n 2p "$T/table") == *" 0.0 %  "*"200        0          -" ]]
    jq -se '.[400:600] | all(.propensity == 1 and .shadow_share == 1)' "$T/life/log.jsonl"
}

@test "careless logs" {
    local kind
    for kind in plain deferred answers; do
        flywheel "${LIFE[@]}" --days 1 --naive $kind --keep "$T/$kind" samples/support.jsonl
    done
    jq -se 'all(has("propensity") or has("decision") | not)' "$T"/{plain,deferred,answers}/log.jsonl
    cmp <(jq .id "$T/plain/log.jsonl") <(jq 'select(.timestamp < 2) | .id' "$L/log.jsonl")
    cmp <(jq .id "$T/deferred/log.jsonl") \
        <(jq 'select(.timestamp < 2 and .decision != "handled") | .id' "$L/log.jsonl")
    [ "$(wc -l < "$T/answers/log.jsonl")" -eq 600 ]
    # there the surrogate's mistakes are labels: as many as the day had
    [ "$(jq -s --slurpfile order "$T/answers/order.jsonl" '
        ($order | map({key: .id, value: .truth}) | from_entries) as $truth
        | map(select($truth[.id] != .teacher)) | length' "$T/answers/log.jsonl")" -eq \
        "$(jq '.handled - .agreed' "$T/answers/days.jsonl")" ]
}

@test "usage, and a data set that is too small" {
    run --separate-stderr flywheel -h
    [ "$status" -eq 0 ]
    [[ $output == *'(default .92)'* ]]
    run --separate-stderr flywheel --alpha .8 -h
    [[ $output == *'(default .8)'* ]]
    for wrong in '' '--alpha 2 x' '--days' '--naive much x' '--bogus x' 'a b'; do
        run --separate-stderr flywheel $wrong
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [[ $stderr == usage:* ]]
    done
    run --separate-stderr flywheel --days 2 samples/support.jsonl
    [ "$status" -eq 3 ]
    [[ $stderr == 'flywheel: samples/support.jsonl has 2000 rows'* ]]
    run --separate-stderr flywheel "$T/absent"
    [ "$status" -ne 0 ]
}
