#!/usr/bin/env bats
# samples/refit.mk: what is fresh and what is due; killed at any moment, a full disk, two at once; and
# a router that takes in one policy after the other under load.

load helper

setup() {
    common
    ! sanitized || skip 'what the tools do here is tested under the sanitizers by itself'
    mkdir "$T/d"
    cd "$T/d"
    now=0
}

# rows N: N further traces, a second apart each, on standard output; `now` goes on.
rows() {
    awk -v n="$1" -v from="$now" 'BEGIN { split("red blue", colour); split("abcdefg", c, "")
        for (i = from + 1; i <= from + n; i++)
            printf "{\"id\":\"%d\",\"input\":\"%s %s\",\"teacher\":\"%s\",\"timestamp\":%d}\n", i,
                colour[i % 2 + 1], c[i % 7 + 1], colour[i % 2 + 1], 1700000000 + i }'
    now=$((now + $1))
}
refit() {
    make --no-print-directory -f "$ROOT/samples/refit.mk" LOGS=log.jsonl ALPHA=.7 TRAIN='--zoo svm' MIN_FRESH=30 \
        PROMOTE=--allow-less "$@"
}
sha() { sha256sum < "$1" | cut -c 1-64; }
look() { tr-show "$1" | jq -c '.certificate.history | [.look, .follows]'; }
everything='log.jsonl policy.trp policy.trp.history policy.trp.lock refit refit/attempt.trp refit/lock refit/model.trm refit/split.jsonl refit/used '
# litter: what is there beside that and the policies before.
litter() { LC_ALL=C find . -mindepth 1 ! -name 'policy.trp.[1-9]*' -printf '%P\n' | sort | grep -vxF "$(tr ' ' '\n' <<< "$everything")"; }

@test "an attempt where enough is fresh, and each of fresh rows alone" {
    rows 60 > log.jsonl
    expect 0 refit
    [ -s policy.trp ]
    [ "$(cat refit/used)" = "$(date -u -d @$((1700000000 + now)) +%FT%TZ)" ]
    [ "$(look policy.trp)" = '[1,0]' ]
    # nothing new, then not enough
    cp policy.trp old
    expect 0 refit
    [[ $stderr == *'the logs have nothing new' ]]
    rows 29 >> log.jsonl
    expect 0 refit
    [[ $stderr == *'29 fresh rows may calibrate; not before 30' ]]
    expect 0 refit
    cmp policy.trp old
    [ "$(wc -l < policy.trp.history)" -eq 1 ]
    # enough; a line that is not whole yet, and one from the future, are for later
    { rows 11; printf '{"id":"half","input":"re'; } >> log.jsonl
    expect 0 refit
    cmp policy.trp refit/attempt.trp
    cmp policy.trp.1 old
    [ "$(look policy.trp)" = '[1,1]' ]
    [ "$(tail -n 1 refit/split.jsonl | jq -c '."tr-split" | [.rows, .eligible, .share]')" = '[100,40,0.8]' ]
    [ "$(tr-show policy.trp | jq .certificate.rows)" -ge 25 ]
    { echo 'd a","teacher":"red","timestamp":"2099-01-01"}'; rows 30; } >> log.jsonl
    expect 0 refit
    [ "$(tail -n 1 refit/split.jsonl | jq -c '."tr-split" | [.rows, .eligible]')" = '[130,30]' ]
    [ "$(cat refit/used)" = "$(date -u -d @$((1700000000 + now)) +%FT%TZ)" ]
    [ -z "$(rm old; litter)" ]
}

@test "a log that its own routing made: propensities decide what is eligible" {
    rows 60 > log.jsonl
    refit 2> /dev/null
    rows 400 > more
    # a quarter of what is handled is shadowed, what is deferred is known
    awk '{ sub(/}$/, "")
        if (NR % 4 == 0) print $0 ",\"decision\":\"deferred\",\"label\":null,\"propensity\":1,\"shadow_share\":0.25}"
        else if (NR % 4 == 1) print $0 ",\"decision\":\"handled\",\"label\":\"x\",\"propensity\":0.25,\"shadow_share\":0.25,\"shadow\":true}" }' more >> log.jsonl
    expect 0 refit
    eligible=$(tail -n 1 refit/split.jsonl | jq '."tr-split".eligible')
    [ "$eligible" -gt 105 ] # all 100 that were shadowed, some 25 of 100 deferred ones
    [ "$eligible" -lt 150 ]
    [ "$(look policy.trp)" = '[1,1]' ]
}

@test "the whole loop: route, shadow, ask the teacher, fit anew" {
    rows 60 > log.jsonl
    refit 2> /dev/null
    for day in 1 2 3; do
        rows 400 > more
        sed 's/"teacher":"[a-z]*",//' more |
            tr-route -q --shadow .25 --fallback "jq -c --unbuffered '{id, teacher: (.input | split(\" \")[0])}'" \
                policy.trp >> log.jsonl
        expect 0 refit
        eligible=$(tail -n 1 refit/split.jsonl | jq '."tr-split".eligible')
        [ "$eligible" -gt 60 ] # some 100
        [ "$eligible" -lt 140 ]
        [ "$(look refit/attempt.trp)" = "[1,$day]" ]
    done
    [ "$(jq -r 'select(.decision == "handled" and .teacher and (.shadow | not)) | .id' log.jsonl)" = '' ]
}

@test "a refusal is written down, its rows are used, and what is in place stays" {
    rows 60 > log.jsonl
    refit 2> /dev/null
    cp policy.trp old
    rows 40 >> log.jsonl
    expect 0 refit ALPHA=.99
    [[ $stderr == *'kept: refit/attempt.trp is refused: '* ]]
    cmp policy.trp old
    [ "$(tail -n 1 policy.trp.history | jq -r .decision)" = kept ]
    rows 40 >> log.jsonl
    expect 0 refit
    [ "$(look policy.trp)" = '[1,2]' ]
    # cases are asked
    rows 40 >> log.jsonl
    cp policy.trp old
    echo '{"input":"red a","expect":"blue"}' > cases
    expect 0 refit EXPECT=cases
    [[ $stderr == *'1 of 1 cases fail'* ]]
    cmp policy.trp old
}

@test "settings in a file, another directory, rollback; what is wrong" {
    rows 60 > log.jsonl
    mkdir sub
    cp "$ROOT/samples/refit.mk" sub/
    printf '%s\n' 'LOGS = log.jsonl' 'ALPHA = .7' 'DIR = work' 'TRAIN = --zoo svm' 'POLICY = p' > refit.settings
    expect 0 make -s -f sub/refit.mk MIN_FRESH=30
    [ -s p ]
    rows 60 >> log.jsonl
    expect 0 make -s -f sub/refit.mk MIN_FRESH=30 PROMOTE=--allow-less
    cp p.1 first
    expect 0 make -s -f sub/refit.mk rollback
    cmp p first
    expect 2 make -s -f sub/refit.mk rollback
    # nothing is tried again for it
    expect 0 make -s -f sub/refit.mk MIN_FRESH=30
    cmp p first
    expect 2 make -s -f sub/refit.mk LOGS=
    [[ $stderr == *'LOGS is not set'* ]]
    expect 2 make -s -f sub/refit.mk LOGS='log.jsonl none'
    [[ $stderr == *'none cannot be read'*'Error 4'* ]]
    rows 60 | sed 's/,"timestamp":[0-9]*//' >> log.jsonl
    expect 2 make -s -f sub/refit.mk
    [[ $stderr == *'no "timestamp", which '*'Error 3'* ]]
    cmp p first
}

@test "what cannot be trained on is no hindrance once there is more" {
    rows 60 > more
    sed 's/"teacher":"[a-z]*"/"teacher":"red"/' more > log.jsonl
    expect 2 refit
    [[ $stderr == *tr-train*'Error 3'* ]]
    expect 2 refit
    rows 60 >> log.jsonl
    expect 0 refit
    [ "$(tail -n 1 refit/split.jsonl | jq '."tr-split".rows')" -eq 120 ]
    # cases that are none: the attempt waits for better ones, and is not made again
    rows 60 >> log.jsonl
    echo '{}' > cases
    expect 2 refit EXPECT=cases
    [[ $stderr == *'cases:1: '*'Error 3'* ]]
    attempt=$(sha refit/attempt.trp)
    rows 60 >> log.jsonl
    expect 2 refit EXPECT=cases
    [ "$(sha refit/attempt.trp)" = "$attempt" ]
    echo '{"input":"xyzzy","expect":null}' > cases
    expect 0 refit EXPECT=cases
    [ "$(jq -r .sha256 policy.trp.history | sed -n 2p)" = "$attempt" ]
    [ "$(look refit/attempt.trp)" = '[1,2]' ]
}

@test "SIGKILL at random moments: always whole, and the next run goes on" {
    n=${REFIT_KILLS-25}
    sanitized && n=5
    RANDOM=${REFIT_SEED-1}
    rows 60 > log.jsonl
    refit 2> /dev/null
    rows 60 >> log.jsonl
    start=$(date +%s%N)
    refit 2> /dev/null
    took=$((($(date +%s%N) - start) / 1000000)) # ms
    new=0 done=0 split=0 model=0 attempt=0
    for _ in $(seq "$n"); do
        rows 60 >> log.jsonl
        old=$(sha policy.trp) follows=$(tr-show refit/attempt.trp | jq .certificate.history.follows)
        (exec setsid bash -c "$(declare -f refit); refit") > /dev/null 2>&1 3>&- &
        sleep "$(awk -v t="$took" -v r=$RANDOM 'BEGIN { printf "%.3f", t * r / 32768000 }')"
        kill -KILL -- "-$!" 2> /dev/null || done=$((done + 1))
        wait $! 2> /dev/null || true
        for file in split.jsonl model.trm attempt.trp; do
            [ ! refit/$file -nt refit/used ] || eval "${file%.*}=\$((${file%.*} + 1))"
        done
        # whole, and the old one or the new one
        tr-show -q -o "$T/shown" policy.trp
        in_place=$(sha policy.trp)
        if [ "$in_place" != "$old" ]; then
            [ "$in_place" = "$(sha refit/attempt.trp)" ]
            new=$((new + 1))
        fi
        # the next run ends it: no attempt is lost, none is made twice
        expect 0 refit
        [ -z "$(litter)" ]
        [ "$(tr-show refit/attempt.trp | jq -c '.certificate.history | [.look, .follows, .reused]')" = "[1,$((follows + 1)),0]" ]
        [ "$(cat refit/used)" = "$(date -u -d @$((1700000000 + now)) +%FT%TZ)" ]
        if [ "$(tr-show refit/attempt.trp | jq .certificate.deployed)" = true ]; then
            cmp policy.trp refit/attempt.trp
        else
            [ "$(sha policy.trp)" = "$old" ]
        fi
        [ "$(jq -r 'select(.decision == "promoted") | .sha256' policy.trp.history | tail -n 1)" = "$(sha policy.trp)" ]
    done
    echo "# $n kills within $took ms; so many were behind the split: $split, the model: $model," \
        "the attempt: $attempt, its promotion: $new; all done: $done" >&3
    [ $split -lt "$n" ] && [ $split -gt 0 ]
    # each in the history, and none of them twice
    [ "$(jq -r 'select(.decision == "promoted") | .sha256' policy.trp.history | sort | uniq -d)" = '' ]
    [ "$(jq -r .sha256 policy.trp.history | sort -u | wc -l)" -eq $((n + 2)) ]
}

# disk: a small file system at $T/disk, or, where none may be mounted, a skipped test.
disk() {
    mkdir "$T/disk"
    mount -t tmpfs -o size=2m,mode=755 none "$T/disk" 2> /dev/null || skip 'nothing can be mounted here'
}
teardown() {
    umount "$T/disk" 2> /dev/null || true
    [ -n "${BATS_TEST_COMPLETED-}" ] || [ ! -e "$T/last" ] || cat "$T/last"
}

@test "a full disk: 4, and nothing in place has changed" {
    disk
    rows 60 > log.jsonl
    here=(POLICY="$T/disk/policy.trp" DIR="$T/disk/refit")
    refit "${here[@]}" 2> /dev/null
    cp -a "$T/disk" "$T/good"
    tried=0
    for left in 0 4 8 16 24 32 48 64 128; do
        rows 60 >> log.jsonl
        rm -f "$T/disk/fill"
        free=$(df --output=avail -k "$T/disk" | tail -n 1)
        head -c $(((free - left) * 1024)) /dev/zero > "$T/disk/fill"
        run --separate-stderr refit "${here[@]}"
        if [ "$status" -eq 0 ]; then
            cp -a "$T/disk/policy.trp" "$T/good/policy.trp"
            continue
        fi
        tried=$((tried + 1))
        echo "$left kB left: $stderr"
        [[ $stderr == *'Error 4'* && $stderr == *'No space left'* ]]
        cmp "$T/disk/policy.trp" "$T/good/policy.trp"
        jq -c . "$T/disk/policy.trp.history" > /dev/null # whole lines
        # and with room again
        rm "$T/disk/fill"
        expect 0 refit "${here[@]}"
        cp -a "$T/disk/policy.trp" "$T/good/policy.trp"
        [ -z "$(find "$T/disk" -name '*.tmp.*' -o -name '*.promoting' -o -name '*.keeping')" ]
        [ "$(look "$T/disk/refit/attempt.trp" | cut -c 1-3)" = '[1,' ]
    done
    [ $tried -ge 3 ]
}

@test "two at once: one waits and finds nothing to do, or leaves; both well" {
    rows 60 > log.jsonl
    for _ in 1 2 3; do
        touch policy.trp.history
        attempts=$(wc -l < policy.trp.history)
        pids=()
        for i in 1 2 3; do refit > "out$i" 2>&1 3>&- & pids+=($!); done
        for pid in "${pids[@]}"; do wait "$pid"; done
        [ "$(wc -l < policy.trp.history)" -eq $((attempts + 1)) ]
        [ "$(cat out? | grep -c 'nothing new')" -eq 2 ]
        rows 60 >> log.jsonl
    done
    (flock 9; touch held; sleep 3) 9>> refit/lock 3>&- &
    while [ ! -e held ]; do sleep .02; done
    expect 2 refit WAIT=0
    [[ $stderr == *'refit: another one runs; this one leaves'* ]]
    wait
}

@test "a router under load takes in 20 policies: no line is lost, each is decided by one of them" {
    tiny_log 200 | tr-split -q | tr-train -q --zoo svm | tr-gate -q > m.trm
    tr-calibrate -q --alpha .8 --defer-label red -o a.trp m.trm
    tr-calibrate -q --alpha .8 --defer-label blue -o b.trp m.trm
    cp a.trp policy.trp
    # a steady stream, that goes on until all policies were taken in
    awk 'BEGIN { for (i = 1; ; i++) {
        printf "{\"id\":%d,\"input\":\"%s %c\"}\n", i, i % 2 ? "red" : "blue", 97 + i % 7
        if (i % 100 == 0) {
            fflush()
            if (system("test ! -e stop && sleep .02")) exit
        } } }' 3>&- | tee requests | tr-route --line-buffered policy.trp > decisions 2> words 3>&- &
    router=$!
    while [ ! -s decisions ]; do sleep .02; done
    echo $router > pid
    for i in $(seq 10); do
        tr-promote -q --allow-less --hup pid b.trp policy.trp
        sleep .05
        tr-promote -q --allow-less --hup pid a.trp policy.trp
        sleep .05
    done
    touch stop
    wait $router
    tr-route -q a.trp requests > by.a
    tr-route -q b.trp requests > by.b
    [ "$(wc -l < decisions)" -eq "$(wc -l < requests)" ]
    [ "$(wc -l < decisions)" -ge 2000 ]
    paste -d '\n' by.a by.b | paste -d '\t' - - | paste - decisions |
        awk -F '\t' '$3 == $1 && $3 != $2 { n["a"]++; by = "a" } $3 == $2 && $3 != $1 { n["b"]++; by = "b" }
            $3 != $1 && $3 != $2 { bad++ } by != last { changes++; last = by }
            END { print bad + 0, (n["a"] > 0) + (n["b"] > 0), changes - 1 }' > found
    cat found
    read -r bad both changes < found
    [ "$bad" -eq 0 ]
    [ "$both" -eq 2 ]
    [ "$(grep -c 'taken in anew' words)" -ge 10 ] # of 20; two signals may meet
    [ "$changes" -ge 10 ]
    [ "$changes" -le 20 ]
}

@test "the examples of the manual run; the samples are sound" {
    mkdir samples
    cp "$ROOT"/samples/refit.mk "$ROOT"/samples/*.jsonl samples/
    n=0
    while read -r example; do
        echo "$example"
        bash -euo pipefail -c "$example" > out 2>&1 < /dev/null
        n=$((n + 1))
    done < <(sed -n '/^\.Sh EXAMPLES/,/^\.Sh /{/^\.Dl /s///p}' "$ROOT/man/tr-refit.7" | sed 's/\\e/\\/g; s/\\(dq/"/g; s/\\(aq/'"'"'/g')
    [ $n -ge 5 ]
    # each setting is in the page, and each of the page is one
    diff <(sed -n 's/^\([A-Z_]*\) ?=.*/\1/p' samples/refit.mk | sort) \
        <(sed -n '/^\.Sh SETTINGS/,/^\.Sh /s/^\.It Ev //p' "$ROOT/man/tr-refit.7" | tr -d ' ' | tr ',' '\n' | sort)
    if command -v systemd-analyze > /dev/null; then
        for unit in "$ROOT"/samples/tr-refit.{service,timer}; do
            expect 0 systemd-analyze verify --man=no "$unit"
            [ -z "$output$stderr" ]
        done
    fi
}
