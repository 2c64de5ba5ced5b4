#!/bin/bash
# kafka.sh: routes one partition of a topic into the same partition of another, batch by batch, by kcat.
#
#   kafka.sh POLICY BROKERS IN OUT PARTITION [OPTION OF tr-route]...
#
# Runs until what there is has been read; a timer, or a loop around it, goes on. The file IN.PARTITION.
# offset holds where to go on and is written once a batch is out: a crash before that doubles the
# batch (same ids, same decisions), and none is lost. BATCH messages at a time, 10000 by default.
# One message is one request, whatever is in it, and gets one decision; MAX_BYTES is the size of the
# longest message that the broker takes, 1000000 by default.
set -euo pipefail
policy=${1:?usage: kafka.sh POLICY BROKERS IN OUT PARTITION [OPTION OF tr-route]...}
brokers=$2 in=$3 out=$4 partition=$5
shift 5
at=$in.$partition.offset
batch=$(mktemp -d)
trap 'rm -rf "$batch"' EXIT
exec 9>> "$at.lock"
longest=${MAX_BYTES:-1000000}
flock -n 9 || { echo "kafka.sh: another one works on $in, partition $partition" >&2; exit 1; }

# messages_to_lines NEXT: "SIZE OFFSET", a newline and SIZE bytes, again and again, to a line each;
# the offset after the last goes to the file NEXT. Messages come from anybody: only their size says
# where one ends. A newline becomes a TAB, which JSON allows, and forbids, in the same places.
messages_to_lines() {
    perl -e '
        binmode STDIN;
        binmode STDOUT;
        my $next;
        while (defined(my $head = <STDIN>)) {
            my ($size, $offset) = $head =~ /^(-1|[0-9]+) ([0-9]+)\n\z/
                or die "kafka.sh: no size and offset where a message begins\n";
            $size = 0 if $size < 0; # a message without a value
            (read(STDIN, my $message, $size) // -1) == $size
                or die "kafka.sh: the message at offset $offset is cut\n";
            $message =~ tr/\n/\t/;
            print $message, "\n" or die "kafka.sh: $!\n";
            $next = $offset + 1;
        }
        close STDOUT or die "kafka.sh: $!\n";
        open my $file, ">", $ARGV[0] or die "kafka.sh: $ARGV[0]: $!\n";
        print $file "$next\n";
        close $file or die "kafka.sh: $ARGV[0]: $!\n";' "$1"
}

while :; do
    from=beginning
    if [ -e "$at" ]; then
        from=$(cat "$at")
        [[ $from =~ ^[0-9]+$ ]] || {
            echo "kafka.sh: $at:1: not an offset; write there the number to go on from" >&2
            exit 3
        }
    fi
    kcat -C -q -b "$brokers" -t "$in" -p "$partition" -o "$from" -c "${BATCH:-10000}" -e \
        -X topic.auto.offset.reset=error -f '%S %o\n%s' > "$batch/messages"
    [ -s "$batch/messages" ] || break
    messages_to_lines "$batch/next" < "$batch/messages" > "$batch/requests"
    route-shard "$policy" "$@" < "$batch/requests" > "$batch/decisions"
    # all that can fail comes before this, so that a batch is not out again at each run of a timer
    [ "$(wc -l < "$batch/decisions")" -eq "$(wc -l < "$batch/requests")" ] || {
        echo "kafka.sh: not one decision for each message from offset $from on" >&2
        exit 4
    }
    # what kcat and the broker add is under 1000 bytes
    LC_ALL=C awk -v longest="$longest" 'length > longest - 1000 { exit 1 }' "$batch/decisions" || {
        echo "kafka.sh: from offset $from on: a decision over $longest bytes; raise MAX_BYTES, and" \
            "max.message.bytes of topic $out" >&2
        exit 3
    }
    # -X enable.idempotence: what the client sends again is not doubled, nor put in another order
    kcat -P -q -b "$brokers" -t "$out" -p "$partition" -X enable.idempotence=true \
        -X message.max.bytes="$longest" \
        < "$batch/decisions"
    cp "$batch/next" "$at.new"
    sync "$at.new"
    mv "$at.new" "$at"
done
