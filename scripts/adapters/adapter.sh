# What the scripts from-* share. They set `here`, `module`, `operands`, `does`, `reads`, `hint` and
# `example`; for options of their own `more`, `own_values`, `own` and `settings`; and then they call
# adapt "$@". Needs bash 4.4 and jq 1.6.
# shellcheck shell=bash disable=SC2154

me=$(basename -- "$0")
file_names=() output=- quiet=false tool_name=false
declare -A set=([case]=keep [max-label]=100)

usage() {
    cat << END
usage: $me [OPTION]... $operands
$does

END
    [ -z "${more-}" ] || printf '%s\n' "$more"
    [ "$module" = columns ] || cat << 'END'
      --input-path PATH    where the text of the input is, in the line that holds the request, as
                           in metadata.text or messages[0].content (default: what the user said last)
END
    cat << 'END'
      --input-after TEXT   the input begins after TEXT, the end of what comes first in the template
      --input-before TEXT  the input ends before TEXT, the start of what comes last in the template
      --label-path PATH    where the label is in an answer that is JSON (default: label, intent,
                           category, class, classification, topic or answer, or the only string)
      --label-after TEXT   the label comes after the last TEXT of the answer
END
    [ "$module" = columns ] || cat << 'END'
      --tool-name          the label is the name of the tool that was called, not in its arguments
END
    cat << 'END'
      --case keep|lower    letters of the label (default keep)
      --labels FILE        the labels, one a line: an answer is written as it stands there, if only
                           its case differs
      --max-label N        a longer answer is no label (default 100 characters)
      --at TIME            the time of calls that have none of their own
  -o, --output FILE        write FILE, whole or not at all, instead of standard output
  -q, --quiet              say nothing but errors
  -v, --verbose            accepted, as by all tools
  -h, --help               print this and exit
  -V, --version            print the version and exit

Exit status: 0 there are traces, 2 wrong usage, 3 bad data, or nothing that could become a trace,
4 the system failed.
END
    echo "Example: $example"
}

wrong() {
    echo "$me: $1; try $me -h" >&2
    exit 2
}

fail() {
    echo "$me: $1" >&2
    exit 4
}

# own NAME VALUE: takes an option that one script alone has; fails where there is none.
declare -F own > /dev/null || own() { return 1; }
declare -F settings > /dev/null || settings() { :; }

takes_value() {
    case $1 in
        --input-after | --input-before | --label-path | --label-after | --case | --labels | \
            --max-label | --at | --output) return 0 ;;
        --input-path) [ "$module" != columns ] ;;
        *) [[ " ${own_values-} " == *" $1 "* ]] ;;
    esac
}

flag() {
    case $1 in
        --quiet) quiet=true ;;
        --verbose) ;;
        --help) usage 2> /dev/null || fail 'cannot write to standard output'; exit 0 ;;
        --version)
            local tool
            for tool in "$here/tr-split" "$here/../bin/tr-split"; do
                [ -x "$tool" ] && "$tool" -V | sed "s/^tr-split/$me/" && exit 0
            done
            echo "$me (tr-tools)"
            exit 0 ;;
        --tool-name) [ "$module" != columns ] && tool_name=true ;;
        *) own "$1" '' ;;
    esac
}

options() {
    local word
    while [ $# -gt 0 ]; do
        word=$1
        shift
        case $word in # short ones become long ones
            -o?*) set -- "${word:2}" "$@"; word=--output ;;
            -[qvhV]?*) set -- "-${word:2}" "$@"; word=${word:0:2} ;;
        esac
        case $word in
            -o) word=--output ;; -q) word=--quiet ;; -v) word=--verbose ;;
            -h) word=--help ;; -V) word=--version ;;
        esac
        case $word in
            --) file_names+=("$@"); return ;;
            --*=*)
                takes_value "${word%%=*}" || wrong "${word%%=*} takes no value"
                value "${word%%=*}" "${word#*=}" ;;
            -?*)
                if takes_value "$word"; then
                    [ $# -gt 0 ] || wrong "$word needs a value"
                    value "$word" "$1"
                    shift
                else
                    flag "$word" || wrong "there is no option $word"
                fi ;;
            *) file_names+=("$word") ;;
        esac
    done
}

value() {
    case $1 in
        --output) output=$2 ;;
        --case) [[ $2 == keep || $2 == lower ]] || wrong '--case is keep or lower' ;;
        --max-label)
            [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || wrong '--max-label is a whole number from 1 on' ;;
        --input-after | --input-before | --label-after) [ -n "$2" ] || wrong "$1 needs a text" ;;
    esac
    set[${1#--}]=$2
}

# Where -o writes: descriptor 3. FILE and a temporary beside it, as all tools do it: links are followed,
# the mode of a file that is replaced is kept, and what is no regular file is written directly.
begin() {
    part='' place=$output
    [ ! -d "$output" ] || fail "$output is a directory"
    if [ -e "$output" ] && [ ! -f "$output" ]; then
        { exec 3> "$output"; } 2> /dev/null || fail "cannot write $output"
        return
    fi
    place=$(readlink -f -- "$output") || fail "cannot write $output"
    [ ! -e "$place" ] || [ -w "$place" ] || fail "cannot write $output"
    part=$place.tmp.$$
    trap 'rm -f -- "$part"' EXIT
    { set -C; exec 3> "$part"; } 2> /dev/null || { part=''; fail "cannot write $output"; }
    set +C
    [ ! -e "$place" ] || chmod --reference="$place" -- "$part" || fail "cannot write $output"
}

finish() {
    [ -n "$part" ] || return 0
    { sync -- "$part" && mv -fT -- "$part" "$place"; } 2> /dev/null || fail "cannot write $output"
    trap - EXIT
}

# Two files, the first of requests: for those that join.
two_files() {
    [ ${#file_names[@]} -gt 0 ] || wrong 'which requests and results? two files are needed'
    requests=${file_names[0]}
    case $requests in
        - | /dev/stdin | /dev/fd/0 | /proc/self/fd/0) wrong 'the requests must come from a file' ;;
        -*) requests=./$requests file_names[0]=./$requests ;;
    esac
    [ ${#file_names[@]} -gt 1 ] || file_names+=(-)
}

adapt() {
    local name status words lib=$here/adapters given=()
    [ -r "$lib/rules.jq" ] || lib=$here/../share/tr-tools
    options "$@"
    command -v jq > /dev/null || fail 'jq is not there'
    settings
    for name in "${!set[@]}"; do
        case $name in
            labels)
                [ -r "${set[labels]}" ] || fail "cannot read ${set[labels]}"
                given+=(--rawfile labels "${set[labels]}") ;;
            *) given+=(--arg "$name" "${set[$name]}") ;;
        esac
    done
    # the standard input is named only where it is one of several files
    if [ ${#file_names[@]} -eq 1 ] && [ "${file_names[0]}" = - ]; then file_names=(); fi
    for name in "${!file_names[@]}"; do
        if [ "${file_names[name]}" = - ]; then file_names[name]=/dev/stdin; continue; fi
        [ ! -d "${file_names[name]}" ] || fail "${file_names[name]} is a directory"
        [ -r "${file_names[name]}" ] || fail "cannot read ${file_names[name]}"
        [[ ${file_names[name]} != -* ]] || file_names[name]=./${file_names[name]}
    done
    [[ ${#file_names[@]} -gt 0 && ${file_names[*]: -1} != /dev/stdin || ! -t 0 ]] ||
        echo "$me: reading standard input: $reads" >&2

    if [ "$output" != - ]; then begin
    else { exec 3>&1; } 2> /dev/null || fail 'standard output is closed'
    fi
    words=$(jq -ncR --unbuffered -L "$lib" "${given[@]}" --arg me "$me" \
        --arg hint "$hint" --argjson quiet "$quiet" --argjson tool "$tool_name" \
        --arg body "${body-}" --arg requests "${requests-}" --arg file "${file_names[0]-stdin}" "
        include \"rules\"; include \"$module\";
        \$ARGS.named as \$n |
        def wrong(\$what): \$what | halt_error(12);
        def path(\$p): if \$p == null then null else
            try (\$p | steps) catch wrong(\"\(\$p) is no path\") end;
        run(\$n + {
            after: \$n[\"input-after\"], before: \$n[\"input-before\"],
            input_path: path(\$n[\"input-path\"]), label_path: path(\$n[\"label-path\"]),
            label_after: \$n[\"label-after\"], max: (\$n[\"max-label\"] | tonumber),
            tool_name: \$n.tool, at: (if \$n.at == null then null else
                \$n.at | instant // wrong(\"\(.) is no time\") end),
            set: (if \$n.labels == null then null else
                reduce (\$n.labels | split(\"\\n\")[] | trimmed | select(. != \"\")) as \$l ({};
                    .[\$l | ascii_downcase] = \$l) end)} ${own_settings-})
        " "${file_names[@]}" 2>&1 >&3 3>&-)
    status=$?
    exec 3>&- || status=2
    case $status in
        0)
            [ "$output" = - ] || finish
            [ -z "$words" ] || printf '%s\n' "$words" >&2 ;;
        3) printf '%s\n' "$words" >&2 ;;
        12) wrong "$words" ;;
        2) fail "${words##*Error: }" ;; # jq's word for output that cannot be written
        141) exit 141 ;;
        *) fail "${words#jq: error: }" ;;
    esac
    exit "$status"
}
