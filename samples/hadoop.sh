#!/bin/bash
# hadoop.sh: routes requests by Hadoop streaming, one process a split of the input, no reducers.
#
#   hadoop.sh POLICY INPUT OUTPUT [OPTION OF tr-route]...
#
# tr-route and the script route-shard, from PATH or beside this one, are shipped with the policy.
# HADOOP is the command that runs streaming: "mapred streaming" by default.
set -euo pipefail
policy=${1:?usage: hadoop.sh POLICY INPUT OUTPUT [OPTION OF tr-route]...} input=$2 output=$3
shift 3
PATH=$PATH:$(dirname "$0")
read -ra hadoop <<< "${HADOOP:-mapred streaming}"
digest=$(sha256sum "$policy")
ship=$(readlink -f "$(command -v tr-route)"),$(readlink -f "$(command -v route-shard)")

# keyonlytext: a line is a line; streaming would cut it in two at a TAB, or add one.
exec "${hadoop[@]}" \
    -D mapreduce.job.reduces=0 \
    -D stream.map.output=keyonlytext \
    -D mapreduce.map.speculative=false \
    -files "$ship,$(readlink -f "$policy")" \
    -input "$input" -output "$output" \
    -cmdenv "TR_POLICY_SHA256=${digest%% *}" \
    -mapper "./route-shard ./$(basename "$policy") $*"
