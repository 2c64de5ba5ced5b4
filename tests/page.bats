#!/usr/bin/env bats
# The page of tr-audit --html in a real browser (Chromium, headless): at a phone's and a desk's width,
# in light and in dark. tests/browser/look.html says what is looked at. Screenshots of it all go to
# $BUILD/screenshots.

load helper

setup_file() {
    fixtures
    P=$BATS_FILE_TMPDIR
    export P
    cp "$ROOT/tests/browser/look.html" "$P"
    hostile
    # what the policy decides on rows that it has never seen
    sed -n '601,$p' "$ROOT/samples/support.jsonl" |
        tr-route -q --explain "$F/policy.trp" > "$P/decisions"
    head -600 "$P/decisions" | tr-audit -q --policy "$F/policy.trp" --json > "$P/before.json" || [ $? -eq 1 ]
    page report "$P/decisions" --policy "$F/policy.trp" --baseline "$P/before.json" \
        --calls-per-day 200000 --price-per-call .002 --price-per-error .05
    # two stages, few labels known and those weighed; nothing answered; nothing known
    sed -n '601,1200p' "$ROOT/samples/support.jsonl" | embedded |
        tr-route -q "$F/e.trp" |
        jq -c '.shadow_share = 0.25 | if .decision == "deferred" then . else .propensity = 0.25 |
            if input_line_number % 4 > 0 then del(.teacher) else .shadow = true end end' > "$P/weighed"
    page weighed "$P/weighed" --alpha .99 --by teacher
    tr-route -q "$F/refused.trp" "$F/log" > "$P/refused"
    page refused "$P/refused" --policy "$F/refused.trp"
    tr-route -q "$F/policy.trp" "$F/requests" | jq -c 'del(.teacher)' > "$P/unknown"
    page unknown "$P/unknown" --alpha .8
    page texts "$P/texts" --alpha .9
}

setup() {
    common
    P=$BATS_FILE_TMPDIR
}

# page NAME FILE ARGS...: a page of these decisions.
page() { tr-audit -q --html -o "$P/$1.html" "${@:3}" "$2" || [ $? -eq 1 ]; }

# Texts that are no words: as labels (where they are short) and as inputs; and in texts.js as they must
# be shown.
hostile() {
    jq -n '[["<script>alert(1)</script>"], ["\" onmouseover=\"alert(1)"],
        ["\u0027><img src=x onerror=alert(1)>"], ["</bdi></td></table></style></svg><h1>x</h1>"],
        ["&lt;b&gt; &amp; &"], ["-->"], ["]]>"], ["<!--"], ["javascript:alert(1)"], ["{{7*7}} ${x}"],
        ["\u202egnorw si siht"], ["\u2069\u2069\u202eloose"], ["\u0645\u0631\u062d\u0628\u0627 abc"],
        ["\ud83d\ude00\ud83d\udc69\u200d\ud83d\udc67 family"], ["z\u0300\u0301\u0302\u0303\u0304 marks"],
        ["tab\there\nnew\r\nlines"], ["\u0001\u0002\u001b[31mred\u007f", "\ufffd\ufffd\ufffd[31mred\ufffd"],
        ["a" * 240], ["W" * 100000, "W" * 240], ["\ufdfd" * 40], ["x  y"]] |
        map([.[0], .[-1]])' > "$P/pairs.json"
    # of each a dozen rows, deferred and answered, rightly and wrongly
    jq -c 'map(.[0]) as $texts | range($texts | length) as $i | $texts[$i] as $text |
        ($texts | map(if length < 100 then . else .[:5] end)) as $labels | range(12) as $k |
        {input: $text, teacher: $labels[$i], propensity: 1, shadow_share: 0} +
        if $k < 8 then {label: $labels[if $k < 2 then ($i + 1) % ($texts | length) else $i end],
                        decision: "handled", accept_score: 0.9, stage: 1}
        else {label: null, decision: "deferred", accept_score: 0.1, stage: null} end' \
        "$P/pairs.json" > "$P/texts"
    jq -r '"const texts = \(map(.[1]))"' "$P/pairs.json" > "$P/texts.js"
}

browser() {
    chromium=$(command -v chromium || command -v chromium-browser) || skip 'no chromium'
    sanitized && [ "${1-}" = again ] && skip 'the browser is the same under the sanitizers'
    return 0
}

# chrome SCHEME ARGS...: what the browser says goes to $T/said, what it asks the network for to $T/net.
# It finds no host.
chrome() {
    local scheme=1
    [ "$1" = light ] || scheme=0
    timeout 120 "$chromium" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --hide-scrollbars --no-first-run --disable-background-networking --disable-component-update \
        --disable-sync --user-data-dir="$T/profile" --allow-file-access-from-files \
        --host-resolver-rules='MAP * ~NOTFOUND' --blink-settings=preferredColorScheme=$scheme \
        --enable-logging=stderr --log-net-log="$T/net" "${@:2}" 2> "$T/said" 3>&-
}

# look SCHEME PAGE...: the findings, a line each, and "looked at N" when all has been looked at.
look() {
    local IFS=,
    chrome "$1" --dump-dom "file://$P/look.html?$*" |
        sed -n '/<pre id="findings">/,/<\/pre>/{/pre/!p}' | tee "$T/last"
}

# What the pages asked of the network (the browser asks for itself, too), and what scripts and the
# content policy said.
asked() { grep '"initiator":' "$T/net" | grep -v '"initiator":"not an origin"' | grep -o '"url":"[^"]*"'; }
said() { grep ':CONSOLE' "$T/said"; }

all=(report.html weighed.html refused.html unknown.html texts.html)

@test "one file: no script, nothing from outside, a content policy" {
    local file
    for file in "${all[@]}"; do
        file=$P/$file
        grep -q "default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;" "$file"
        [ "$(grep -c '<h1' "$file")" -eq 1 ]
        run ! grep -iE '<(script|link|img|iframe|object|base)|@import|url\(|https?://' "$file"
        run ! grep -iE '<[a-z][^>]* (src|on[a-z]+|href="[^#])' "$file"
    done
    [[ $(wc -c < "$P/texts.html") -lt 300000 ]]
}

@test "in light: nothing sticks out, overlaps or is pale; no request, no word on the console" {
    browser
    [ "$(look light "${all[@]}")" = 'looked at 15' ]
    run ! asked
    run ! said
}

@test "in dark" {
    browser again
    [ "$(look dark "${all[@]}")" = 'looked at 15' ]
    run ! asked
    run ! said
}

@test "the checks can fail" {
    browser again
    cat > "$P/bad.html" << 'END'
<!DOCTYPE html><title></title><h1>a</h1><h1>b</h1><h3>c</h3><p id=i></p><p id=i onclick="x()"></p>
<div style="width:2000px;background:#eee">wide</div><p style="color:#999;background:#aaa">pale</p>
<img src="http://elsewhere.invalid/x.png"><script>console.error("spoken")</script>
<details><p style="width:3000px">wide</details><table><tr><th>q</table>
<table><caption>q</caption><thead><tr><th scope=col style="width:3em;overflow-wrap:anywhere;
max-width:3em">disagreement by&shy;half</table>
<svg width=100 height=50><text x=5 y=20>one over</text><text x=9 y=22>another</text></svg>
END
    # of a page whose texts are all there but one, and which is looked at in the wrong light
    sed 's/&lt;script&gt;/\&lt;Script\&gt;/g' "$P/texts.html" > "$P/kept.html"
    mkdir "$T/other"
    cp "$P"/{look.html,texts.js,bad.html} "$T/other"
    mv "$P/kept.html" "$T/other/texts.html"
    local found finding
    found=$(P=$T/other look light bad.html texts.html)
    for finding in 'bad.html 360: no language' 'bad.html 360: no title' 'bad.html 360: 2 elements h1' \
        'bad.html 1440: 0 elements main' 'bad.html 360: heading level left out before: c' \
        'bad.html 360: table without caption' 'bad.html 360: th without scope: q' \
        'bad.html 360: picture without words' 'bad.html 360: an id twice' \
        'bad.html 360: element img' 'bad.html 360: element script' 'bad.html 360: attribute onclick' \
        'bad.html 360: reference http://elsewhere.invalid/x.png' 'bad.html 1440: 2008 px wide' \
        'bad.html 1440: 3008 px wide, unfolded' \
        'bad.html 360: contrast 1.23 of p: pale' 'bad.html 360: another on one over' 'bad.html 360: broken: disagreement' \
        'texts.html 360: not shown as it is: "&lt;script&gt;alert(1)&lt;/script&gt;"'; do
        grep -qxF "$finding" <<< "$found" || { echo "missed: $finding"; false; }
    done
    grep -qE '^bad.html 1440: [0-9]+ elements stick out: div$' <<< "$found"
    grep -qxF '"url":"http://elsewhere.invalid/x.png"' <<< "$(asked)"
    [[ $(said) == *'"spoken"'* ]]
    found=$(P=$T/other chrome dark --dump-dom "file://$T/other/look.html?light,texts.html")
    [[ $found == *'texts.html 360: is not shown light'* ]]
}

@test "screenshots, for people" {
    browser again
    local shots=$BUILD/screenshots scheme file
    mkdir -p "$shots"
    cat > "$P/phone.html" << 'END'
<!DOCTYPE html><style>body { margin: 0 } iframe { border: 0; display: block }</style>
<iframe src="report.html" width="360" height="4000"></iframe>
END
    for scheme in light dark; do
        chrome $scheme --window-size=1440,4000 --screenshot="$shots/report-desk-$scheme.png" \
            "file://$P/report.html"
        chrome $scheme --window-size=500,4000 --screenshot="$shots/report-phone-$scheme.png" \
            "file://$P/phone.html"
    done
    for file in "$shots"/report-{phone,desk}-{light,dark}.png; do
        [ "$(wc -c < "$file")" -gt 50000 ]
    done
    ! cmp -s "$shots/report-desk-light.png" "$shots/report-desk-dark.png"
}
