#!/bin/bash
# The report of a job, `batch --report` and `collect --report`: one file, whose numbers are those of the replies, shown
# by a real browser; a report that cannot be written is said before the first call. With PAGE_SHOTS=DIR, screenshots.
. "$(dirname "$0")/../lib/scene.sh"
. "$ROOT/tests/lib/browser.sh"

hostile='</script><img src=x onerror=document.title=1>'
sim_start --latency 30ms --fault 500:5
config_for_sim c.yaml "max_parallel_requests: 20"
sed -i 's/^router_settings: {/&num_retries: 20, /; s/^      model: .*/&\n    model_info: {input_cost_per_token: 0.001, output_cost_per_token: 0.002}/' c.yaml
awk '/^    model_info/ { info = $0; next } /^router/ { print info } { print }' c.yaml >sorted.yaml && mv sorted.yaml c.yaml
{
    prompts 300
    prompts 100 | sed 's/"custom_id":"q/"custom_id":"again/'
    printf '{"custom_id":"%s","body":{"model":"nobody","messages":[{"role":"user","content":"x"}]}}\n' "$hostile"
} >in.jsonl

code=0
"$SLUICE" batch -c c.yaml -i in.jsonl -o none.jsonl --store store --report nowhere/r.html --progress none 2>bad.log || code=$?
{ [ $code = 73 ] && grep -q -- "--report nowhere/r.html cannot be written" bad.log; } || fail "a report in no folder: $code: $(cat bad.log)"
mkfifo pipe
for place in in.jsonl none.jsonl . pipe ""; do
    cp in.jsonl in.kept
    code=0
    "$SLUICE" batch -c c.yaml -i in.jsonl -o none.jsonl --store store -k --report "$place" --progress none 2>bad.log || code=$?
    { [ $code = 73 ] || [ $code = 64 ]; } && cmp -s in.jsonl in.kept || fail "a report in '$place': $code: $(cat bad.log)"
done
[ "$(sim_stats .requests)" = 0 ] || fail "calls were made before the report was found impossible"

code=0
"$SLUICE" batch -c c.yaml -i in.jsonl -o out.jsonl --store store -k --report r.html --progress none 2>batch.log || code=$?
[ $code = 1 ] || fail "batch: $code: $(cat batch.log)"
cp out.jsonl out.kept
code=0
"$SLUICE" batch -c c.yaml -i in.jsonl -o out.jsonl --store store -k --report ./out.jsonl --progress none 2>bad.log || code=$?
[ $code = 73 ] && cmp -s out.jsonl out.kept || fail "the report took the place of the answers: $code: $(cat bad.log)"
code=0
"$SLUICE" batch -c c.yaml -i in.jsonl -o new.jsonl --store store -k --report ./new.jsonl --progress none 2>bad.log || code=$?
[ $code != 0 ] && [ "$(jq -s length new.jsonl)" = 401 ] || fail "the report took the place of new answers: $code: $(cat bad.log)"
"$SLUICE" dev -c c.yaml --store kafka --ready-file ready >dev.out 2>dev.log &
PIDS+=("$!")
wait_for 20 test -s ready || fail "dev did not start: $(cat dev.log)"
"$SLUICE" enqueue -i in.jsonl -k -b "$(cat ready)" --progress none >run.json 2>enqueue.log || fail "enqueue: $(cat enqueue.log)"
"$SLUICE" collect --run in.jsonl.run -b "$(cat ready)" -o collected.jsonl --report c.html --progress none 2>collect.log || [ $? = 1 ] || fail "collect: $(cat collect.log)"

"$SLUICE" batch -i in.jsonl -k --set kafka.bootstrap.servers="$(cat ready)" -o over.jsonl --report k.html --progress none 2>over.log ||
    [ $? = 1 ] || fail "batch over Kafka: $(cat over.log)"

# What the page holds, by its own data.
held() { sed -n 's|.*<script type="application/json" id="data">\(.*\)</script>.*|\1|p' "$1" | jq -c "$2"; }
equal() { [ "$1" = "$2" ] || fail "$3: $1, wanted $2"; }
for pair in r.html:out.jsonl c.html:collected.jsonl k.html:over.jsonl; do
    page=${pair%:*} out=${pair#*:}
    names_no_host "$page"
    equal "$(held "$page" .done)" 401 "$page: done"
    equal "$(held "$page" .succeeded)" "$(jq -r 'select(.response.status_code == 200) | 1' "$out" | wc -l)" "$page: succeeded"
    equal "$(held "$page" '[.failures[].count] | add')" 1 "$page: failures"
    equal "$(held "$page" '.failures[0].sample')" "$(jq -n --arg h "$hostile" -c '$h')" "$page: the sample"
    equal "$(held "$page" '.bar_tasks | add')" 401 "$page: tasks in the bars"
    equal "$(held "$page" '.models[0].answers')" 400 "$page: answers of the model"
    equal "$(held "$page" '.output_tokens')" \
        "$(jq -s '[.[] | select(.sluice.cache == "miss") | .sluice.usage.output_tokens] | add // 0' "$out")" "$page: tokens"
    held "$page" '.timeline.done[-1] == 401 and .timeline.failed[-1] == 1 and (.limits | length > 0)' | grep -q true ||
        fail "$page: the timeline: $(held "$page" '.timeline, .limits')"
done
equal "$(held r.html .calls)" "$(grep -o 'provider calls [0-9]*' batch.log | grep -o '[0-9]*')" "calls"
held r.html '.cost_usd > 0' | grep -q true || fail "no cost: $(held r.html .cost_usd)"

if browser_missing; then
    echo "all good, but no browser has shown it (Debian packages chromium, chromium-driver)"
    exit 77
fi
browser_open
for page in r c; do
    browse "file://$WORK/$page.html"
    is_js 'document.querySelectorAll("#plots svg").length == 4 && document.querySelectorAll("#bars rect").length == 40' ||
        fail "$page.html: $(js 'return document.body.innerText')"
    equal "$(shown "done")" 401 "$page.html: done"
    equal "$(shown failed)" 1 "$page.html: failed"
    is_js "document.querySelector('#errors .id').textContent == '$hostile' && !document.querySelector('img')" ||
        fail "an id that looks like HTML: $(js 'return document.querySelector("#errors").innerHTML')"
    is_js 'document.querySelectorAll("#limits tbody tr").length == data.limits.length' || fail "$page.html: the limits"
    light_and_dark "report-$page"
done
browser_close
echo "report: all good"
