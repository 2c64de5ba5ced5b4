#!/usr/bin/env bats
# tr-scale(7): the router as the filter of GNU parallel, Spark, Hadoop streaming, Slurm arrays and
# Kafka; a million lines give the bytes of one process, also where a task is killed in the middle.
#
# What is not there is skipped. Spark is looked for in TR_SPARK and in ~/.cache/tr-tools/spark,
# and installed there (pip, 450 MB; the streaming jar of Hadoop by mvn) where TR_SPARK_INSTALL is set.

load helper

LINES_IN_ALL=1000000
SMALL=60000

# requests N: so many requests, each with an id of its own.
requests() {
    awk -v n="$1" '{ rest[NR] = substr($0, index($0, ",")) }
        END { for (i = 0; i < n; i++) print "{\"id\":\"r-" i "\"" rest[i % NR + 1] }' \
        "$ROOT/samples/requests.jsonl"
}

setup_file() {
    fixtures
    [[ $BUILD != */san ]] || return 0
    cd "$BATS_FILE_TMPDIR"
    cp "$F/policy.trp" "$F/tiny.trp" .
    cp "$BIN/tr-route" tr-route
    head -c 100000 policy.trp > broken.trp
    requests "$LINES_IN_ALL" > million
    head -n "$SMALL" million > small
    { sed -n 1,500p small; echo '{"input": 3}'; sed -n 501,1000p small; } > bad
    tr-route -q -j 2 policy.trp million > million.whole
    head -n "$SMALL" million.whole > small.whole
    tr-route -q policy.trp bad > bad.whole 2> /dev/null || [ $? -eq 3 ]
    export LC_ALL PARALLEL_HOME=$BATS_FILE_TMPDIR
}

setup() {
    common
    [[ $BUILD != */san ]] || skip 'not again under the sanitizers: engines around the same tools'
    PATH=$ROOT/samples:$ROOT/tests/spark:$PATH
    cd "$BATS_FILE_TMPDIR"
}

teardown() {
    [ -z "${BROKER_PID-}" ] || kill "$BROKER_PID"
    [ -n "${BATS_TEST_COMPLETED-}" ] || [ ! -e "$T/last" ] || cat "$T/last"
}

needs() {
    local c
    for c; do command -v "$c" > /dev/null || skip "$c is not installed"; done
}

# ---- GNU parallel ----

@test "parallel --pipe: a million lines, a router killed in the middle: the bytes of one process" {
    needs parallel
    mkdir token
    parallel --pipe -k --block 10M -j 2 --retries 3 route-killed token 3000000 policy.trp \
        < million | cmp - million.whole
    [ "$(cat token.killed)" -eq 9 ]
    rm token.killed
}

@test "parallel --pipe-part: a million lines: the bytes of one process" {
    needs parallel
    parallel --pipe-part -a million -k --block 10M -j 2 tr-route -q policy.trp |
        cmp - million.whole
}

@test "parallel: a killed router without --retries is a failed job, and its lines are missing" {
    needs parallel
    mkdir token
    run -1 --separate-stderr bash -c \
        'parallel --pipe -k --block 1M -j 2 route-killed token 300000 policy.trp < small > some'
    [ "$(cat token.killed)" -eq 9 ]
    rm token.killed
    [ "$(wc -l < some)" -lt "$SMALL" ]
    # what is there is right and in order, but for the line that was cut
    [ "$(diff some small.whole | grep -c '^<')" -le 1 ]
}

@test "parallel: exit statuses: the number of failed jobs, or with --halt that of the job" {
    needs parallel
    run -1 --separate-stderr bash -c 'parallel --pipe -k --block 20k tr-route -q policy.trp < bad > got'
    sed -E 's/"line [0-9]+:/"line N:/' got | cmp - <(sed -E 's/"line [0-9]+:/"line N:/' bad.whole)
    # the line is that of the block, not that of the log
    jq -r '.error // empty' got | grep -E '^line [0-9]+: '
    [ "$(jq -r '.error // empty' got)" != "$(jq -r '.error // empty' bad.whole)" ]
    run -3 --separate-stderr bash -c \
        'parallel --halt now,fail=1 --pipe -k --block 20k tr-route -q policy.trp < bad'
    # tried again, it is the same: the lines are out once all the same
    run -1 --separate-stderr bash -c \
        'parallel --retries 2 --pipe -k --block 20k tr-route -q policy.trp < bad > got'
    [ "$(wc -l < got)" -eq 1001 ]
    run -0 --separate-stderr bash -c 'parallel --pipe -k --block 20k route-shard policy.trp < bad > got'
    [ "$(wc -l < got)" -eq 1001 ]
    run --separate-stderr bash -c 'parallel --pipe -k --block 1M route-shard broken.trp < small'
    [ "$status" -ge 6 ]
    [ -z "$output" ]
}

@test "parallel with files: each whole or not there; what is missing is done by the same command" {
    needs parallel
    rm -rf in out && mkdir in out token
    split -n l/6 -d -a 2 small in/part.
    # every part once; the one that is killed leaves nothing
    again=(parallel -j 2 --joblog log --resume-failed route-killed token 300000 policy.trp -o 'out/{/}.jsonl' '{}')
    run -1 --separate-stderr "${again[@]}" ::: in/part.*
    [ "$(ls out/*.jsonl | wc -l)" -eq 5 ]
    run -0 --separate-stderr "${again[@]}" ::: in/part.*
    cat out/*.jsonl | cmp - small.whole
    [ "$(wc -l < log)" -eq 8 ] # a head, six, and one again
    # the log knows what ended well, not what is there: the count sees it
    rm out/part.03.jsonl
    run -0 --separate-stderr "${again[@]}" ::: in/part.*
    [ ! -e out/part.03.jsonl ]
    [ "$(cat in/part.* | wc -l)" -ne "$(cat out/*.jsonl | wc -l)" ]
    rm log
    run -0 --separate-stderr "${again[@]}" ::: in/part.*
    [ "$(cat in/part.* | wc -l)" -eq "$(cat out/*.jsonl | wc -l)" ]
    cat out/*.jsonl | cmp - small.whole
    rm token.killed
}

# ---- the words on ids, teachers, audits and policies ----

@test "--shadow draws by id: the same in every shard; requests without ids are known by their line" {
    needs parallel
    tr-route -q --shadow .1 policy.trp small > shadowed
    [ "$(grep -c '"shadow":true' shadowed)" -gt 1000 ]
    parallel --pipe -k --block 1M tr-route -q --shadow .1 policy.trp < small | cmp - shadowed
    # the same text at the same line of another block: the same id
    awk 'BEGIN { for (i = 0; i < 20000; i++) print "{\"input\":\"where is my order\"}" }' > nameless
    ids() { jq -r .id | sort -u | wc -l; }
    route=(parallel --pipe -k --block 100k tr-route -q --shadow .1 policy.trp)
    [ "$("${route[@]}" < nameless | ids)" -lt 4000 ]
    [ "$("${route[@]}" --id-prefix {#}- < nameless | ids)" -eq 20000 ]
    # given ids first, as the page does it
    jq -c '. + {id: "monday-\(input_line_number)"}' nameless > named
    "${route[@]}" < named | cmp - <(tr-route -q --shadow .1 policy.trp named)
}

@test "--fallback: one teacher for each process" {
    needs parallel
    cat > teacher <<< 'echo $$ >> teachers; exec jq -c --unbuffered "{id, teacher: \"other\"}"'
    tail -n 3000 small > few
    parallel --pipe -k --block 100k tr-route -q --fallback '"sh teacher"' policy.trp < few > got
    [ "$(sort -u teachers | wc -l)" -eq "$(wc -l < teachers)" ]
    [ "$(wc -l < teachers)" -ge 3 ]
    [ "$(jq -r 'select(.decision == "deferred") | .teacher' got | sort -u)" = other ]
    diff <(jq -r .id got) <(jq -r .id few)
}

@test "the audits of shards add up; their monitors have a verdict together" {
    # two teachers: one that says what the policy says, and one that no longer does from 40,000 on
    tr-route -q --shadow .2 policy.trp small | jq -c '(.id[2:] | tonumber) as $n |
        if .shadow then .teacher = (if $n >= 40000 and $n % 2 == 0 then "other" else .label end)
        elif .decision == "deferred" then .teacher = "other" else . end' > log
    tr-audit -q --json --policy policy.trp --monitor one log > whole || [ $? -eq 1 ]
    split -n l/4 -d -a 1 log shard.
    for i in 0 1 2 3; do
        tr-audit -q --json --policy policy.trp --monitor "state.$i" "shard.$i" > "report.$i" || [ $? -eq 1 ]
    done
    tr-audit -q --json --merge report.? > merged || [ $? -eq 1 ]
    cmp merged whole
    # the shards in order, to one state, are the whole
    for i in 0 1 2 3; do
        tr-audit -q --policy policy.trp --monitor inorder "shard.$i" > text || [ $? -eq 1 ]
    done
    cmp inorder one
    run -1 tr-audit --verdict one
    # in their own order each, and together
    run -0 tr-audit --verdict state.0 state.1
    run -1 tr-audit --verdict state.0 state.1 state.2 state.3
    run -1 --separate-stderr tr-audit --verdict --json state.?
    jq -e '.shards == 4 and .alarmed == 2' <<< "$output"
}

@test "route-shard: only the policy of the digest, only a sound one; its own exit statuses" {
    digest=$(sha256sum policy.trp)
    head -n 100 small | TR_POLICY_SHA256=${digest%% *} route-shard policy.trp > got
    cmp got <(head -n 100 small.whole)
    expect 3 env TR_POLICY_SHA256="${digest%% *}" route-shard broken.trp < small
    [[ $stderr == *"broken.trp: not the policy of digest "* ]]
    expect 3 route-shard broken.trp < small
    [ -z "$output" ]
    expect 4 route-shard nowhere.trp < small
    expect 0 route-shard policy.trp < bad
    [[ $stderr == "tr-route: 1 line could not be read"* ]]
    [ "${#lines[@]}" -eq 1001 ]
    expect 4 bash -c 'route-shard policy.trp < small > /dev/full'
    expect 2 route-shard policy.trp --no-such < bad
    expect 2 route-shard
}

# ---- Slurm ----

@test "slurm.sh: its array by hand, a task killed and the array submitted again" {
    bash -n "$ROOT/samples/slurm.sh"
    rm -rf in out
    mkdir in out bin token
    split -n l/4 -d -a 4 small in/part.
    # in the place of tr-route one that is killed once
    printf '#!/bin/sh\n[ $# -gt 3 ] || exec %s/tr-route "$@"\nexec route-killed %s/token 300000 "$@"\n' \
        "$BIN" "$PWD" > bin/tr-route
    chmod +x bin/tr-route
    sed -i "s|exec route-killed|PATH=$PATH exec route-killed|" bin/tr-route
    array() {
        local task failed=0
        for task in 0 1 2 3; do
            PATH=$PWD/bin:$PATH SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_MAX=3 SLURM_CPUS_PER_TASK=2 \
                bash "$ROOT/samples/slurm.sh" policy.trp in out 2> slurm.log || failed=$((failed + 1))
        done
        echo "$failed"
    }
    # no digest
    [ "$(array)" -eq 4 ]
    sha256sum policy.trp > policy.trp.sha256
    [ "$(array)" -eq 1 ]
    [ "$(cat token.killed)" -eq 9 ]
    [ "$(ls out/*.jsonl | wc -l)" -eq 3 ]
    touch -d yesterday out/*.jsonl
    [ "$(array)" -eq 0 ]
    cat out/*.jsonl | cmp - small.whole
    [ "$(find out -newermt '-1 hour' -name '*.jsonl' | wc -l)" -eq 1 ]
    rm token.killed
}

@test "slurm.sh: more parts than tasks, and fewer; numbers with zeros before them" {
    rm -rf in out && mkdir in out
    head -n 2000 small > few
    split -n l/21 -d -a 4 few in/part.
    sha256sum policy.trp > policy.trp.sha256
    array() { # array MAX TASK...
        local task
        for task in "${@:2}"; do
            SLURM_ARRAY_TASK_MAX=$1 SLURM_ARRAY_TASK_ID=$task \
                expect 0 bash "$ROOT/samples/slurm.sh" policy.trp in out
        done
    }
    array 9 08
    [ "$(cd out && echo *)" = 'part.0008.jsonl part.0018.jsonl' ]
    array 09 0{0..9}
    [ "$(ls out | wc -l)" -eq 21 ]
    cat out/*.jsonl | cmp - <(head -n 2000 small.whole)
    # one that was removed since is seen, and made again by the same array
    rm out/part.0014.jsonl
    [ "$(cat in/part.* | wc -l)" -ne "$(cat out/*.jsonl | wc -l)" ]
    array 63 {0..63}
    [ "$(cat in/part.* | wc -l)" -eq "$(cat out/*.jsonl | wc -l)" ]
    cat out/*.jsonl | cmp - <(head -n 2000 small.whole)
    # no parts, and no array
    mkdir empty
    SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_ID=0 expect 3 bash "$ROOT/samples/slurm.sh" policy.trp empty out
    [[ $stderr == 'slurm.sh: no empty/part.*; '* ]]
    expect 1 bash "$ROOT/samples/slurm.sh" policy.trp in out
    [[ $stderr == *'submit this with sbatch --array'* ]]
}

# ---- Kafka: the broker is the one that kcat's library has for its own tests ----

broker() {
    kcat -C -t none -p 0 -o end -q -b none:1 -X test.mock.num.brokers=1 -d mock \
        > /dev/null 2> broker.log 3>&- &
    BROKER_PID=$!
    for _ in $(seq 100); do
        BROKER=$(sed -n 's/.*bootstrap.servers=\(127[0-9.]*:[0-9]*\)$/\1/p' broker.log | head -n 1)
        [ -z "$BROKER" ] || return 0
        sleep .1
    done
    skip 'this kcat has no broker of its own'
}

consume() { timeout 30 kcat -C -q -b "$BROKER" -t "$1" -p 0 -o beginning -e; }

@test "kafka.sh: batches of a topic, in order; a crash before the offset doubles a batch, no more" {
    needs kcat flock
    broker
    rm -rf work && mkdir work && cd work
    head -n 5000 ../small | timeout 30 kcat -P -b "$BROKER" -t in -p 0
    export BATCH=2000
    expect 0 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
    [ "$(cat in.0.offset)" -eq 5000 ]
    consume out | cmp - <(head -n 5000 ../small.whole)
    # nothing new: nothing done
    expect 0 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
    [ "$(consume out | wc -l)" -eq 5000 ]
    # the crash: a batch is out, its offset is not written
    echo 4000 > in.0.offset
    sed -n 5001,5500p ../small | timeout 30 kcat -P -b "$BROKER" -t in -p 0
    expect 0 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
    [ "$(cat in.0.offset)" -eq 5500 ]
    consume out > all
    [ "$(wc -l < all)" -eq 6500 ]
    awk '!seen[$0]++' all | cmp - <(head -n 5500 ../small.whole)
    # a router that fails: nothing is out, and the offset stays
    echo 5000 > in.0.offset
    expect 3 timeout 60 kafka.sh ../broken.trp "$BROKER" in out 0
    [ "$(consume out | wc -l)" -eq 6500 ]
    [ "$(cat in.0.offset)" -eq 5000 ]
    # an offset that is not there any more is no leave to skip
    echo 9000 > in.0.offset
    expect 1 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
}

@test "kafka.sh: a message is one request, whatever is in it; none of it is run or moves the offset" {
    needs kcat flock
    broker
    rm -rf work && mkdir work && cd work
    say() { timeout 30 kcat -P -b "$BROKER" -t in -p 0 "$@"; }
    send() { printf '%b' "$1" > message && say message; }
    send '{"id":"a","input":"where is my order"}'
    # over lines, as it is printed for people, and with the line ends of Windows
    send '{\n  "id": "b",\n  "input": "where is my order"\n}\n'
    send '{\r\n\t"id": "c",\r\n\t"input": "where is my order"\r\n}\r\n'
    # nor one that looks like several, like the head of the next, or like something to reckon with
    send '{"id":"d","input":"x"}\n{"id":"e","input":"y"}'
    send 'x\n7 9999\n1234567'
    send '{"input":"x"}\na[$(touch PWNED)]\t1\na[$(touch PWNED)] 1'
    send '{"id":"f","input":"two\nlines"}'
    send 'no JSON, no UTF-8: \0377\0376 \0000'
    send '\n'
    printf 'key:\n' | say -K : -Z # no value at all
    send '{"id":"g","input":"where is my order"}\n9000\ta[$(touch PWNED)]\n'
    expect 0 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
    [ "$(cat in.0.offset)" = 11 ]
    consume out > all
    [ "$(jq -r '.error // .id | tostring | sub("line [0-9]+: (bad JSON.*)?"; "-")' all | paste -sd ' ')" = \
        'a b c - - - - - -empty line, expected a JSON object -empty line, expected a JSON object -' ]
    [ "$(jq -r .decision all | sed -n 4,11p | sort -u)" = deferred ]
    # the same but for its id
    [ "$(head -n 3 all | jq -c 'del(.id)' | sort -u | wc -l)" -eq 1 ]
    # the timer again: nothing more is out
    expect 0 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
    # one at a time, from the beginning
    rm in.0.offset
    BATCH=1 expect 0 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
    [ "$(cat in.0.offset)" = 11 ]
    consume out > twice
    [ "$(wc -l < twice)" -eq 22 ]
    sed 's/"line [0-9]*:/"line N:/' twice | tail -n 11 | cmp - <(sed 's/"line [0-9]*:/"line N:/' all)
    # an offset that is none
    for bad in '' 'a[$(touch PWNED)]' '-1' end $'3\n4'; do
        printf '%s' "$bad" > in.0.offset
        expect 3 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
        [[ $stderr == *'in.0.offset:1: not an offset'* ]]
    done
    [ "$(consume out | wc -l)" -eq 22 ]
    # a decision that the broker would not take: nothing of its batch is out, until it may be as long
    echo 10 > in.0.offset
    awk 'BEGIN { printf "{\"input\":\""; for (i = 0; i < 998900; i++) printf "a"; print "\"}" }' |
        say -X message.max.bytes=2000000
    expect 3 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
    [[ $stderr == *'raise MAX_BYTES'* ]]
    [ "$(consume out | wc -l)" -eq 22 ]
    [ "$(cat in.0.offset)" = 10 ]
    MAX_BYTES=2000000 expect 0 timeout 60 kafka.sh ../policy.trp "$BROKER" in out 0
    [ "$(cat in.0.offset)" = 12 ]
    [ "$(consume out | wc -l)" -eq 24 ]
    [ -z "$(find .. -name PWNED)" ]
}

# ---- Spark and Hadoop ----

# The first Python with pyspark: TR_SPARK's, that of the cache, or a new one in the cache.
find_spark() {
    needs java
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/tr-tools/spark home
    for home in "${TR_SPARK-}" "$cache"; do
        SPARK=$home/bin/python
        ! "$SPARK" -c 'import pyspark' 2> /dev/null || return 0
    done
    [ -n "${TR_SPARK_INSTALL-}" ] || skip 'no pyspark; TR_SPARK_INSTALL=1 installs it'
    python3 -m venv "$cache" > install.log 2>&1 &&
        timeout 240 "$cache/bin/pip" install -q 'pyspark>=4,<5' >> install.log 2>&1 ||
        skip "pyspark cannot be installed: $(tail -n 1 install.log)"
}

# on_spark: runs tests/spark/job.py, once for all tests; said has what it says.
on_spark() {
    find_spark
    [ -e said ] || timeout 600 "$SPARK" "$ROOT/tests/spark/job.py" "$PWD" > said 2> spark.log ||
        { tail -n 30 spark.log; false; }
    rm -rf spark-tmp
}

said() { sed -n "s/^$1: //p" said; }

@test "Spark: a million lines, a router killed in the middle, tried again: the bytes of one process" {
    on_spark
    [ "$(said million.spark)" = 'done' ]
    [ "$(cat token.million.killed)" -eq 9 ]
    grep -q 'exited with error code 137' spark.log
    [ -e million.spark/_SUCCESS ]
    cat million.spark/part-* | cmp - million.whole
    rm -r million.spark
}

@test "Spark: checkCode makes a failing pipe raise; without it lines are lost and nobody knows" {
    on_spark
    [[ $(said failing) == *"exited with error code 3."* ]]
    [ ! -e failing/_SUCCESS ]
    [ "$(said unchecked)" = 'done' ]
    [ "$(cat token.unchecked.killed)" -eq 9 ]
    [ "$(cat unchecked/part-* | wc -l)" -lt "$SMALL" ]
}

@test "Spark: lines that cannot be read fail a task for ever, but not by route-shard" {
    on_spark
    [[ $(said bad.plain) == *"exited with error code 3."* ]]
    [ "$(said bad.shard)" = 'done' ]
    cat bad.shard/part-* | jq -c 'del(.error)' | cmp - <(jq -c 'del(.error)' bad.whole)
    [[ $(said bad.policy) == *"exited with error code 3."* ]]
}

@test "Spark: tr_spark.py: lines, a table, bad lines, a policy that is not sound" {
    on_spark
    tr-route -q --shadow .1 policy.trp small > shadowed
    cat lines/part-* | cmp - shadowed
    # a second policy of the same name, in the same context
    cat bad.other/part-* | jq -c 'del(.error)' |
        cmp - <(tr-route -q tiny.trp bad 2> /dev/null | jq -c 'del(.error)')
    run ! cmp -s bad.other/part-00000 bad.sample/part-00000
    cat bad.sample/part-* | jq -c '{id, decision}' | cmp - <(jq -c '{id, decision}' bad.whole)
    [ "$(said columns)" = "id input label decision accept_score stage propensity shadow_share shadow error" ]
    fields='[.id, .label, .decision, .accept_score, .shadow // false]'
    cat decided.json/part-* | jq -c "$fields" | sort | cmp - <(jq -c "$fields" shadowed | sort)
    [[ $(said sample) == "failed: RuntimeError: tr-route: exit status 3; 0 lines of "* ]]
}

@test "Hadoop streaming: hadoop.sh, by the local runner on Spark's jars" {
    find_spark
    jars=$("$SPARK" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')/jars
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/tr-tools/hadoop
    streaming=$cache/hadoop-streaming-3.4.2.jar
    if [ ! -e "$streaming" ]; then
        [ -n "${TR_SPARK_INSTALL-}" ] || skip "no $streaming; TR_SPARK_INSTALL=1 installs it"
        needs mvn
        timeout 100 mvn -q -B dependency:copy -DoutputDirectory="$cache" \
            -Dartifact=org.apache.hadoop:hadoop-streaming:3.4.2 > install.log 2>&1 ||
            skip 'the streaming jar of Hadoop is not to be had'
    fi
    export HADOOP="java -Xmx512m -cp $streaming:$jars/* org.apache.hadoop.streaming.HadoopStreaming
        -D mapreduce.framework.name=local -D hadoop.tmp.dir=$PWD/hadoop-tmp"
    HADOOP=$(tr -s '\n ' ' ' <<< "$HADOOP")
    hadoop.sh policy.trp small hadoop.small --shadow .1 > hadoop.log 2>&1
    [ -e hadoop.small/_SUCCESS ]
    cat hadoop.small/part-* | cmp - <(tr-route -q --shadow .1 policy.trp small)
    hadoop.sh policy.trp bad hadoop.bad > hadoop.log 2>&1
    cat hadoop.bad/part-* | cmp - bad.whole
    # a mapper that fails fails the job
    run ! hadoop.sh broken.trp small hadoop.broken
    [ ! -e hadoop.broken/_SUCCESS ]
}

# ---- the page ----

@test "the examples of tr-scale(7) run" {
    needs parallel
    rm -rf page && mkdir page && cd page
    cp ../policy.trp .
    head -n 3000 ../small > requests.jsonl
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh /{/^\.Dl /s///p}' "$ROOT/man/tr-scale.7" |
        sed 's/\\e/\\/g; s/\\(dq/"/g; s/\\(aq/'"'"'/g' > examples
    [ "$(wc -l < examples)" -ge 5 ]
    while read -r example; do
        echo "$example"
        bash -euo pipefail -c "$example" < /dev/null
    done < examples
    cmp decisions.jsonl <(head -n 3000 ../small.whole)
}
