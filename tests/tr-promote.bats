#!/usr/bin/env bats
# tr-promote: what may replace a policy and what may not, going back, and being killed anywhere.

load helper

# some.trp answers one label of two, more.trp both, less.trp promises less, refused.trp nothing.
setup_file() {
    fixtures
    P=$BATS_FILE_TMPDIR
    export P
    tiny_log 200 | tr-split -q | tr-train -q --zoo svm | tr-gate -q > "$P/model.trm"
    tr-calibrate -q --alpha .8 --defer-label red -o "$P/some.trp" "$P/model.trm"
    tr-calibrate -q --alpha .8 -o "$P/more.trp" "$P/model.trm"
    tr-calibrate -q --alpha .75 -o "$P/less.trp" "$P/model.trm"
    tr-calibrate -q --alpha .999 -o "$P/refused.trp" "$P/model.trm" 2> /dev/null || [ $? -eq 1 ]
    printf '%s\n' '{"input":"red a","expect":"red"}' '{"input":"blue b","expect":["blue",null]}' \
        '{"input":"xyzzy plugh","expect":null}' > "$P/cases"
}
setup() {
    common
    mkdir "$T/d"
    cd "$T/d"
}

said() { tail -n 1 policy.trp.history | jq -r "$1"; }
there() { ls -A | tr '\n' ' '; }

@test "the first policy, and a better one; the old one is kept" {
    expect 0 tr-promote "$P/some.trp" policy.trp
    [ -z "$output" ]
    [[ $stderr =~ ^'tr-promote: promoted: covers '[45][0-9.]+'%; '[0-9]+' of '[0-9]+' calibration rows agreed'$ ]]
    cmp policy.trp "$P/some.trp"
    [ "$(there)" = 'policy.trp policy.trp.history policy.trp.lock ' ]
    expect 0 tr-promote -q "$P/more.trp" policy.trp
    [ -z "$stderr" ]
    cmp policy.trp "$P/more.trp"
    cmp policy.trp.1 "$P/some.trp"
    [ "$(there)" = 'policy.trp policy.trp.1 policy.trp.history policy.trp.lock ' ]
    # the history says what the certificates say
    [ "$(jq -r .decision policy.trp.history)" = $'promoted\npromoted' ]
    [ "$(said '[.alpha, .delta, .coverage, .tested, .agreed, .rows, .digest] | @json')" = \
        "$(tr-show policy.trp | jq -r '.certificate | [.alpha, .delta, .coverage, .tested, .agreed, .rows, .digest] | @json')" ]
    [ "$(said '.agreement == .agreed / .tested')" = true ]
    [ "$(said .policy)" = "$T/d/policy.trp" ]
    [ "$(said .sha256)" = "$(sha256sum < policy.trp | cut -c 1-64)" ]
    [ "$(said .before.coverage)" = "$(tr-show policy.trp.1 | jq .certificate.coverage)" ]
    [[ $(said .time) =~ ^20[0-9-]+T[0-9:]+Z$ ]]
}

@test "refused, less or unsound: it stays, and the reason is said and written down" {
    stays() { # STATUS TEXT ARGS...: for no policy in place, and for one
        expect "$1" tr-promote "${@:3}"
        [[ $stderr == *"$2"* ]]
        [ "${#stderr_lines[@]}" -eq 1 ]
        cmp policy.trp "$P/more.trp"
        [ ! -e policy.trp.promoting ]
        [ ! -e policy.trp.1 ]
    }
    expect 1 tr-promote "$P/refused.trp" policy.trp
    [[ $stderr == *'kept: '*'is refused: too few calibration rows'*'policy.trp stays as it was' ]]
    [ ! -e policy.trp ]
    tr-promote -q "$P/more.trp" policy.trp
    stays 1 'is refused: too few' "$P/refused.trp" policy.trp
    [ "$(said .decision)" = kept ]
    [[ $(said .why) == *refused* ]]
    stays 1 'refused' --allow-less "$P/refused.trp" policy.trp
    stays 1 'instead of 100% (--allow-less to take it)' "$P/some.trp" policy.trp
    [[ $(said '.decision + " " + .why') == 'kept it covers '* ]]
    [ "$(said .before.sha256)" = "$(sha256sum < policy.trp | cut -c 1-64)" ]
    stays 1 'promises 75% instead of 80%' "$P/less.trp" policy.trp
    tr-calibrate -q --alpha .8 --delta .1 -o "$T/risky.trp" "$P/model.trm"
    stays 1 'risks 0.1 instead of 0.05' "$T/risky.trp" policy.trp
    tr-calibrate -q --alpha .8 --guarantee overall -o "$T/overall.trp" "$P/model.trm"
    stays 1 'overall instead of handled' "$T/overall.trp" policy.trp
    n=$(wc -l < policy.trp.history)
    head -c -1 "$P/more.trp" > "$T/cut.trp"
    stays 3 "$T/cut.trp: is cut off" "$T/cut.trp" policy.trp
    stays 3 'is no policy' "$P/model.trm" policy.trp
    stays 3 stdin - policy.trp < /dev/null
    stays 4 "$T/none" "$T/none" policy.trp
    [ "$(wc -l < policy.trp.history)" -eq "$n" ]
    expect 0 tr-promote --allow-less "$P/some.trp" policy.trp
    cmp policy.trp "$P/some.trp"
    cmp policy.trp.1 "$P/more.trp"
}

@test "one that is refused, damaged or missing in place is replaced by any that is certified" {
    cp "$P/refused.trp" policy.trp
    expect 0 tr-promote -q "$P/some.trp" policy.trp
    cmp policy.trp.1 "$P/refused.trp"
    head -c 100 "$P/more.trp" > policy.trp
    expect 0 tr-promote -q "$P/some.trp" policy.trp
    [[ $stderr == *'policy.trp: what is in place is not sound'* ]]
    cmp policy.trp "$P/some.trp"
    [ ! -e policy.trp.2 ] # nobody goes back to a damaged one
}

@test "the same again: in place already, not twice in the history" {
    tr-promote -q "$P/more.trp" policy.trp
    expect 0 tr-promote "$P/more.trp" policy.trp
    [[ $stderr == *'in place already' ]]
    expect 0 tr-promote policy.trp policy.trp
    [ "$(there)" = 'policy.trp policy.trp.history policy.trp.lock ' ]
    [ "$(wc -l < policy.trp.history)" -eq 1 ]
    # one that came there by other means is written down
    cp "$P/some.trp" policy.trp
    expect 0 tr-promote -q "$P/some.trp" policy.trp
    [ "$(wc -l < policy.trp.history)" -eq 2 ]
}

@test "--expect: each case is asked, the failing ones are shown" {
    expect 0 tr-promote -q --expect "$P/cases" "$P/more.trp" policy.trp
    { cat "$P/cases"; echo '{"input":"blue c","expect":"red"}'; echo '{"input":"red c","expect":null}'; } > "$T/cases"
    cp policy.trp old
    expect 1 tr-promote --allow-less --expect "$T/cases" "$P/less.trp" policy.trp
    cmp policy.trp old
    [ "${#stderr_lines[@]}" -eq 3 ]
    [[ ${stderr_lines[0]} == "tr-promote: $T/cases:4: expected \"red\", got \"blue\" (score "* ]]
    [[ ${stderr_lines[1]} == "tr-promote: $T/cases:5: expected null, got \"red\" ("* ]]
    [[ ${stderr_lines[2]} == *'kept: 2 of 5 cases fail;'* ]]
    # what is not answered is not answered so
    expect 1 tr-promote --allow-less --expect "$P/cases" "$P/some.trp" policy.trp
    [[ $stderr == *':1: expected "red", got null'* ]]
    # cases that are none
    for bad in 'x' '[]' '{"input":"a"}' '{"input":"a","expect":3}' '{"input":"a","expect":[]}' '' \
        '{"input":"a","expect":"b"} {}'; do
        { cat "$P/cases"; echo "$bad"; } > "$T/bad"
        expect 3 tr-promote --allow-less --expect "$T/bad" "$P/less.trp" policy.trp
        [[ ${stderr_lines[0]} == "tr-promote: $T/bad:4: "* ]] || { echo "$bad: $stderr"; false; }
    done
    { cat "$P/cases"; echo '{"expect":"b"}'; } > "$T/bad"
    expect 3 tr-promote --allow-less --expect "$T/bad" "$P/less.trp" policy.trp
    [[ $stderr == *"$T/bad:4: "*'no input'* ]]
    : > "$T/bad"
    expect 3 tr-promote --allow-less --expect "$T/bad" "$P/less.trp" policy.trp
    expect 4 tr-promote --allow-less --expect "$T/none" "$P/less.trp" policy.trp
    cmp policy.trp old
}

@test "--keep: so many, the newest first; none with 0" {
    for p in some more less; do cp "$P/$p.trp" "$T/$p.trp"; done
    for p in some more less some; do tr-promote -q --allow-less --keep 2 "$P/$p.trp" policy.trp; done
    cmp policy.trp.1 "$P/less.trp"
    cmp policy.trp.2 "$P/more.trp"
    [ ! -e policy.trp.3 ]
    tr-promote -q --keep 3 --allow-less "$P/more.trp" policy.trp
    cmp policy.trp.1 "$P/some.trp"
    cmp policy.trp.3 "$P/more.trp"
    # fewer than before
    tr-promote -q --keep 1 --allow-less "$P/less.trp" policy.trp
    [ "$(there)" = 'policy.trp policy.trp.1 policy.trp.history policy.trp.lock ' ]
    cmp policy.trp.1 "$P/more.trp"
    tr-promote -q --keep 0 --allow-less "$P/some.trp" policy.trp
    [ "$(there)" = 'policy.trp policy.trp.history policy.trp.lock ' ]
    # files of other names are not touched
    touch policy.trp.old policy.trp.1a policy.trp.01
    tr-promote -q --keep 1 "$P/more.trp" policy.trp
    [ "$(there)" = 'policy.trp policy.trp.01 policy.trp.1 policy.trp.1a policy.trp.history policy.trp.lock policy.trp.old ' ]
}

@test "--rollback: one step back a time, and what it takes away is 0" {
    for p in some more less; do tr-promote -q --allow-less "$P/$p.trp" policy.trp; done
    expect 0 tr-promote --rollback policy.trp
    [[ $stderr == *'rolled back: policy.trp.1 is in place; what it replaces is policy.trp.0' ]]
    cmp policy.trp "$P/more.trp"
    cmp policy.trp.0 "$P/less.trp"
    cmp policy.trp.1 "$P/some.trp"
    [ "$(said '[.decision, .sha256, .before.sha256] | @tsv')" = \
        "rolled back"$'\t'"$(sha256sum < policy.trp | cut -c 1-64)"$'\t'"$(sha256sum < policy.trp.0 | cut -c 1-64)" ]
    expect 0 tr-promote -q --rollback policy.trp
    cmp policy.trp "$P/some.trp"
    [ "$(there)" = 'policy.trp policy.trp.0 policy.trp.history policy.trp.lock ' ]
    expect 1 tr-promote --rollback policy.trp
    [[ $stderr == *'there is no policy.trp.1 to go back to' ]]
    cmp policy.trp "$P/some.trp"
    # and forward again
    expect 0 tr-promote -q policy.trp.0 policy.trp
    cmp policy.trp "$P/more.trp"
    # a damaged one is not put back
    head -c 100 policy.trp.1 > x
    mv x policy.trp.1
    expect 3 tr-promote --rollback policy.trp
    [[ $stderr == *'policy.trp.1: is cut off'* ]]
    cmp policy.trp "$P/more.trp"
    # nothing in place any more
    cp "$P/some.trp" policy.trp.1
    rm policy.trp
    expect 0 tr-promote -q --rollback policy.trp
    cmp policy.trp "$P/some.trp"
}

@test "--hup: routers are told, other processes are not" {
    cp "$P/some.trp" policy.trp
    mkfifo in
    tr-route --line-buffered policy.trp < in > out 3>&- &
    router=$!
    echo $router > router.pid
    exec 8> in
    ask() { echo '{"input":"red a"}' >&8; for _ in $(seq 200); do [ "$(wc -l < out)" -ge "$1" ] && break; sleep .02; done; }
    ask 1
    sleep 100 3>&- 8>&- &
    other=$!
    echo $other > other.pid
    echo nonsense > bad.pid
    expect 0 tr-promote -q --hup router.pid --hup other.pid --hup bad.pid --hup none.pid "$P/more.trp" policy.trp
    [ "${#stderr_lines[@]}" -eq 3 ]
    [[ ${stderr_lines[0]} == *'other.pid: no router'*'not told' ]]
    ask 2
    [ "$(jq -r '.label // "-"' out | tr '\n' ' ')" = '- red ' ]
    # it is told again by a run that keeps: one before may have been killed just before it
    cp "$P/some.trp" policy.trp
    expect 1 tr-promote -q --hup router.pid "$P/refused.trp" policy.trp
    ask 3
    tr-promote -q "$P/more.trp" policy.trp
    expect 0 tr-promote -q --hup router.pid --rollback policy.trp
    ask 4
    [ "$(jq -r '.label // "-"' out | tr '\n' ' ')" = '- red - - ' ]
    exec 8>&-
    wait $router
    kill $other # it is still there
}

@test "--lock and --wait: one at a time" {
    (flock 9; touch held; sleep 2) 9>> policy.trp.lock 3>&- &
    while [ ! -e held ]; do sleep .02; done
    expect 1 tr-promote --wait 0 "$P/some.trp" policy.trp
    [[ $stderr == *'policy.trp.lock was held by another run for 0 s; nothing was tried' ]]
    [ ! -e policy.trp ]
    expect 0 tr-promote -q --wait 0 --lock other.lock "$P/some.trp" policy.trp
    expect 0 tr-promote -q --wait 60 "$P/more.trp" policy.trp
    wait
    # ten at once, each of them whole
    for p in some more less some more less some more less more; do
        tr-promote -q --allow-less --keep 9 "$P/$p.trp" policy.trp 3>&- &
    done
    wait
    n=$(jq -r 'select(.decision == "promoted") | .sha256' policy.trp.history | uniq | wc -l)
    [ "$(jq -r .sha256 policy.trp.history | tail -n 1)" = "$(sha256sum < policy.trp | cut -c 1-64)" ]
    [ "$(ls policy.trp.[1-9]* | wc -l)" -eq $((n < 10 ? n - 1 : 9)) ]
}

@test "a link is followed, the mode stays, standard input is a policy too" {
    mkdir place
    cp "$P/some.trp" place/p
    chmod 640 place/p
    ln -s place/p policy.trp
    expect 0 tr-promote -q - policy.trp < "$P/more.trp"
    [ -L policy.trp ]
    cmp place/p "$P/more.trp"
    cmp place/p.1 "$P/some.trp"
    [ "$(stat -c %a place/p)" = 640 ]
    [ "$(there)" = 'place policy.trp ' ]
    # one history for two policies
    expect 0 tr-promote -q --history all "$P/some.trp" one.trp
    expect 0 tr-promote -q --history all "$P/some.trp" -- two.trp
    expect 0 tr-promote -q --history all "$P/some.trp" one.trp
    [ "$(jq -r '.policy | sub(".*/"; "")' all | tr '\n' ' ')" = 'one.trp two.trp ' ]
}

@test "what cannot be written: 4, and nothing in place has changed" {
    tr-promote -q "$P/some.trp" policy.trp
    for args in '--history /dev/full' '--history no/such' '--lock no/such'; do
        expect 4 tr-promote $args "$P/more.trp" policy.trp
        [ "${#stderr_lines[@]}" -eq 1 ]
        cmp policy.trp "$P/some.trp"
        [ "$(there)" = 'policy.trp policy.trp.history policy.trp.lock ' ]
    done
    expect 4 tr-promote "$P/more.trp" no/such/policy.trp
    expect 4 tr-promote "$P/more.trp" "$T"
    # a limit on the size of files
    expect 4 bash -c "ulimit -f 1; tr-promote '$P/more.trp' policy.trp"
    cmp policy.trp "$P/some.trp"
    [ "$(there)" = 'policy.trp policy.trp.history policy.trp.lock ' ]
    # a line of history that does not fit is taken back
    for i in $(seq 30); do head -n 1 policy.trp.history; done > x
    size=$(stat -c %s "$P/more.trp")
    while [ "$(stat -c %s x)" -lt "$size" ]; do cat x x > y; mv y x; done
    head -c $(((size / 1024 + 1) * 1024 - 100)) x > policy.trp.history
    cp policy.trp.history before
    expect 4 bash -c "ulimit -f $((size / 1024 + 1)); tr-promote '$P/more.trp' policy.trp"
    [[ $stderr == *'history: cannot be written'* ]]
    cmp policy.trp "$P/some.trp"
    cmp policy.trp.history before
    [ ! -e policy.trp.1 ]
}

# killer: programs in $T/kill that do what they are called, but for the call whose number is in
# $T/when: it kills everything.
killer() {
    mkdir "$T/kill"
    for tool in cat chmod cp ln mv rm sync truncate flock jq sha256sum stat tail; do
        cat > "$T/kill/$tool" << END
#!/bin/bash
n=\$((\$(< '$T/count') + 1))
echo \$n > '$T/count'
[ \$n -ne \$(< '$T/when') ] || kill -KILL 0
exec $(command -v $tool) "\$@"
END
        chmod +x "$T/kill/$tool"
    done
}
# killed ARGS...: tr-promote, killed as $T/when says; 137 then.
killed() {
    echo 0 > "$T/count"
    PATH=$T/kill:$PATH setsid -w tr-promote -q --keep 2 "$@" 3>&- || return $?
}

@test "killed at any step, promoting or going back: whole, and the next run puts it in order" {
    killer
    for what in promote rollback; do
        mkdir start
        for p in less some more; do tr-promote -q --keep 2 --allow-less "$P/$p.trp" start/policy.trp; done
        [ $what = rollback ] || for p in some more; do tr-promote -q --keep 2 --allow-less "$P/$p.trp" start/policy.trp; done
        case $what in
            promote) args=(--allow-less "$P/less.trp" policy.trp) new=$P/less.trp ;;
            rollback) args=(--rollback policy.trp) new=$P/some.trp ;;
        esac
        old=$P/more.trp finished=no promoted=0 kills=0 n=0
        step=${PROMOTE_STEP-2} # 1: before every single program that it runs
        while [ $finished = no ]; do
            n=$((n + step))
            rm -rf work
            cp -a start work
            cd work
            sed "s|/start/|/work/|" ../start/policy.trp.history > policy.trp.history
            echo $n > "$T/when"
            status=0
            killed "${args[@]}" || status=$?
            if [ $status -eq 0 ]; then
                finished=yes
            else
                [ $status -eq 137 ]
                kills=$((kills + 1))
                cmp -s policy.trp "$old" || cmp policy.trp "$new"
            fi
            # the next run, of whatever kind, ends in order
            if [ $what = promote ]; then
                expect 0 tr-promote -q --keep 2 "${args[@]}"
                cmp policy.trp "$new"
                cmp policy.trp.1 "$old"
                cmp policy.trp.2 "$P/some.trp"
                want='policy.trp policy.trp.1 policy.trp.2 policy.trp.history policy.trp.lock '
            else
                expect 1 tr-promote -q --keep 2 "$P/refused.trp" policy.trp
                if cmp -s policy.trp "$new"; then
                    cmp policy.trp.0 "$old"
                    cmp policy.trp.1 "$P/less.trp"
                    want='policy.trp policy.trp.0 policy.trp.1 policy.trp.history policy.trp.lock '
                    promoted=$((promoted + 1))
                else
                    cmp policy.trp "$old"
                    cmp policy.trp.1 "$new"
                    want='policy.trp policy.trp.1 policy.trp.2 policy.trp.history policy.trp.lock '
                fi
            fi
            echo "$what $n: $(there)"
            [ "$(there)" = "$want" ]
            # the last decision written down is what is in place, and it is there once
            jq -es 'map(select(.decision != "kept")) | .[-1].sha256 == $sha and .[-1].sha256 != .[-2].sha256' \
                --arg sha "$(sha256sum < policy.trp | cut -c 1-64)" policy.trp.history > /dev/null
            cd ..
        done
        echo "$what: $kills kills"
        [ $((kills * step)) -ge 16 ]
        [ $what = promote ] || [ $((promoted * step)) -ge 4 ]
        rm -rf start work
    done
}

@test "what was cut short is ended only where nothing else came in between" {
    for p in some more; do tr-promote -q "$P/$p.trp" policy.trp; done
    # as if killed behind the line of history
    cp "$P/some.trp" policy.trp
    rm policy.trp.1
    cp "$P/more.trp" policy.trp.promoting
    cp policy.trp.history "$T/history"
    expect 1 tr-promote -q "$P/refused.trp" policy.trp
    [[ ${stderr_lines[0]} == *'cut short; what it decided is done now' ]]
    cmp policy.trp "$P/more.trp"
    cmp policy.trp.1 "$P/some.trp"
    # the same, but the place was closed since then
    cp "$T/history" policy.trp.history
    cp "$P/refused.trp" policy.trp
    cp "$P/more.trp" policy.trp.promoting
    expect 1 tr-promote -q "$P/refused.trp" policy.trp
    cmp policy.trp "$P/refused.trp"
    [ ! -e policy.trp.promoting ]
    # a copy that is not the one that was decided on
    cp "$T/history" policy.trp.history
    cp "$P/some.trp" policy.trp
    head -c 100 "$P/more.trp" > policy.trp.promoting
    touch policy.trp.keeping
    expect 1 tr-promote -q "$P/refused.trp" policy.trp
    cmp policy.trp "$P/some.trp"
    [ "$(there)" = 'policy.trp policy.trp.history policy.trp.lock ' ] # .1 was the same as in place
    # a line of history that was cut off stays alone
    printf '{"time":"2026' >> policy.trp.history
    expect 0 tr-promote -q "$P/more.trp" policy.trp
    [ "$(tail -n 1 policy.trp.history | jq -r .decision)" = promoted ]
}

@test "wrong usage: 2, one line" {
    for args in '' one 'one two three' '--keep x one two' '--keep -1 one two' '--keep' '--nothing one two' \
        '-x one two' '--wait 1.5 one two' '--rollback' '--rollback one two' '--rollback one --expect x' \
        '--allow-less=yes one two' '--hup= one two'; do
        expect 2 tr-promote $args
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr == *'try tr-promote -h' ]]
    done
    [ -z "$(ls -A)" ]
}

@test "help and version; from anywhere, by a link, and without its sisters" {
    expect 0 tr-promote -h
    [[ ${lines[0]} == 'usage: tr-promote NEW POLICY'* ]]
    expect 0 tr-promote -qV
    [ "$output" = "$(tr-show -V | sed s/tr-show/tr-promote/)" ]
    expect 4 bash -c 'tr-promote -h > /dev/full'
    ln -s "$BIN/tr-promote" link
    expect 0 ./link -q "$P/more.trp" policy.trp
    cp "$BIN/tr-promote" alone
    expect 4 ./alone "$P/more.trp" policy.trp
    [[ $stderr == *'there is no tr-show'* ]]
}
