# browser: a headless Chromium for a script that has sourced scene.sh, driven by WebDriver. browser_open starts it;
# js, is_js, look and the rest ask it.
# shellcheck shell=bash

browser_missing() {
    ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null
}

browser_open() {
    chromedriver --port=0 >driver.log 2>&1 &
    PIDS+=("$!")
    wait_for 20 grep -q "started successfully on port" driver.log || fail "no chromedriver: $(cat driver.log)"
    DRIVER=http://127.0.0.1:$(sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p' driver.log)/session
    SESSION=/$(driver "" '{"capabilities":{"alwaysMatch":{"browserName":"chrome","goog:chromeOptions":
        {"args":["--headless","--no-sandbox","--disable-gpu","--disable-dev-shm-usage"]}}}}' | jq -r .sessionId)
}

browser_close() {
    curl -s -X DELETE "$DRIVER$SESSION" >/dev/null
}

# driver PATH JSON: the value of the answer.
driver() {
    curl -s --max-time 120 "$DRIVER$1" -H 'Content-Type: application/json' -d "$2" >answer.json
    jq -e '.value | (type != "object" or (has("error") | not))' answer.json >/dev/null ||
        fail "browser: $1: $(cut -c1-300 answer.json)"
    jq -c .value answer.json
}

browse() { driver "$SESSION/url" "{\"url\":\"$1\"}" >/dev/null; }
js() { driver "$SESSION/execute/sync" "$(jq -n --arg s "$1" '{script: $s, args: []}')"; }
is_js() { [ "$(js "return $1")" = true ]; }
cdp() { driver "$SESSION/goog/cdp/execute" "{\"cmd\":\"$1\",\"params\":$2}" >/dev/null; }
press() { # CODE of a key, as WebDriver numbers them
    driver "$SESSION/actions" "{\"actions\":[{\"type\":\"key\",\"id\":\"k\",\"actions\":[
        {\"type\":\"keyDown\",\"value\":\"\\u$1\"},{\"type\":\"keyUp\",\"value\":\"\\u$1\"}]}]}" >/dev/null
}

# shown KEY: the value behind what the page shows for it.
shown() { js "return document.querySelector('[data-key=\"$1\"]').dataset.value" | jq -r 'tonumber? // .'; }

# look NAME WIDTH light|dark [HEIGHT]: as it is seen so, and with PAGE_SHOTS=DIR a screenshot.
look() {
    cdp Emulation.setDeviceMetricsOverride "{\"width\":$2,\"height\":${4:-1200},\"deviceScaleFactor\":1,\"mobile\":false}"
    cdp Emulation.setEmulatedMedia "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$3\"}]}"
    [ -z "${PAGE_SHOTS:-}" ] || curl -s "$DRIVER$SESSION/screenshot" | jq -r .value | base64 -d >"$PAGE_SHOTS/$1.png"
}
ground() { js 'return getComputedStyle(document.body).backgroundColor'; }

# light_and_dark NAME: both exist, and at 360 pixels nothing has to be scrolled sideways.
light_and_dark() {
    local light
    look "$1-wide-light" 1280 light
    light=$(ground)
    look "$1-wide-dark" 1280 dark
    [ "$light" != "$(ground)" ] || fail "dark looks like light: $light"
    for how in dark light; do
        look "$1-narrow-$how" 360 $how
        is_js 'document.documentElement.scrollWidth <= 360' ||
            fail "at 360 pixels the page is $(js 'return document.documentElement.scrollWidth') wide"
    done
    is_js '[...document.querySelectorAll("svg")].every(e => e.tabIndex == 0 && e.getAttribute("aria-label").length > 10)' ||
        fail "a plot cannot be reached by keyboard or says nothing"
}

# names_no_host FILE: a page that asks nobody.
names_no_host() {
    ! grep -o 'https\?://[^ "'"'"']*' "$1" | grep -v '^http://www.w3.org/2000/svg$' || fail "$1 names another host"
}
