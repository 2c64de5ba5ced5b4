#!/usr/bin/env bash
# tr-fit: tr-split | tr-train | tr-gate | tr-calibrate in one word.
set -u -o pipefail

usage() {
    cat << 'END' || exit 4
usage: tr-fit TRACES --alpha A -o POLICY [OPTION]...
Fits and certifies a policy: tr-split | tr-train | tr-gate | tr-calibrate. Without TRACES, or where
it is "-", the traces are read from standard input. Each option goes to the tool that has it, whose
manual page says more.

  -a, --alpha A                 agreement to promise, between 0 and 1; required
  -o, --output POLICY           write POLICY, whole or not at all, instead of standard output
  -d, --delta D                 risk that the promise fails (default 0.05)
      --guarantee WHAT          handled or overall (default handled)
      --family NAME             auto, global, l2d or rsb (default auto)
      --novelty N               share of ordinary traffic to defer as least like the log
                                (default 0.01)
      --defer-label L,L...      labels never to answer
      --min-coverage C          least certified coverage that is worth deploying (default 0.05)
      --replace                 let a refusal replace the policy in the -o file
      --zoo lean|all|LIST       surrogates to train (default lean)
      --no-text                 train on the embeddings alone
      --no-embedding            train on the texts alone
      --folds K                 parts of the training rows that are held out in turn (default 5)
      --features tracer|all|LIST
                                what the acceptor sees (default all)
      --calibration auto|SHARE  share of rows that calibrate (default auto)
      --group KEY               keep rows with the same value of KEY on one side
      --labels FILE             the labels that count, one a line
      --strict                  with --labels: a label that is not listed is an error
      --input-key KEY           key of the input
      --label-key KEY           key of the label
  -j, --threads N               threads of the training; the result is the same for any number
      --seed N                  seed of all that is drawn at random (default 1)
  -q, --quiet                   say nothing but errors
  -v, --verbose                 say more
  -h, --help                    print this and exit
  -V, --version                 print the version and exit

Exit status: that of the first tool that fails: 0 certified, 1 refused (the policy then defers
everything), 2 wrong usage, 3 bad data or too little of it, 4 the system failed.
Example: tr-fit traces.jsonl --alpha 0.92 -o policy.trp
END
}

wrong() {
    echo "tr-fit: $1; try tr-fit -h" >&2
    exit 2
}

here=$(dirname -- "$0")
[ -x "$here/tr-split" ] || here=$(dirname -- "$(readlink -f -- "$0")")
for tool in tr-split tr-train tr-gate tr-calibrate; do
    [ -x "$here/$tool" ] || { echo "tr-fit: there is no $tool in $here" >&2; exit 4; }
done

split=() train=() gate=() calibrate=() files=()
alpha=no output=-

# takes NAME [VALUE]: hands one option on to whom it concerns.
takes() {
    case $1 in
        --alpha) alpha=yes; calibrate+=("$1=$2") ;;
        --output) output=$2 ;;
        --delta | --guarantee | --family | --novelty | --defer-label | --min-coverage)
            calibrate+=("$1=$2") ;;
        --zoo | --folds | --threads) train+=("$1=$2") ;;
        --features) gate+=("$1=$2") ;;
        --calibration | --group | --labels | --input-key | --label-key) split+=("$1=$2") ;;
        --seed) split+=("$1=$2") train+=("$1=$2") calibrate+=("$1=$2") ;;
    esac
}
flag() {
    case $1 in
        --replace) calibrate+=("$1") ;;
        --no-text | --no-embedding) train+=("$1") ;;
        --strict) split+=("$1") ;;
        --quiet | --verbose) split+=("$1") train+=("$1") gate+=("$1") calibrate+=("$1") ;;
        --help) usage; exit ;;
        --version) "$here/tr-split" -V | sed s/tr-split/tr-fit/; exit ;;
    esac
}

while [ $# -gt 0 ]; do
    word=$1
    shift
    case $word in # short ones become long ones
        -[adoj]?*) set -- "${word:2}" "$@"; word=${word:0:2} ;;
        -[qvhV]?*) set -- "-${word:2}" "$@"; word=${word:0:2} ;;
    esac
    case $word in
        -a) word=--alpha ;; -d) word=--delta ;; -o) word=--output ;; -j) word=--threads ;;
        -q) word=--quiet ;; -v) word=--verbose ;; -h) word=--help ;; -V) word=--version ;;
    esac
    case $word in
        --) files+=("$@"); break ;;
        --alpha | --output | --delta | --guarantee | --family | --novelty | --defer-label | \
            --min-coverage | --zoo | --folds | --threads | --features | --calibration | --group | \
            --labels | --input-key | --label-key | --seed)
            [ $# -gt 0 ] || wrong "$word needs a value"
            takes "$word" "$1"
            shift ;;
        --replace=* | --no-text=* | --no-embedding=* | --strict=* | --quiet=* | --verbose=* | \
            --help=* | --version=*)
            wrong "${word%%=*} takes no value" ;;
        --*=*) set -- "${word%%=*}" "${word#*=}" "$@" ;;
        --replace | --no-text | --no-embedding | --strict | --quiet | --verbose | --help | \
            --version) flag "$word" ;;
        -?*) wrong "there is no option $word" ;;
        *) files+=("$word") ;;
    esac
done
[ $alpha = yes ] || wrong '--alpha is required: the agreement to promise'
[ "$output" != - ] || [ ! -t 1 ] || wrong 'a policy is not for a terminal; name a file by -o'
calibrate+=("--output=$output")

# Each tool looks at its options before a long training is begun for nothing.
"$here/tr-calibrate" "${calibrate[@]}" -h > /dev/null || exit
"$here/tr-gate" "${gate[@]}" -h > /dev/null || exit
"$here/tr-train" "${train[@]}" -h > /dev/null || exit

T=$(mktemp -d) || exit 4
trap 'rm -rf "$T"' EXIT

# stage N COMMAND...: runs one tool of the pipe. Where it fails, the next one is ended before it sees
# the end of its input, so that the only complaint is that of the tool that failed.
stage() {
    local status next="$T/$(($1 + 1))" i
    (echo "$BASHPID" > "$T/$1" && exec "${@:2}")
    status=$?
    if [ $status -ne 0 ] && [ "$1" -lt 4 ]; then
        for ((i = 0; i < 500; i++)); do
            [ -s "$next" ] && break
            sleep .01
        done
        kill -PIPE "$(cat "$next")" 2> /dev/null
    fi
    return $status
}

stage 1 "$here/tr-split" "${split[@]}" -- "${files[@]}" |
    stage 2 "$here/tr-train" "${train[@]}" |
    stage 3 "$here/tr-gate" "${gate[@]}" |
    stage 4 "$here/tr-calibrate" "${calibrate[@]}"
all=("${PIPESTATUS[@]}")

ended=0
for status in "${all[@]}"; do
    case $status in
        0) ;;
        141) ended=141 ;; # a neighbour failed, or whoever reads our output is gone
        [1-4]) exit "$status" ;;
        *) echo "tr-fit: a tool was ended by signal $((status - 128))" >&2; exit 4 ;;
    esac
done
exit $ended
