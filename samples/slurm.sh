#!/bin/bash
#SBATCH --job-name=tr-route
#SBATCH --array=0-63%16
#SBATCH --cpus-per-task=2
#SBATCH --time=01:00:00
#SBATCH --requeue
#SBATCH --output=route.%A_%a.log
#
#   split -n l/64 -d -a 4 requests.jsonl in/part.; sha256sum policy.trp > policy.trp.sha256
#   sbatch slurm.sh policy.trp in out          one task a part; 16 of them at a time
#   cat out/*.jsonl > decisions.jsonl          when all 64 are there
#
# Each .jsonl appears whole or not at all, and a task whose file is there does nothing: after any
# crash, submit the array again. What a killed task leaves is called .jsonl.tmp.NUMBER; remove it.
set -euo pipefail
policy=${1:?usage: slurm.sh POLICY IN OUT} in=$2 out=$3
part=part.$(printf %04d "${SLURM_ARRAY_TASK_ID:?is not set: submit this with sbatch --array}")

[ ! -e "$out/$part.jsonl" ] || exit 0
sha256sum --check --status "$policy.sha256" || {
    echo "slurm.sh: $policy is not the one of $policy.sha256" >&2
    exit 3
}
tr-route -q "$policy" < /dev/null # a bad policy ends it here
# 3: lines could not be read; all have their decisions, and these say "error"
tr-route "$policy" -j "${SLURM_CPUS_PER_TASK:-1}" -o "$out/$part.jsonl" "$in/$part" || [ $? -eq 3 ]
