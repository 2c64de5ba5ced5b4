#!/usr/bin/env bats
# What is installed: make install and uninstall, the Debian package, the completions of bash and zsh.

load helper

setup_file() { common; sanitized || package; }
setup() {
    common
    sanitized && skip 'installs what was built without sanitizers'
    cd "$ROOT"
}

# package: the package, built once, in $F/deb.
package() {
    command -v dpkg-shlibdeps > /dev/null || return 0
    mkdir -p "$F/deb"
    (cd "$ROOT" && VERSION=0.1.0 scripts/deb "$F/deb") 2> "$F/deb/said"
}
need_package() {
    command -v dpkg-shlibdeps > /dev/null || skip 'no dpkg-shlibdeps'
    DEB=$(ls "$F"/deb/tr-tools_*_*.deb)
}

# listed DIRECTORY: everything in it with its kind, size and mode.
listed() { find "$1" -printf '%P %y %m %l\n' | sort; }

# commands: the commands that make install installs.
commands() {
    { ls "$BIN"; (cd "$ROOT/scripts" && ls -d from-* 2> /dev/null) | sed 's/^/tr-/'; } | sort
}

@test "install puts everything in its place, and it works there" {
    make -s install DESTDIR="$T/root" PREFIX=/usr
    diff <(ls "$T/root/usr/bin") <(commands)
    diff <(find "$T/root/usr/share/man" -type f -printf '%P\n' | sort) \
        <(cd man && ls -- *.[0-9] | sed -E 's|.*\.(.)$|man\1/&|' | sort)
    [ -z "$(find "$T/root" -xtype l)" ]
    cd "$T/root/usr/share"
    [ -s doc/tr-tools/README.md ]
    [ -s doc/tr-tools/LICENSE ]
    [ -x doc/tr-tools/examples/teacher-openai ]
    [ -s doc/tr-tools/examples/refit.mk ]
    [ ! -x doc/tr-tools/examples/refit.mk ]
    [ -s zsh/site-functions/_tr-tools ]
    for command in $(commands); do
        cmp "bash-completion/completions/$command" \
            bash-completion/completions/tr-tools
    done
    PATH=$T/root/usr/bin:/usr/bin:/bin
    tr-fit -q "$ROOT/samples/support.jsonl" --alpha .9 -o "$T/p"
    tr-route -q "$T/p" "$ROOT/samples/requests.jsonl" | jq -es 'any(.decision == "handled")'
    for adapter in "$T"/root/usr/bin/tr-from-*; do
        [ -e "$adapter" ] || continue
        echo "$adapter"
        "$adapter" -h | grep "usage: ${adapter##*/} " > "$T/usage"
    done
}

@test "uninstall leaves what was there before, and nothing else" {
    # a prefix as others left it
    mkdir -p "$T"/root/opt/{bin,lib,include,share/doc,share/man/man1} "$T/root/opt/share/doc/other"
    touch "$T/root/opt/bin/other" "$T/root/opt/share/man/man1/other.1"
    listed "$T/root" > "$T/before"
    make -s install DESTDIR="$T/root" PREFIX=/opt
    [ "$(listed "$T/root" | wc -l)" -gt $(($(wc -l < "$T/before") + 40)) ]
    make -s uninstall DESTDIR="$T/root" PREFIX=/opt
    diff "$T/before" <(listed "$T/root")
}

@test "each place can be another" {
    make -s install DESTDIR="$T/root" PREFIX=/p BINDIR=/b MANDIR=/m LIBDIR=/l DOCDIR=/d BASHDIR=/c ZSHDIR=/z
    ls "$T"/root/{b/tr-route,m/man1/tr-route.1,d/README.md,c/tr-route,z/_tr-tools}
    [ -z "$(find "$T/root/p" -name 'tr-*' ! -name tr-tools)" ]
    # the adapters find what they share
    for adapter in "$T"/root/b/tr-from-*; do
        [ ! -e "$adapter" ] || "$adapter" -V
    done
    make -s uninstall DESTDIR="$T/root" PREFIX=/p BINDIR=/b MANDIR=/m LIBDIR=/l DOCDIR=/d BASHDIR=/c ZSHDIR=/z
    [ -z "$(find "$T/root" ! -type d)" ]
}

@test "the package holds what install installs, for root, stripped, with what it needs" {
    need_package
    [[ $DEB == */tr-tools_0.1.0_$(dpkg --print-architecture).deb ]]
    dpkg-deb -x "$DEB" "$T/x"
    dpkg-deb -e "$DEB" "$T/e"
    diff <(ls "$T/x/usr/bin") <(commands)
    diff <(cd "$T/x/usr/share/man" && find . -type f -printf '%f\n' | sort) \
        <(cd man && ls -- *.[0-9] | sed 's/$/.gz/' | sort)
    (cd "$T/x" && md5sum --quiet -c "$T/e/md5sums")
    [ -z "$(find "$T/x" -xtype l)" ]
    [ "$(wc -l < "$T/e/md5sums")" -eq "$(find "$T/x" -type f | wc -l)" ]
    [ -z "$(dpkg-deb -c "$DEB" | awk '$2 != "root/root"')" ]
    [ -z "$(dpkg-deb -c "$DEB" | awk '$1 ~ /^[^l].......w/')" ]
    zcat "$T/x/usr/share/doc/tr-tools/changelog.gz" | grep '^tr-tools (0.1.0) '
    grep -q 'THE SOFTWARE IS PROVIDED "AS IS"' "$T/x/usr/share/doc/tr-tools/copyright"
    # each library that a program needs belongs to a package that is named
    depends=$(dpkg-deb -f "$DEB" Depends | tr -s ', ' '\n')
    grep -qx jq <<< "$depends"
    n=0
    for program in "$T"/x/usr/bin/* "$T"/x/usr/lib/*/*.so; do
        [ "$(head -c 4 "$program" 2> /dev/null | tr -d '\0')" = $'\177ELF' ] || continue
        readelf -SW "$program" > "$T/parts"
        [ "$(grep -c '\.debug_info' "$T/parts")" -eq 0 ]
        for library in $(readelf -d "$program" | sed -n 's/.*NEEDED.*\[\(.*\)\.so\..*\]/\1/p'); do
            case $library in libc | libm | ld-linux*) library=libc ;; esac
            echo "${program##*/}: $library"
            grep -qxE "$library-?[0-9]*(t64)?" <<< "$depends"
            n=$((n + 1))
        done
    done
    [ "$n" -ge 20 ]
}

@test "the same sources and the same time make the same bytes" {
    need_package
    epoch=$(dpkg-deb --fsys-tarfile "$DEB" | tar -tv --full-time --utc -f - ./usr/bin/tr-route | awk '{ print $4 " " $5 }')
    SOURCE_DATE_EPOCH=$(date -u -d "$epoch" +%s) VERSION=0.1.0 scripts/deb "$T/again" 2> /dev/null
    cmp "$DEB" "$T/again/${DEB##*/}"
}

@test "lintian finds nothing in the package but what is explained" {
    need_package
    command -v lintian > /dev/null || skip 'no lintian'
    run lintian --fail-on error,warning --tag-display-limit 0 "$DEB"
    echo "$output"
    [ "$status" -eq 0 ]
    # each override has a comment above it
    dpkg-deb --fsys-tarfile "$DEB" | tar -xOf - ./usr/share/lintian/overrides/tr-tools > "$T/overrides"
    awk '/^#/ { said = 1; next } NF && !said { bad = 1 } { said = 0 } END { exit bad }' "$T/overrides"
}

@test "dpkg installs the package, tr-fit runs from there, and removing it leaves nothing" {
    need_package
    [ "$(id -u)" -eq 0 ] || skip 'dpkg --root needs root'
    mkdir -p "$T"/root/var/lib/dpkg/{updates,info,triggers} "$T/root/var/log"
    touch "$T/root/var/lib/dpkg/status" "$T/root/var/lib/dpkg/available"
    find "$T/root" ! -path '*/var/*' ! -name var | sort > "$T/before"
    at() { dpkg --root="$T/root" --log="$T/log" --force-depends "$@"; }
    at -i "$DEB" > "$T/said" 2>&1
    [ "$(at -s tr-tools | sed -n 's/^Status: //p')" = 'install ok installed' ]
    (PATH=$T/root/usr/bin:/usr/bin:/bin
     tr-fit -q samples/support.jsonl --alpha .9 -o "$T/p"
     tr-route -q "$T/p" samples/requests.jsonl > "$T/decisions")
    cmp "$T/decisions" <(tr-route -q "$T/p" samples/requests.jsonl)
    [ -z "$(at -V tr-tools)" ]
    at -P tr-tools > "$T/said" 2>&1
    diff "$T/before" <(find "$T/root" ! -path '*/var/*' ! -name var | sort)
}

# ---- completion ----

# completed SHELL: the file for that shell, made once.
completed() {
    [ -s "$F/completion.$1" ] || { mkdir -p "$F"
        scripts/completion "$1" "$BIN"/tr-* $(ls scripts/from-* 2> /dev/null) > "$F/completion.$1"; }
    echo "$F/completion.$1"
}

@test "completion: every option of every -h, and no other" {
    completed bash > /dev/null
    for tool in $(commands); do
        file=$BIN/$tool
        [ -e "$file" ] || file=scripts/${tool#tr-}
        echo "$tool"
        "$file" -h | sed -nE 's/^  (-.), (--[a-z-]+).*/\1\n\2/p; s/^      (--[a-z-]+).*/\1/p' | sort > "$T/help"
        [ "$(wc -l < "$T/help")" -ge 2 ]
        diff "$T/help" <(bash -c '. "$1"; _tr_tools_options "$2" | cut -d " " -f 1,2' - \
            "$(completed bash)" "$tool" | tr ' ' '\n' | grep -vx -- - | sort)
        diff "$T/help" <(sed -n "/^$tool) options=(/,/^) ;;/p" "$(completed zsh)" |
            sed -nE "s/^  '(\([^)]*\))?(-[A-Za-z]|--[a-z-]+).*/\2/p" | sort)
    done
}

# offers WANTED WORD...: what bash offers for the last of these words, sorted, with blanks between.
offers() {
    local got
    got=$(bash --norc -c '. "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _tr_tools
        printf "%s\n" "${COMPREPLY[@]}" | sort | paste -sd " "' - "$(completed bash)" "${@:2}")
    echo "${*:2} -> $got"
    [ "$got" = "$1" ]
}

@test "completion in bash: options, choices, lists, files, and nothing wrong after --" {
    completed bash > /dev/null
    mkdir "$T/here"
    cd "$T/here"
    touch -- log.jsonl 'two words' -dashed
    offers --calibration tr-split --cal
    offers 'auto global l2d rsb' tr-calibrate --family ''
    offers global tr-calibrate --family g
    offers global tr-calibrate --family = g
    offers 'auto global l2d rsb' tr-calibrate --family =
    offers --family=global tr-calibrate --family=g
    offers 'curve flow' tr-audit --svg ''
    offers 'knn' tr-train --zoo k
    offers 'svm,mlp_1h svm,mlp_2h' tr-train --zoo svm,m
    offers 'all,-xgb' tr-train --zoo all,-x
    offers 'margin' tr-gate --features m
    offers 'margin' tr-fit --features m
    offers 'handled overall' tr-fit --guarantee ''
    offers auto tr-split --calibration ''
    offers log.jsonl tr-split -o l
    offers log.jsonl tr-split -qo l
    offers log.jsonl tr-split --labels l
    offers '-dashed log.jsonl two words' tr-split ''
    offers 'two words' tr-split --seed 3 t
    offers @log.jsonl tr-embed --header @l
    offers log.jsonl tr-embed --header @ l
    offers 'ollama openai' tr-embed --api o
    offers 'two words' tr-route --shadow = .1 t
    offers '' tr-split --seed ''
    offers '-dashed' tr-split -- -
    offers '' tr-split -- --cal
    offers '--calibration' tr-split -o -- --cal
    offers log.jsonl tr-split --seed 3 -- l
    # found by name, in a path as well
    offers --calibration /somewhere/tr-split --cal
}

@test "completion in zsh: options, choices, lists, files, and nothing wrong after --" {
    command -v zsh > /dev/null || skip 'no zsh'
    mkdir "$T/functions" "$T/here"
    cp "$(completed zsh)" "$T/functions/_tr-tools"
    touch "$T/here/some.jsonl"
    cat > "$T/typed" << 'END'
tr-split --cal	tr-split --calibration=
tr-split -o so	tr-split -o some.jsonl
tr-split so	tr-split some.jsonl
tr-split -- --cal	tr-split -- --cal
tr-split -- so	tr-split -- some.jsonl
tr-train --zoo le	tr-train --zoo lean,
tr-train --zoo svm,mlp_2	tr-train --zoo svm,mlp_2h,
tr-train --zoo=all,-xg	tr-train --zoo=all,-xgb,
tr-gate --features ma	tr-gate --features margin,
tr-calibrate --family=g	tr-calibrate --family=global
tr-calibrate --alpha .9 --gu	tr-calibrate --alpha .9 --guarantee=
tr-audit --svg f	tr-audit --svg flow
tr-fit --guarantee o	tr-fit --guarantee overall
tr-route --fallback zcompi	tr-route --fallback zcompile
END
    # an interactive shell on a terminal of its own; Ctrl-X writes down what the line has become
    cat > "$T/type" << 'END'
zmodload zsh/zpty || exit 77
until_lines() { local i junk; for i in {1..200}; do
    zpty -r -t z junk; [[ $(wc -l < $1/out) -ge $2 ]] && return; sleep .05; done; return 1 }
cd $1/here; : > $1/out
zpty -b z zsh -f -i
zpty -w z "PS1= PS2= RPS1=; stty cols 200; fpath=($1/functions \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w z "show() { print -r -- \"\${BUFFER% }\" >> $1/out; BUFFER= }; zle -N show; bindkey '^X' show"
zpty -w z "bindkey '^I' complete-word; print ready >> $1/out"
until_lines $1 1 || exit
n=1
while IFS=$'\t' read -r line wanted; do
    zpty -w -n z "$line"$'\t\x18'
    until_lines $1 $((++n)) || exit
done < $1/typed
zpty -d z
END
    timeout 100 zsh -f "$T/type" "$T" < /dev/null > "$T/terminal" 2>&1
    diff <(cut -f 2 "$T/typed") <(tail -n +2 "$T/out")
}
