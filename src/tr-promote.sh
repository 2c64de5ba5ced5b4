#!/usr/bin/env bash
# tr-promote: puts a policy in the place of another, if it is certified, covers no less and answers
# the golden cases; keeps those before; tells the routers; writes down what it did.
set -u -o pipefail
shopt -s nullglob
trap '' XFSZ # a limit on the size of files is a failed write

usage() {
    cat << 'END' || exit 4
usage: tr-promote NEW POLICY [OPTION]...
       tr-promote --rollback POLICY [OPTION]...
Puts the policy NEW in the place of POLICY, in one step, if it is sound and certified, promises and
covers no less than the one in place, and answers what is expected. Where NEW is "-" it is read from
standard input. The policies before stay as POLICY.1 (the newest), POLICY.2, ...

      --expect CASES            requests with "expect": the label, null for deferred, or a list of
                                what is allowed; one JSON object a line
      --allow-less              promote a policy that covers or promises less, too
      --keep N                  so many policies before this one are kept (default 5)
      --history FILE            a line of JSON is added here (default POLICY.history)
      --hup PIDFILE             send SIGHUP to the router with this process number; may be repeated
      --lock FILE               only one at a time holds this (default POLICY.lock)
      --wait SECONDS            how long to wait for the lock (default 60)
      --rollback                put POLICY.1 back; what it takes away stays as POLICY.0
  -q, --quiet                   say nothing but errors and why a policy was kept
  -v, --verbose                 accepted, as by all tools
  -h, --help                    print this and exit
  -V, --version                 print the version and exit

Exit status: 0 promoted, 1 kept as it was, 2 wrong usage, 3 NEW or the cases are not sound, 4 the
system failed, and nothing in place has changed.
Example: tr-promote --expect cases.jsonl --hup router.pid attempt.trp policy.trp
END
}

fail() { # STATUS MESSAGE
    echo "tr-promote: $2" >&2
    exit "$1"
}
wrong() { fail 2 "$1; try tr-promote -h"; }
warn() { echo "tr-promote: $1" >&2; }
say() { [ $quiet = yes ] || warn "$1"; }

here=$(dirname -- "$0")
[ -x "$here/tr-show" ] || here=$(dirname -- "$(readlink -f -- "$0")")
for tool in tr-show tr-route; do
    [ -x "$here/$tool" ] || fail 4 "there is no $tool in $here"
done

expect='' less=no keep=5 history='' hup=() lock='' wait=60 rollback=no quiet=no operands=()

takes() { # OPTION VALUE
    case $1 in
        --expect) expect=$2 ;;
        --history) history=$2 ;;
        --hup) hup+=("$2") ;;
        --lock) lock=$2 ;;
        --keep) [[ $2 =~ ^[0-9]{1,3}$ ]] || wrong "--keep $2 is no number from 0 to 999"
            keep=$((10#$2)) ;;
        --wait) [[ $2 =~ ^[0-9]{1,6}$ ]] || wrong "--wait $2 is no number of seconds"
            wait=$2 ;;
    esac
}
flag() {
    case $1 in
        --allow-less) less=yes ;;
        --rollback) rollback=yes ;;
        --quiet) quiet=yes ;;
        --help) usage; exit ;;
        --version) "$here/tr-show" -V | sed s/tr-show/tr-promote/; exit ;;
    esac
}

while [ $# -gt 0 ]; do
    word=$1
    shift
    case $word in # short ones become long ones
        -[qvhV]?*) set -- "-${word:2}" "$@"; word=${word:0:2} ;;
    esac
    case $word in
        -q) word=--quiet ;; -v) word=--verbose ;; -h) word=--help ;; -V) word=--version ;;
    esac
    case $word in
        --) operands+=("$@"); break ;;
        --expect | --keep | --history | --hup | --lock | --wait)
            [ $# -gt 0 ] && [ -n "$1" ] || wrong "$word needs a value"
            takes "$word" "$1"
            shift ;;
        --allow-less=* | --rollback=* | --quiet=* | --verbose=* | --help=* | --version=*)
            wrong "${word%%=*} takes no value" ;;
        --*=*) set -- "${word%%=*}" "${word#*=}" "$@" ;;
        --allow-less | --rollback | --quiet | --verbose | --help | --version) flag "$word" ;;
        -?*) wrong "there is no option $word" ;;
        *) operands+=("$word") ;;
    esac
done
if [ $rollback = yes ]; then
    [ ${#operands[@]} -eq 1 ] || wrong '--rollback takes one policy'
    [ -z "$expect" ] || wrong '--rollback asks no cases'
    new=''
else
    [ ${#operands[@]} -eq 2 ] || wrong 'a new policy and the one to replace are needed'
    new=${operands[0]}
fi
named=${operands[-1]}
for tool in flock jq sync sha256sum; do
    command -v $tool > /dev/null || fail 4 "$tool is needed and not there"
done

policy=$(readlink -f -- "$named") || fail 4 "$named: there is no such place"
[ ! -e "$policy" ] || [ -f "$policy" ] || fail 4 "$named: is no regular file"
[ ! -e "$policy" ] || [ -w "$policy" ] || fail 4 "$named: may not be written"
: "${history:=$policy.history}" "${lock:=$policy.lock}"
copy=$policy.promoting keeping=$policy.keeping

# ---- what is in place, and what was left behind; all of this under the lock ----

{ exec 9>> "$lock"; } 2> /dev/null || fail 4 "$lock: cannot be opened"
flock -w "$wait" 9 ||
    fail 1 "kept: $lock was held by another run for $wait s; nothing was tried"
trap 'rm -f -- "$copy" "$keeping"' EXIT

sha() { sha256sum < "$1" | cut -c 1-64; }
same() { [ -e "$1" ] && [ -e "$2" ] && cmp -s -- "$1" "$2"; }

# facts FILE NAME: what counts here of a policy, as one line of JSON; 3 or 4 with a message about
# NAME where it is not sound.
facts() {
    local shown status line
    shown=$("$here/tr-show" -q -- "$1" 2>&1)
    status=$?
    if [ $status -ne 0 ]; then
        [ $status -le 4 ] || status=4
        echo "${shown//"$1"/"$2"}" | sed 's/^tr-show: /tr-promote: /' >&2
        return $status
    fi
    line=$(printf '%s' "$shown" | jq -ce --arg sha256 "$(sha "$1")" 'select(.kind == "policy") |
        .certificate | {deployed, refusal, alpha, guarantee, coverage, rows, train_rows, tested,
            agreed, delta: (.history.delta_spent // .delta), look: .history.look, digest,
            agreement: (if (.tested // 0) > 0 then .agreed / .tested else null end), $sha256}') &&
        echo "$line" && return
    warn "$2: is no policy"
    return 3
}

# kept: the numbers of the policies that are kept, the newest first.
kept() {
    local file
    for file in "$policy".[1-9]*; do
        file=${file#"$policy."}
        [[ $file =~ ^[1-9][0-9]{0,2}$ ]] && echo "$file"
    done | sort -n
}
# renumber: 1, 2, ... without holes; a newest one that is the policy in place is none before it.
renumber() {
    local k at=1
    for k in $(kept); do
        if [ $at -eq 1 ] && same "$policy.$k" "$policy"; then
            rm -f -- "$policy.$k" || return
            continue
        fi
        [ "$k" -eq $at ] || mv -fT -- "$policy.$k" "$policy.$at" || return
        at=$((at + 1))
    done
}

# another FROM TO: the same bytes under a second name, which then may be renamed.
another() { ln -T -- "$1" "$2" 2> /dev/null || { cp -p -- "$1" "$2" && sync -- "$2"; }; }

# keep_old DECISION: the policy in place gets a name among those before it, and stays in place.
keep_old() {
    local k
    [ -e "$policy" ] || return 0
    "$here/tr-show" -q -- "$policy" > /dev/null 2>&1
    [ $? -ne 3 ] || return 0 # damaged: nothing to go back to
    # one that was killed right behind this has done it already
    [ "$1" != 'rolled back' ] || [ ! "$policy.0" -ef "$policy" ] || return 0
    rm -f -- "$keeping"
    another "$policy" "$keeping" || return
    if [ "$1" = 'rolled back' ]; then
        mv -fT -- "$keeping" "$policy.0"
        return
    fi
    for k in $(kept | sort -rn); do
        if [ "$k" -ge "$keep" ]; then
            rm -f -- "$policy.$k" || return
        else
            mv -fT -- "$policy.$k" "$policy.$((k + 1))" || return
        fi
    done
    [ "$keep" -eq 0 ] || mv -fT -- "$keeping" "$policy.1"
}

# swap DECISION: the copy takes its place; before and after a whole policy is there.
swap() {
    keep_old "$1" && mv -fT -- "$copy" "$policy" || return
    sync -- "${policy%/*}/" || warn "$named: its directory could not be synced"
    [ "$1" != 'rolled back' ] || renumber # its old name is free
}

# The line of history is written first. A run that is killed behind it has decided, and the next one
# does what is left; one that is killed before has not, and its copy is thrown away.
last_decided() { # "SHA256 BEFORE DECISION" of the last one that changed what is in place
    [ -f "$history" ] || return 0
    tail -n 1000 -- "$history" | jq -rnR --arg policy "$policy" 'reduce (inputs | fromjson? |
        objects | select(.policy == $policy and .decision != "kept")) as $x (""; $x |
        "\(.sha256) \(.before.sha256) \(.decision)")'
}
look_in_place() {
    before=''
    [ ! -e "$policy" ] || before=$(facts "$policy" "$named" 2> /dev/null)
}
recover() {
    local last is was decision in_place=null
    rm -f -- "$keeping" && renumber || return
    if [ -e "$copy" ]; then
        last=$(last_decided) || return
        read -r is was decision <<< "$last"
        [ -z "$before" ] || in_place=$(jq -r .sha256 <<< "$before")
        if [ "$is" = "$(sha "$copy")" ] && [ "$was" = "$in_place" ]; then
            warn 'an earlier run was cut short; what it decided is done now'
            swap "$decision" || return
            tell
            look_in_place
        fi
        rm -f -- "$copy"
    fi
}

# note DECISION WHY: the line, in one piece; `size` is what the history had before.
note() {
    local line
    line=$(jq -nc --arg time "$(date -u +%FT%TZ)" --arg policy "$policy" --arg decision "$1" \
        --arg why "$2" --argjson new "${fact:-null}" --argjson old "${before:-null}" \
        '{$time, $policy, $decision, $why} + ($new // {} | del(.deployed, .refusal)) +
            {before: ($old | if . then {coverage, alpha, digest, sha256} else null end)}') || return
    { exec 8>> "$history"; } 2> /dev/null || return
    [ ! -f "$history" ] || flock -w "$wait" 8 || return
    size=$(stat -Lc %s -- "$history")
    [ "$size" -eq 0 ] || [ ! -f "$history" ] || [ -z "$(tail -c 1 -- "$history")" ] ||
        line=$'\n'$line
    printf '%s\n' "$line" 2> /dev/null >&8 || { unnote; return 1; }
}
unnote() { [ ! -f "$history" ] || truncate -s "$size" -- "$history"; }

tell() {
    local file pid name
    for file in "${hup[@]}"; do
        pid=''
        [ ! -r "$file" ] || read -r pid < "$file"
        name=''
        [[ $pid =~ ^[1-9][0-9]*$ ]] && [ -r "/proc/$pid/comm" ] && read -r name < "/proc/$pid/comm"
        # a number may have gone to another process by now, which the signal might end
        case $name in
            tr-route | tr-serve) kill -HUP "$pid" || warn "$file: the router was not told" ;;
            *) warn "$file: no router runs under this number; it was not told" ;;
        esac
    done
}

keeps() { # WHY: the honest no
    note kept "$1" || fail 4 "$history: cannot be written"
    tell # the run before may have been killed when it was about to
    fail 1 "kept: $1; $named stays as it was"
}

# commit DECISION WHY
commit() {
    trap '' HUP INT TERM
    note "$1" "$2" || fail 4 "$history: cannot be written; $named stays as it was"
    swap "$1" || { unnote; fail 4 "$named stays as it was"; }
    exec 8>&-
    tell
}

# The golden cases: what NEW says of each must be what is expected.
check_cases() {
    local bad failing status all
    [ -r "$expect" ] || fail 4 "$expect: cannot be read"
    bad=$(jq -nrR 'def fine: type == "string" or . == null or
            (type == "array" and length > 0 and all(type == "string" or . == null));
        first(inputs | (fromjson? // 0) as $case | select(($case | type == "object" and
            has("expect") and (.expect | fine)) | not) | input_line_number)' "$expect") || exit 4
    [ -z "$bad" ] ||
        fail 3 "$expect:$bad: no object with \"expect\": a label, null, or a list of these"
    [ -s "$expect" ] || fail 3 "$expect: there are no cases"
    failing=$("$here/tr-route" -q "$copy" -- "$expect" | jq -nr --arg file "$expect" '
        foreach inputs as $x (0; . + 1; . as $line | $x |
            select(.label as $got | [.expect] | flatten | any(. == $got) | not) |
            "\($file):\($line): " + if .error then .error else
                "expected \(.expect | tojson), got \(.label | tojson) (score \(.accept_score))"
            end)')
    status=$?
    [ -z "$failing" ] || head -n 20 <<< "$failing" | sed 's/^/tr-promote: /' >&2
    [ $status -eq 0 ] || fail $((status == 3 ? 3 : 4)) "$expect: not all could be decided"
    all=$(grep -c '' "$expect")
    [ -z "$failing" ] || keeps "$(wc -l <<< "$failing") of $all cases fail"
}

# ---- the work ----

fact=''
look_in_place
recover || fail 4 'what an earlier run left could not be put in order'
[ ! -e "$policy" ] || [ -n "$before" ] || warn "$named: what is in place is not sound"

if [ $rollback = yes ]; then
    [ -e "$policy.1" ] || fail 1 "kept: there is no $named.1 to go back to"
    another "$policy.1" "$copy" || exit 4
    fact=$(facts "$copy" "$named.1") || exit
    commit 'rolled back' 'asked for'
    say "rolled back: $named.1 is in place; what it replaces is $named.0"
    exit 0
fi

said=$(cat -- "$new" 2>&1 > "$copy") || fail 4 "${said#cat: }"
[ "$new" != - ] || new=stdin
[ ! -e "$policy" ] || chmod --reference="$policy" -- "$copy" || exit 4
sync -- "$copy" || exit 4
fact=$(facts "$copy" "$new") || exit

if [ "$(jq .deployed <<< "$fact")" != true ]; then
    keeps "$new is refused: $(jq -r '.refusal // "it defers everything"' <<< "$fact")"
fi
if same "$copy" "$policy"; then
    last=$(last_decided) || exit 4
    [ "${last%% *}" = "$(sha "$copy")" ] || note promoted 'was in place already' ||
        fail 4 "$history: cannot be written"
    tell
    say "promoted: it is in place already"
    exit 0
fi
if [ $less = no ] && [ -n "$before" ]; then
    why=$(jq -nr --argjson new "$fact" --argjson old "$before" '
        def percent: . * 1000 | round / 10 | "\(.)%";
        if $old.deployed | not then empty
        elif $new.guarantee != $old.guarantee then
            "it promises agreement on \($new.guarantee) instead of \($old.guarantee) traffic"
        elif $new.alpha < $old.alpha then
            "it promises \($new.alpha | percent) instead of \($old.alpha | percent)"
        elif $new.delta > $old.delta + 1e-12 then
            "it risks \($new.delta) instead of \($old.delta)"
        elif $new.coverage < $old.coverage then
            "it covers \($new.coverage | percent) instead of \($old.coverage | percent)"
        else empty end') || exit 4
    [ -z "$why" ] || keeps "$why (--allow-less to take it)"
fi

if [ -n "$expect" ]; then
    check_cases
fi

why="covers $(jq -r '.coverage * 1000 | round / 10' <<< "$fact")%"
commit promoted "$why"
say "promoted: $why; $(jq -r '"\(.agreed) of \(.tested)"' <<< "$fact") calibration rows agreed"
