#!/bin/bash
# kafka.sh: routes one partition of a topic into the same partition of another, batch by batch, by kcat.
#
#   kafka.sh POLICY BROKERS IN OUT PARTITION [OPTION OF tr-route]...
#
# Runs until what there is has been read; a timer, or a loop around it, goes on. The file IN.PARTITION.
# offset holds where to go on and is written once a batch is out: a crash before that doubles the
# batch (same ids, same decisions), and none is lost. BATCH messages at a time, 10000 by default.
set -euo pipefail
policy=${1:?usage: kafka.sh POLICY BROKERS IN OUT PARTITION [OPTION OF tr-route]...}
brokers=$2 in=$3 out=$4 partition=$5
shift 5
at=$in.$partition.offset
batch=$(mktemp -d)
trap 'rm -rf "$batch"' EXIT
exec 9>> "$at.lock"
flock -n 9 || { echo "kafka.sh: another one works on $in, partition $partition" >&2; exit 1; }

while :; do
    from=beginning
    [ ! -e "$at" ] || from=$(cat "$at")
    # TAB cannot stand in a number, so the offset is what is before the first
    kcat -C -q -b "$brokers" -t "$in" -p "$partition" -o "$from" -c "${BATCH:-10000}" -e \
        -X topic.auto.offset.reset=error -f '%o\t%s\n' > "$batch/messages"
    [ -s "$batch/messages" ] || break
    cut -f 2- "$batch/messages" > "$batch/requests"
    route-shard "$policy" "$@" < "$batch/requests" > "$batch/decisions"
    # -X enable.idempotence: what the client sends again is not doubled, nor put in another order
    kcat -P -q -b "$brokers" -t "$out" -p "$partition" -X enable.idempotence=true \
        < "$batch/decisions"
    last=$(tail -n 1 "$batch/messages" | cut -f 1)
    echo $((last + 1)) > "$at.new"
    sync "$at.new"
    mv "$at.new" "$at"
done
