#!/usr/bin/env bats
# What can go wrong around the tools: full disks, closed pipes, empty and cut input.

load helper
setup_file() { fixtures; }
setup() { common; }

# Every tool with work for it, by its name: command NAME.
tools='split train gate calibrate verify refuse route show'
command() {
    case $1 in
    split) echo "tr-split -q '$F/log'" ;;
    train) echo "tr-train -q --zoo svm '$F/split'" ;;
    gate) echo "tr-gate -q '$F/model.trm'" ;;
    calibrate) echo "tr-calibrate -q --alpha .8 '$F/gated.trm'" ;;
    verify) echo "tr-calibrate -q --verify '$F/policy.trp' '$F/split'" ;;
    refuse) echo "tr-calibrate -q --alpha .995 '$F/gated.trm'" ;;
    route) echo "tr-route -q '$F/policy.trp' '$F/requests'" ;;
    show) echo "tr-show -q '$F/gated.trm'" ;;
    esac
}

@test "/dev/full: exit 4 and a word, to stdout, to -o, for help and version" {
    for tool in $tools; do
        c=$(command $tool)
        [ $tool = verify ] && continue # writes nothing
        echo "$c"
        expect 4 bash -c "$c > /dev/full"
        [[ $stderr == "tr-"*": "*"No space left"* ]]
        expect 4 bash -c "$c -o /dev/full"
    done
    for tool in split train gate calibrate route show; do
        expect 4 bash -c "tr-$tool --help > /dev/full"
        expect 4 bash -c "tr-$tool --version > /dev/full"
    done
    # lost output counts for more than a bad line
    expect 4 bash -c "echo x | tr-route '$F/tiny.trp' > /dev/full"
    expect 4 bash -c "tr-route -j 2 --line-buffered '$F/tiny.trp' '$F/requests' > /dev/full"
}

@test "a closed pipe ends every tool quietly, the signal ignored or not" {
    mkfifo "$T/pipe"
    for trap in '' "trap '' PIPE; "; do
        for tool in $tools; do
            [ $tool = verify ] && continue
            c=$(command $tool)
            echo "$trap$c"
            # the reader is gone before the first byte is written
            run --separate-stderr bash -c "$trap: > '$T/go'; { while [ -e '$T/go' ]; do sleep .02; done; exec $c; } |
                { rm '$T/go'; exec true; }; echo \${PIPESTATUS[0]}"
            echo "$output $stderr"
            [[ $output == 141 || $output == 0 ]] # 0: it was done before the reader was gone
            [ -z "$stderr" ]
        done
        # the reader goes when there is much more to come
        for _ in $(seq 100); do cat "$F/requests"; done > "$T/many"
        for args in '' '-j 2' --line-buffered; do
            run --separate-stderr bash -c "${trap}tr-route $args '$F/tiny.trp' '$T/many' | head -1 > /dev/null; echo \${PIPESTATUS[0]}"
            [ "$output" = 141 ]
            [ -z "$stderr" ]
        done
    done
}

@test "closed descriptors: exit 4, and nothing goes where it does not belong" {
    for tool in $tools; do
        [ $tool = verify ] && continue
        expect 4 bash -c "$(command $tool) >&-"
    done
    expect 4 bash -c "tr-train -q <&-"
    expect 4 bash -c "tr-gate -q <&-"
    expect 4 bash -c "tr-show -q <&-"
    expect 4 bash -c "tr-route -q '$F/tiny.trp' <&-"
    # without stderr: the same bytes
    expect 0 bash -c "tr-calibrate --alpha .8 '$F/gated.trm' -o '$T/p' <&- >&- 2>&-"
    cmp "$T/p" "$F/policy.trp"
    expect 0 bash -c "tr-route '$F/policy.trp' '$F/requests' -o '$T/out' <&- >&- 2>&-"
    tr-route "$F/policy.trp" "$F/requests" | cmp - "$T/out"
}

@test "empty input: exit 3 with a reason, but no requests are no fault" {
    for c in 'tr-split' 'tr-train' 'tr-gate' 'tr-calibrate --alpha .8' "tr-calibrate --verify $F/policy.trp" \
        'tr-show' "tr-route /dev/stdin"; do
        expect 3 bash -c "$c < /dev/null"
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    expect 0 bash -c "tr-route '$F/tiny.trp' < /dev/null"
}

@test "files that are not there, directories, files that may not be read: exit 4 with the name" {
    for c in tr-split tr-train tr-gate 'tr-calibrate --alpha .8' "tr-calibrate --verify $F/policy.trp" \
        tr-show tr-route "tr-route $F/tiny.trp"; do
        for bad in "$T/none" "$T"; do
            expect 4 $c "$bad"
            [[ $stderr == *"$bad"* ]]
        done
        [ "$(id -u)" -eq 0 ] && continue
        : > "$T/shut"
        chmod 000 "$T/shut"
        expect 4 $c "$T/shut"
        rm -f "$T/shut"
    done
}

@test "-o: on a failure the old file stays, with nothing beside it" {
    mkdir "$T/d"
    keeps() { # STATUS COMMAND: with -o on a file that is there, and on one that is not
        echo old > "$T/d/out"
        expect "$1" bash -c "$2 -o '$T/d/out'"
        [ "$(cat "$T/d/out")" = old ]
        rm "$T/d/out"
        [ "$1" -eq 1 ] || expect "$1" bash -c "$2 -o '$T/d/out'"
        [ -z "$(ls -A "$T/d")" ]
    }
    head -c 30000 "$F/split" > "$T/cut.split"
    head -c 30000 "$F/model.trm" > "$T/cut.trm"
    head -c 30000 "$F/log" > "$T/cut.log"
    keeps 3 "tr-split -q --calibration .3 '$T/cut.log'"
    keeps 3 "tr-train -q '$T/cut.split'"
    keeps 3 "tr-gate -q '$T/cut.trm'"
    keeps 3 "tr-calibrate -q --alpha .8 '$T/cut.trm'"
    keeps 1 "tr-calibrate -q --alpha .995 '$F/gated.trm'"
    keeps 3 "tr-show '$T/cut.trm'"
    keeps 3 "tr-route '$T/cut.trm' '$F/requests'"
    keeps 2 "tr-train -q --zoo nothing '$F/split'"
    keeps 2 "tr-calibrate -q --alpha 2 '$F/gated.trm'"
    # a place that cannot be written
    for tool in split train gate calibrate refuse route show; do
        expect 4 bash -c "$(command $tool) -o '$T/none/out'"
        [[ $stderr == *"$T/none/out"* ]]
    done
}

@test "-o: a new file whole, with the old one's mode, through a link" {
    : > "$T/file"
    chmod 640 "$T/file"
    ln -s file "$T/link"
    tr-calibrate -q --alpha .8 -o "$T/link" "$F/gated.trm"
    [ -L "$T/link" ]
    [ "$(stat -c %a "$T/file")" = 640 ]
    cmp "$T/file" "$F/policy.trp"
    # killed half way: the old one is whole
    mkfifo "$T/in"
    tr-route "$F/tiny.trp" -o "$T/file" < "$T/in" 3>&- &
    exec 8> "$T/in"
    cat "$F/requests" >&8
    sleep .3
    kill -KILL $!
    exec 8>&-
    cmp "$T/file" "$F/policy.trp"
}

@test "a split stream cut anywhere: tr-train exits 3" {
    size=$(stat -c %s "$F/tiny.split")
    last=$(tail -1 "$F/tiny.split" | wc -c)
    # every cut within the last row and the trailer, and some before (but the newline at the very
    # end: a last line needs none)
    for n in 1 2 10 100 1000 $(seq 70 331 $((size - last))) $(seq $((size - last - 40)) 3 $((size - 2))); do
        head -c "$n" "$F/tiny.split" > "$T/cut"
        run tr-train -q --zoo svm -o "$T/m" "$T/cut"
        [ "$status" -eq 3 ] || { echo "$n bytes: $status $output"; false; }
        [ ! -e "$T/m" ]
    done
    head -c -1 "$F/tiny.split" | tr-train -q --zoo svm | tr-gate | cmp - "$F/tiny.trm"
}

@test "every prefix and every changed byte of a small policy and stream: refused" {
    [ -x "$BUILD/faults/prefixes" ] || skip "faults/prefixes is not built"
    for file in "$F/tiny.trp" "$F/tiny.trm"; do
        for how in cut flip; do
            expect 0 "$BUILD/faults/prefixes" $how "$file"
            # all but the sound file, before and after
            [[ $output == *"tried, 2 of them used" ]]
            [ "${output%% *}" -gt "$(stat -c %s "$file")" ]
        done
    done
    # the golden one now and then
    for how in cut flip; do
        expect 0 "$BUILD/faults/prefixes" $how "$GOLDEN/policy.trp" 397
        [[ $output == *"tried, 2 of them used" ]]
    done
}

@test "damage under sound checksums is refused or harmless" {
    [ -x "$BUILD/faults/prefixes" ] || skip "faults/prefixes is not built"
    expect 0 "$BUILD/faults/prefixes" reseal "$F/tiny.trp"
    expect 0 "$BUILD/faults/prefixes" short "$F/tiny.trp"
    expect 0 "$BUILD/faults/prefixes" reseal "$F/tiny.trm" 23
    expect 0 "$BUILD/faults/prefixes" short "$F/tiny.trm"
    expect 0 "$BUILD/faults/prefixes" reseal "$GOLDEN/policy.trp" 997
    expect 0 "$BUILD/faults/prefixes" reseal "$F/refused.trp"
}

@test "the tools refuse cut and changed streams and policies with exit 3" {
    size=$(stat -c %s "$F/tiny.trm")
    for n in 1 8 63 64 65 1000 $((size / 2)) $((size - 65)) $((size - 64)) $((size - 1)); do
        head -c "$n" "$F/tiny.trm" > "$T/cut"
        for c in tr-gate 'tr-calibrate --alpha .8' tr-show; do
            expect 3 $c "$T/cut"
            [ -z "$output" ]
            expect 3 bash -c "$c < '$T/cut'"
            [[ $stderr == *stdin* ]]
        done
    done
    size=$(stat -c %s "$F/tiny.trp")
    for n in 1 8 63 64 65 1000 $((size / 2)) $((size - 65)) $((size - 64)) $((size - 1)); do
        head -c "$n" "$F/tiny.trp" > "$T/cut"
        for c in "tr-route $T/cut $F/requests" "tr-show $T/cut" "tr-calibrate --verify $T/cut $F/tiny.split"; do
            expect 3 $c
            [ -z "$output" ]
            [[ $stderr == *"$T/cut: is "* ]]
        done
        { head -c "$n" "$F/tiny.trp"; printf '\252'; tail -c +$((n + 2)) "$F/tiny.trp"; } > "$T/changed"
        expect 3 tr-route "$T/changed" "$F/requests"
        [ -z "$output" ]
    done
    { cat "$F/tiny.trp"; echo; } > "$T/more"
    expect 3 tr-route "$T/more" "$F/requests"
    [[ $stderr == *"behind its end"* ]]
    # the two kinds are not taken for each other
    expect 3 tr-route "$F/tiny.trm" "$F/requests"
    [[ $stderr == *"is a model stream, not a policy"* ]]
    expect 3 tr-gate "$F/tiny.trp"
    [[ $stderr == *"is a policy, not a model stream"* ]]
}

@test "a line too long for the memory: exit 4 with a word, never a crash" {
    sanitized && skip "not under the sanitizers"
    { printf '{"teacher":"b","input":"'; head -c 40000000 /dev/zero | tr '\0' x; printf '"}\n'; } > "$T/long"
    for kb in 30000 60000 90000; do # and quickly: memory that is short is not tried for byte by byte
        expect 4 bash -c "ulimit -v $kb; tr-split -q --calibration .2 '$T/long' > /dev/null"
        [[ $stderr == *memory* ]]
    done
    for kb in 45000 60000 90000; do
        run --separate-stderr bash -c "ulimit -v $kb; tr-route -q '$F/tiny.trp' '$T/long' > /dev/null"
        [[ $status -eq 4 && $stderr == *memory* ]] || [[ $stderr == *"shared libraries"* ]]
    done
}
