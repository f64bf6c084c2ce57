#!/bin/bash
# The live page of a worker in a real browser: its numbers are those of /status, in light and in dark, at 360 pixels
# without scrolling sideways, by keyboard; what comes from outside stays text. With PAGE_SHOTS=DIR, screenshots.
. "$(dirname "$0")/../lib/scene.sh"
. "$ROOT/tests/lib/browser.sh"
if browser_missing; then
    echo "skipped: needs a browser (Debian packages chromium, chromium-driver)"
    exit 77
fi

hostile='<img src=x onerror=document.title=1>'
sim_start --latency 20ms --fault 500:5 --fault 429:5,wait=100ms
config_for_sim c.yaml "rpm: 100000" "max_parallel_requests: 50"
sed -i 's/^router_settings: {/&num_retries: 20, /' c.yaml
"$SLUICE" dev -c c.yaml --store store --ready-file ready --set observability.listen=127.0.0.1:0 >dev.out 2>dev.log &
DEV=$!
PIDS+=("$DEV")
wait_for 20 test -s ready || fail "dev did not start: $(cat dev.log)"
PORT=$(sed -n 's|.*admin port url=http://127.0.0.1:\([0-9]*\)/.*|\1|p' dev.log)
{
    prompts 300
    prompts 100 | sed 's/"custom_id":"q/"custom_id":"again/'
    printf '{"custom_id":"%s","body":{"model":"nobody","messages":[{"role":"user","content":"x"}]}}\n' "$hostile"
} >in.jsonl
"$SLUICE" enqueue -i in.jsonl -b "$(cat ready)" --progress none >run.json 2>enqueue.log || fail "enqueue: $(cat enqueue.log)"
status() { curl -s "http://127.0.0.1:$PORT/status"; }
all_done() { status | jq -e '.pool.finished == 401 and .kafka.open == 0 and .kafka.unread == 0 and .models[0].state == "ok"'; }
wait_for 60 all_done || fail "not all tasks ended: $(status | jq -c .pool)"
curl -s "http://127.0.0.1:$PORT/" >page.html
names_no_host page.html

browser_open
browse "http://127.0.0.1:$PORT/"
wait_for 20 is_js 'document.querySelectorAll("#parts dd").length > 0 && document.querySelectorAll("#plots svg").length > 0' ||
    fail "the page shows nothing: $(js 'return document.body.innerText')"

# ---- its numbers ----

same() { [ "$(shown "$1")" = "$(status | jq -r "$2")" ]; }
while read -r key path; do
    wait_for 20 same "$key" "$path" || fail "$key on the page is $(shown "$key"), in /status $(status | jq -r "$path")"
done <<'KEYS'
finished .pool.finished
failed (.pool.finished-.pool.outcomes.success)
in_flight .pool.in_flight
cache_hits .pool.cache_hits
cost_usd .pool.cost_usd
task_p50 .pool.task_ms.p50
task_p99 .pool.task_ms.p99
call_p50 .pool.call_ms.p50
partitions .kafka.partitions
replies .kafka.replies
dead_letters .kafka.dead_letters
completions .store.completions
KEYS
row() { js "return [...document.querySelector('#models tbody tr').cells].map(c => c.innerText)[$1]" | jq -r .; }
[ "$(row 3 | tr -d ,)" = "$(sim_stats .requests)" ] || fail "calls of the model: $(row 3), the simulator had $(sim_stats .requests)"
[ "$(row 1)" = ok ] || fail "state of the model: $(row 1)"
is_js 'document.querySelectorAll("#models meter").length == 2' || fail "the two limits have no meters"
is_js "document.querySelector('#state').textContent == 'ready'" || fail "state: $(js 'return document.querySelector("#state").textContent')"
is_js "[...document.querySelectorAll('#errors .id')].some(e => e.textContent == '$hostile') && !document.querySelector('img')" ||
    fail "an id that looks like HTML: $(js 'return document.querySelector("#errors").innerHTML')"

# ---- light and dark, wide and narrow, by keyboard ----

light_and_dark live
# A second point of the history comes ten seconds after the first.
wait_for 40 is_js 'plots[0].data.h.at_ms.length > 1' || fail "the history does not grow: $(curl -s "http://127.0.0.1:$PORT/history")"
js 'document.querySelector("#plots svg").focus(); return 0' >/dev/null
words() { js 'return document.querySelector("#plots output").textContent'; }
newest=$(words)
press e011 # Home
[ "$(words)" != "$newest" ] || fail "the keys do not move in a plot: $newest"

# ---- the worker goes away ----

kill -KILL "$DEV"
wait_for 20 is_js 'document.querySelector("#state").textContent.startsWith("no answer")' || fail "the page does not say that the worker is gone"
browser_close
echo "page: all good"
