#!/bin/bash
#SBATCH --job-name=tr-route
#SBATCH --array=0-63%16
#SBATCH --cpus-per-task=2
#SBATCH --time=01:00:00
#SBATCH --requeue
#SBATCH --output=route.%A_%a.log
#
#   split -n l/64 -d -a 4 requests.jsonl in/part.; sha256sum policy.trp > policy.trp.sha256
#   sbatch slurm.sh policy.trp in out          16 tasks of the array at a time
#   cat in/part.* | wc -l; cat out/*.jsonl | wc -l        where these are equal, all is there:
#   cat out/*.jsonl > decisions.jsonl
#
# With an array from 0 to N, task I takes the parts I, I + N + 1, I + 2(N + 1) and so on, in the order
# of their names: none is left, however many there are. Each .jsonl appears whole or not at all, and
# those that are there are not made again: after any crash, submit the array again. What a killed
# task leaves is called .jsonl.tmp.NUMBER; remove it.
set -euo pipefail
policy=${1:?usage: slurm.sh POLICY IN OUT} in=$2 out=$3
task=${SLURM_ARRAY_TASK_ID:?is not set: submit this with sbatch --array}
tasks=$((10#${SLURM_ARRAY_TASK_MAX:?is not set: submit this with sbatch --array} + 1))
parts=("$in"/part.*)

[ -e "${parts[0]}" ] || {
    echo "slurm.sh: no $in/part.*; split the requests first" >&2
    exit 3
}
sha256sum --check --status "$policy.sha256" || {
    echo "slurm.sh: $policy is not the one of $policy.sha256" >&2
    exit 3
}
tr-route -q "$policy" < /dev/null # a bad policy ends it here
for ((i = 10#$task; i < ${#parts[@]}; i += tasks)); do
    decisions=$out/${parts[i]##*/}.jsonl
    [ ! -e "$decisions" ] || continue
    # 3: lines could not be read; all have their decisions, and these say "error"
    tr-route "$policy" -j "${SLURM_CPUS_PER_TASK:-1}" -o "$decisions" "${parts[i]}" || [ $? -eq 3 ]
done
