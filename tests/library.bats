#!/usr/bin/env bats
# libtrroute: installed, linked both ways, the decisions of tr-route, and nothing else to be seen.
# What each call answers to what it is given: tests/unit/trroute.c.

load helper

# install TARGET... VARIABLE=VALUE...: of the build that is tested.
install() {
    local san=()
    [[ $BUILD != */san ]] || san=(SAN=1)
    make -s --no-print-directory -C "$ROOT" BUILD="${BUILD#"$ROOT/"}" "${san[@]}" PREFIX=/usr "$@" \
        > /dev/null
}

setup_file() {
    fixtures
    install install-library DESTDIR="$BATS_FILE_TMPDIR/stage" LIBDIR=/usr/lib/here
    # embeddings alone
    jq -c 'del(.input)' "$F/e.log" | fit --alpha .3 > "$F/only.trp"
    jq -c 'del(.input)' "$F/e.requests" > "$F/only.requests"
}

setup() {
    common
    S=$BATS_FILE_TMPDIR/stage
    D=$S/usr/lib/here
    export PKG_CONFIG_PATH=$D/pkgconfig PKG_CONFIG_SYSROOT_DIR=$S LD_LIBRARY_PATH=$D
    FLAGS=(-Wall -Wextra -Wpedantic -Werror -O1)
    [[ $BUILD != */san ]] || FLAGS+=(-fsanitize=address,undefined)
}

# shared SOURCE, static SOURCE: compiled and linked, as $T/prog.
shared() { cc -std=c17 "${FLAGS[@]}" -o "$T/prog" "$1" $(pkg-config --cflags --libs trroute) "${@:2}"; }
static() {
    cc -std=c17 "${FLAGS[@]}" -o "$T/prog" "$1" $(pkg-config --cflags trroute) "$D/libtrroute.a" \
        $(pkg-config --static --libs trroute | sed 's/-ltrroute//') "${@:2}"
}
driver() { shared "$ROOT/tests/library/driver.c" -D_GNU_SOURCE -pthread -ldl; }
python() {
    PYTHONPATH=$ROOT/samples PYTHONDONTWRITEBYTECODE=1 python3 "$@"
}

@test "the installed library has the right names, its soname, and a file for pkg-config" {
    [ "$(readlink "$D/libtrroute.so")" = libtrroute.so.0 ]
    [ "$(readlink "$D/libtrroute.so.0")" = "libtrroute.so.$(tr-route -V | sed 's/.* //')" ]
    readelf -d "$D/libtrroute.so" | grep -q 'SONAME.*\[libtrroute\.so\.0\]'
    [ "$(pkg-config --modversion trroute)" = "$(tr-route -V | sed 's/.* //')" ]
    [ "$(pkg-config --cflags --libs trroute | xargs)" = \
        "-I$S/usr/include -L$D -ltrroute" ]
    install install-library DESTDIR="$T"
    [ "$(find "$T/usr" ! -type d | wc -l)" -eq 6 ]
    install uninstall-library DESTDIR="$T"
    [ -z "$(find "$T/usr" ! -type d)" ]
}

@test "nothing but trroute_ can be seen, and it needs no library that only training needs" {
    [[ $BUILD != */san ]] || skip "the sanitizers have names of their own"
    sed -nE 's/^TRROUTE_API .*[ *](trroute_[a-z_]+)\(.*/\1/p' "$S/usr/include/trroute.h" |
        sort > "$T/names"
    [ "$(wc -l < "$T/names")" -ge 11 ]
    nm -D --defined-only "$D/libtrroute.so" | sed 's/.* //' | sort | diff "$T/names" -
    nm -g --defined-only "$D/libtrroute.a" | sed -n 's/.* [A-Z] //p' | sort | diff "$T/names" -
    [ "$(readelf -d "$D/libtrroute.so" | sed -n 's/.*NEEDED.*\[\(.*\)\.so.*/\1/p' | sort | xargs)" = \
        'libc libm libutf8proc' ]
    # it prints nothing, ends nothing, and leaves signals, locale and environment alone
    if nm -D -u "$D/libtrroute.so" | grep -E \
        ' (_?_?exit|abort|raise|kill|signal|sigaction|setlocale|uselocale|[sg]etenv|.*(printf|puts|putc|write).*|fork|execv.*|pthread_create|dlopen)@' |
        grep -vE ' v?snprintf@'; then
        return 1
    fi
}

@test "the header in C11 and C++, by itself; the example in C, linked both ways" {
    for how in '-std=c11 -x c' '-std=c99 -x c' '-std=c++11 -x c++' '-std=c++20 -x c++'; do
        cc $how "${FLAGS[@]}" -fsyntax-only $(pkg-config --cflags trroute) - <<< '#include <trroute.h>'
    done
    c++ "${FLAGS[@]}" -o "$T/cc" "$ROOT/tests/library/header.cc" $(pkg-config --cflags --libs trroute)
    "$T/cc"
    jq -r '.input | select(test("\n") | not)' "$F/requests" > "$T/texts"
    jq -c 'select(.input | test("\n") | not)' "$F/requests" | tr-route "$F/policy.trp" |
        jq -r '(.label // "?") + "\t" + .input' > "$T/expected"
    grep -q '^?' "$T/expected"
    for how in shared static; do
        "$how" "$ROOT/samples/route.c"
        "$T/prog" "$F/policy.trp" < "$T/texts" > "$T/out"
        cmp "$T/out" "$T/expected"
        [[ $(ldd "$T/prog") == *libtrroute* ]] || [ "$how" = static ]
        "$how" "$ROOT/tests/library/names.c"
        "$T/prog" "$F/tiny.trp"
    done
    [[ $(ldd "$T/prog") != *libtrroute* ]]
}

@test "lines are those of tr-route, of texts, embeddings and both, in pieces and on eight threads" {
    driver
    for of in policy:requests only:only.requests e:e.requests refused:requests; do
        policy=$F/${of%:*}.trp requests=$F/${of#*:}
        tr-route "$policy" "$requests" > "$T/expected"
        [ "${of%:*}" = refused ] || grep -q '"handled"' "$T/expected"
        grep -q '"deferred"' "$T/expected"
        for chunk in 1 1000 100000000; do
            "$T/prog" lines "$policy" "$chunk" < "$requests" | cmp - "$T/expected"
        done
        "$T/prog" threads "$policy" 8 "$requests" | cmp - "$T/expected"
    done
    # requests of every bad kind
    {
        printf '\xef\xbb\xbf{"input":"red a"}\r\n\n{"input":\n{"input":5}\n[]\n{"input":"\xff"}\n'
        printf '{"input":"\\ud800"}\n{"input":"a","label":"x","decision":1,"error":2}\nnull\n\r\n'
        printf '{"text":"blue b"}\n{"tr-split":{}}\n{"input":"red","id":null}\n{"input":"red c"}'
    } > "$T/odd"
    expect 3 tr-route "$F/tiny.trp" "$T/odd"
    printf '%s\n' "$output" > "$T/expected"
    for chunk in 1 7 1000; do
        expect 3 "$T/prog" lines "$F/tiny.trp" "$chunk" < "$T/odd"
        printf '%s\n' "$output" | cmp - "$T/expected"
    done
}

@test "the page has the functions of the header, and its examples run" {
    page=$ROOT/man/trroute.3
    sed -nE 's/^TRROUTE_API .*[ *](trroute_[a-z_]+)\(.*/\1/p' "$S/usr/include/trroute.h" |
        sort > "$T/names"
    sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/s/^\.Fn \(trroute_[a-z_]*\) .*/\1/p' "$page" | sort |
        diff "$T/names" -
    sed -n 's/^\.Nm \(trroute_[a-z_]*\).*/\1/p' "$page" | sort | diff "$T/names" -
    for name in $(grep -oE 'TRROUTE_[A-Z_]+' "$S/usr/include/trroute.h" | sort -u |
        grep -vxE 'TRROUTE_(H|API)'); do
        echo "$name"
        grep -q "$name" "$page"
    done
    # what it declares is what it has: the prototypes compile beside those of the header
    { echo '#include <trroute.h>'
        sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/{s/^\.Ft //p; s/^\.Fn //p}' "$page" | sed -E \
            '/^trroute_/{s/ "/(/; s/" "/, /g; s/"$/);/; s/ void$/(void);/}'; } > "$T/synopsis.c"
    cc -std=c11 "${FLAGS[@]}" -fsyntax-only $(pkg-config --cflags trroute) "$T/synopsis.c"
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$page" | sed 's/\\e/\\/g' |
        awk -v to="$T/example" '/^\.Ed/ { on = 0 } on { print > to n ".c" }
            /^\.Bd/ { on = 1; n++ }'
    shared "$T/example2.c" -c
    shared "$T/example1.c"
    cd "$T"
    cp "$F/policy.trp" .
    read -r label score < <(tr-route policy.trp <<< '{"input":"where is my order"}' |
        jq -r '"\(.label) \(.accept_score)"')
    [ "$label" != null ]
    [ "$(./prog)" = "$(printf '%s (%.2f)' "$label" "$score")" ]
}

@test "a bad, cut or missing policy: a code and a message" {
    driver
    head -c 3000 "$F/policy.trp" > "$T/cut.trp"
    expect 3 "$T/prog" lines "$T/cut.trp" 1 < /dev/null
    [ "$stderr" = "$T/cut.trp: is cut off after 3000 bytes" ]
    expect 3 "$T/prog" lines "$F/log" 1 < /dev/null
    [ "$stderr" = "$F/log: is no tr-tools file" ]
    expect 3 "$T/prog" lines "$F/gated.trm" 1 < /dev/null
    [[ $stderr == *"is a model stream, not a policy"* ]]
    expect 4 "$T/prog" lines "$T/none" 1 < /dev/null
    [ "$stderr" = "$T/none: No such file or directory" ]
    expect 3 "$T/prog" lines "$T" 1 < /dev/null
    [ "$stderr" = "$T: is no regular file" ]
}

@test "row by row from Python, on eight threads, the decisions of tr-route" {
    [[ $BUILD != */san ]] || skip 'the sanitizers would have to be there before Python'
    for of in policy:requests only:only.requests e:e.requests; do
        policy=$F/${of%:*}.trp requests=$F/${of#*:}
        tr-route "$policy" "$requests" | jq -c '[.label, .decision, .accept_score, .stage]' \
            > "$T/expected"
        python "$ROOT/tests/library/rows.py" "$policy" 8 < "$requests" |
            jq -c '[.label, .decision, .accept_score, .stage]' | cmp - "$T/expected"
    done
    jq -r '.input | gsub("\n"; " ")' "$F/requests" > "$T/texts"
    jq -c '.input |= gsub("\n"; " ")' "$F/requests" | tr-route "$F/policy.trp" |
        jq -r '(.label // "?") + "\t" + .input' > "$T/expected"
    python "$ROOT/samples/route.py" "$F/policy.trp" < "$T/texts" | cmp - "$T/expected"
    expect 4 "$ROOT/samples/route.py" "$T/none"
    [ "$stderr" = "route.py: $T/none: No such file or directory" ]
    printf 'red \xff\n' > "$T/texts"
    expect 0 python "$ROOT/samples/route.py" "$F/tiny.trp" < "$T/texts"
    [ "$stderr" = 'route.py: the text is not UTF-8' ]
}

@test "a program that has set a locale with a comma gets the same decisions" {
    mkdir "$T/locales"
    printf '%s\n' 'comment_char %' 'escape_char /' LC_NUMERIC 'decimal_point ","' \
        'thousands_sep "."' 'grouping 3;3' 'END LC_NUMERIC' > "$T/source"
    localedef -c -i "$T/source" -f ANSI_X3.4-1968 "$T/locales/xx_XX" 2> /dev/null ||
        [ -e "$T/locales/xx_XX/LC_NUMERIC" ] || skip 'localedef makes no locale here'
    driver
    # numbers that need every digit, and scores that are not round
    jq -c '.embedding |= map(. + 0.1234567890123456789e-3)' "$F/e.requests" > "$T/requests"
    tr-route "$F/e.trp" "$T/requests" > "$T/expected"
    LOCPATH=$T/locales LC_ALL=xx_XX "$T/prog" locale "$F/e.trp" "$T/requests" | cmp - "$T/expected"
}

@test "loaded and unloaded a hundred times: nothing stays" {
    [[ $BUILD != */san ]] || skip 'the sanitizers keep what is freed'
    cc -std=c17 -D_GNU_SOURCE "${FLAGS[@]}" -o "$T/prog" "$ROOT/tests/library/reopen.c" \
        $(pkg-config --cflags trroute) -ldl
    grown=$("$T/prog" "$D/libtrroute.so.0" "$F/tiny.trp" 100)
    echo "$grown kB"
    [ "$grown" -le 200 ]
}

@test "valgrind finds nothing" {
    [[ $BUILD != */san ]] || skip 'the sanitizers look already'
    command -v valgrind > /dev/null || skip 'no valgrind here'
    driver
    strip -g -o "$T/libtrroute.so.0" "$D/libtrroute.so.0" # it cannot read what clang says to debuggers
    strip -g "$T/prog"
    head -8 "$F/e.requests" > "$T/some"
    LD_LIBRARY_PATH=$T expect 0 valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=all \
        "$T/prog" threads "$F/e.trp" 2 "$T/some"
    [ -z "$stderr" ]
    cmp <(printf '%s\n' "$output") <(tr-route "$F/e.trp" "$T/some")
}
