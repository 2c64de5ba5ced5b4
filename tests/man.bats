#!/usr/bin/env bats
# The manual: what it says of the options is what the tools say, and its examples run.

load helper

setup() { common; }

# help_options TOOL: the options that -h lists, as "-x --name" or "--name", one a line.
help_options() {
    "$1" -h | sed -nE 's/^  (-.), (--[a-z-]+).*/\1 \2/p; s/^      (--[a-z-]+).*/\1/p' | sort
}

# page_options TOOL: the same of its page.
page_options() {
    sed -nE 's/^\.It Fl ([a-z]) , -([a-z-]+).*/-\1 --\2/ip; s/^\.It Fl -([a-z-]+).*/--\1/p' \
        "$ROOT/man/$1.1" | sort
}

tools() { (cd "$BIN" && ls -d tr-*); }

@test "each tool has a page, and each page a tool; the adapters share one" {
    diff <({ tools; echo tr-from; } | sort) <(cd "$ROOT/man" && ls -- *.1 | sed 's/\.1$//')
}

@test "each adapter is in the page of them, and its options are, in the words of -h" {
    page=$ROOT/man/tr-from.1
    diff <(cd "$ROOT/scripts" && ls -d from-* | sed 's/^/tr-/') \
        <(sed -n 's/^\.Ss \(tr-from-.*\)/\1/p' "$page" | sort)
    for adapter in "$ROOT"/scripts/from-*; do
        grep -q "^\.Nm tr-${adapter##*/}\( ,\|\$\)" "$page"
        help_options "$adapter" > "$T/of.${adapter##*/}"
        [ "$(wc -l < "$T/of.${adapter##*/}")" -ge 10 ]
        "$adapter" -h | sed -nE 's/^  (-.,|   ) --([a-z-]+) ([^ ]+).*/\2 \3/p'
    done | sort -u > "$T/values"
    diff <(sort -u "$T"/of.*) <(page_options tr-from)
    diff "$T/values" <(sed -nE 's/^\.It Fl (. , )?-([a-z-]+) (Ar|Cm) (.*)/\2 \4/p' "$page" |
        sed 's/ | /|/' | sort)
}

@test "each option of -h is in the page, and each of the page in -h" {
    for tool in $(tools); do
        echo "$tool"
        [ "$(help_options "$tool" | wc -l)" -ge 4 ]
        diff <(help_options "$tool") <(page_options "$tool")
    done
}

@test "each option stands in the synopsis, but for those of all tools" {
    for tool in $(tools); do
        [ "$tool" = tr-fit ] && continue # says: option ...
        synopsis=$(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$ROOT/man/$tool.1")
        for option in $(help_options "$tool" | sed 's/ .*//'); do
            case $option in -q | -v | -h | -V | -a | -d) continue ;; esac
            echo "$tool $option"
            grep -qE "Fl ${option#-}( |$)" <<< "$synopsis"
        done
    done
}

@test "values and defaults of -h are those of the page" {
    for tool in $(tools); do
        while read -r name value; do
            echo "$tool $name $value"
            case $value in
                # choices: the words, in order
                *'|'*) wanted=$(tr '|' ' ' <<< "$value")
                       got=$(sed -nE "s/^\.It Fl .*-${name#--} //p" "$ROOT/man/$tool.1" |
                           sed -E 's/ ?(Cm|Ar|\|) ?/ /g') ;;
                *) wanted=$value
                   got=$(sed -nE "s/^\.It Fl .*-${name#--} Ar //p" "$ROOT/man/$tool.1") ;;
            esac
            [ "$(echo $wanted)" = "$(echo $got)" ]
        done < <("$tool" -h | sed -nE 's/^  (-.,|   ) (--[a-z-]+) ([A-Za-z][A-Za-z|,.:]*).*/\2 \3/p' |
            grep -vE -- '--(guarantee|family) ')
    done
}

@test "members and features of the help are in the pages" {
    names() { tr '\n' ' ' | sed -E "s/.*$1([^;]*);.*/\1/; s/\([^)]*\)//g" | tr -s ', ' '\n' | grep .; }
    tr-train -h | names 'surrogates to train:' > "$T/members"
    [ "$(wc -l < "$T/members")" -ge 4 ]
    while read -r name; do
        echo "$name"
        grep -qx "\.It Cm $name" "$ROOT/man/tr-train.1"
    done < "$T/members"
    # the message that lists them is the list
    run tr-gate --features nothing
    sed 's/.*there are tracer, all, //; s/; try.*//' <<< "$output" |
        tr -s ', ' '\n' > "$T/features"
    [ "$(wc -l < "$T/features")" -ge 8 ]
    diff "$T/features" <(sed -n '/^\.Bl.*-width evidence/,/^\.El/s/^\.It Cm //p' "$ROOT/man/tr-gate.1")
    help=$(tr-gate -h | tr -s '\n ' ' ')
    while read -r name; do
        echo "$name"
        [[ $help == *" $name"[,\ ]* ]]
    done < "$T/features"
}

@test "each page says which exit statuses there are, as -h does" {
    for tool in $(tools); do
        echo "$tool"
        page=$(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh /s/^\.It \([0-4]\)$/\1/p' "$ROOT/man/$tool.1")
        help=$("$tool" -h | tr '\n' ' ' | sed 's/.*Exit status: //' | grep -oE '(^|, |: )[0-4] ' |
            tr -dc '0-4\n')
        diff <(echo "$page") <(echo "$help")
    done
}

@test "each page is found by a tool's SEE ALSO, and what it points to is there" {
    for page in "$ROOT"/man/*.[157]; do
        while read -r name section; do
            echo "$page: $name $section"
            [ -f "$ROOT/man/$name.$section" ]
        done < <(sed -nE 's/^\.Xr (tr-[a-z]+) ([0-9]).*/\1 \2/p' "$page")
    done
}

# The lines of EXAMPLES, without the roff.
examples() {
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh /{/^\.Dl /s///p}' "$1" | sed 's/\\e/\\/g; s/\\(dq/"/g; s/\\(aq/'"'"'/g'
}

@test "the examples run" {
    mkdir "$T/samples"
    cp -r "$ROOT"/samples/*.jsonl "$ROOT/samples/logs" "$T/samples/"
    mkdir "$T/adapters"
    for adapter in "$ROOT"/scripts/from-*; do ln -s "$adapter" "$T/adapters/tr-${adapter##*/}"; done
    PATH=$T/adapters:$PATH
    cd "$T"
    n=0
    for page in "$ROOT"/man/*.1; do
        [ "$(examples "$page" | wc -l)" -ge 2 ]
        while read -r example; do
            echo "${page##*/}: $example"
            bash -euo pipefail -c "$example" > out 2> said < /dev/null
            # something is said, or written to a file that it names
            [ -s out ] || [ -s said ] || [[ $example =~ (-o|\>)\ ([a-z]+\.[a-z]+) && -s ${BASH_REMATCH[2]} ]]
            n=$((n + 1))
        done < <(examples "$page")
    done
    [ "$n" -ge 20 ]
}

@test "the sections of tr-format are those that are written" {
    diff <(grep -ohE '"[A-Z]{4}"' "$ROOT"/lib/gate/{bank,learn,stream}.c "$ROOT/lib/policy/policy.c" |
        tr -d '"' | sort -u) <(sed -nE 's/^\.Ss ([A-Z]{4}): .*/\1/p' "$ROOT/man/tr-format.5" | sort)
}
