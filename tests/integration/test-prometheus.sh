#!/bin/bash
# A real Prometheus beside a running pool: it takes our alerts, each of which fires when it should and has a section of
# the runbook; it knows every metric that alerts and dashboard ask for, and answers each query of the dashboard, whose
# panels and legends have room. With PAGE_SHOTS=DIR, screenshots of the dashboard as tests/lib/draw_dashboard draws it.
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"
# shellcheck source=tests/lib/browser.sh
. "$ROOT/tests/lib/browser.sh"
if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
    echo "skipped: needs Prometheus (Debian package prometheus)"
    exit 77
fi

# ---- the rules ----

cp "$ROOT/deploy/prometheus/alerts.yml" "$ROOT/tests/fixtures/prometheus/alerts-test.yml" .
promtool check rules alerts.yml >rules.log 2>&1 || fail "check rules: $(cat rules.log)"
promtool test rules alerts-test.yml >rules.log 2>&1 || fail "test rules: $(cat rules.log)"
promtool check config --syntax-only "$ROOT/deploy/prometheus/prometheus.yml" >rules.log 2>&1 || fail "check config: $(cat rules.log)"
while read -r name; do
    grep -q "alertname: $name\$" alerts-test.yml || fail "no case in alerts-test.yml shows $name firing"
done < <(sed -n 's/^ *- alert: *//p' alerts.yml)
"$ROOT/tests/lib/check-runbook" || fail "runbook.md"
mkdir -p broken/deploy && cp -r "$ROOT/deploy/prometheus" broken/deploy
sed -i 's/^## SluiceErrors/## SluiceError/' broken/deploy/prometheus/runbook.md
! "$ROOT/tests/lib/check-runbook" broken >broken.log || fail "check-runbook does not see a section that is missing"

# ---- a pool with something to show, and Prometheus ----

sim_start --latency 300ms --fault 500:10 --fault 429:10,wait=200ms
config_for_sim c.yaml "max_parallel_requests: 8"
sed -i 's/^router_settings: {/&num_retries: 20, fallbacks: [{fast: [smart]}], /' c.yaml
sed -i "/^router_settings/i\\
  - model_name: smart\\
    params: {model: anthropic/claude-sim, api_base: 'http://127.0.0.1:$SIM_PORT/v1', api_key: k}\\
    model_info: {input_cost_per_token: 3.0e-6, output_cost_per_token: 1.5e-5, max_output_tokens: 4096}" c.yaml
"$SLUICE" dev -c c.yaml --store store --ready-file ready --partitions 8 --set observability.listen=127.0.0.1:0 >dev.out 2>dev.log &
PIDS+=("$!")
wait_for 20 test -s ready || fail "dev did not start: $(cat dev.log)"
PORT=$(sed -n 's|.*admin port url=http://127.0.0.1:\([0-9]*\)/.*|\1|p' dev.log)
cat >prometheus.yml <<Y
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [alerts.yml]
scrape_configs: [{job_name: sluice, static_configs: [{targets: ['127.0.0.1:$PORT']}]}]
Y
prometheus_starts() { # on a port that is free
    LISTEN=127.0.0.1:$((20000 + RANDOM % 12000))
    prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address="$LISTEN" 2>prometheus.log &
    PIDS+=("$!")
    wait_for 20 grep -q "Server is ready\|address already in use" prometheus.log
    grep -q "Server is ready" prometheus.log
}
scraped() { curl -sG --data-urlencode 'query=up{job="sluice"} == 1' "http://$LISTEN/api/v1/query" | jq -e '.data.result | length == 1'; }
prometheus_starts || prometheus_starts || fail "no Prometheus: $(tail -n 3 prometheus.log)"

wait_for 20 scraped || fail "Prometheus does not see the pool"

send() { "$SLUICE" enqueue -i "$1" -k -b "$(cat ready)" --progress none >/dev/null 2>enqueue.log || fail "enqueue: $(cat enqueue.log)"; }
collected() { # as a client would
    "$SLUICE" collect --run "$1.run" -b "$(cat ready)" -o "$1.out" --progress none 2>collect.log || [ $? = 1 ] || fail "collect: $(cat collect.log)"
}
{
    prompts 300
    echo '{"custom_id":"broken","body":{"model":"nobody","messages":[{"role":"user","content":"x"}]}}'
} >one.jsonl
head -100 one.jsonl | sed 's/"custom_id":"q/"custom_id":"again/' >again.jsonl
prompts 300 more >more.jsonl
for file in one again more; do
    send $file.jsonl
    collected $file.jsonl
done

# ---- it knows what is asked for ----

curl -s "http://127.0.0.1:$PORT/metrics" >metrics
said=$(curl -s "http://127.0.0.1:$PORT/metrics" | promtool check metrics 2>&1) || fail "check metrics: $said"
[ -z "$said" ] || fail "promtool has something to say: $said"
asked=$(grep -ohE '\bsluice_[a-z_]+' alerts.yml "$ROOT/deploy/grafana/dashboards/sluice.json" | sed -E 's/_(bucket|sum|count)$//' | sort -u)
[ "$(wc -w <<<"$asked")" -gt 20 ] || fail "asked for: $asked"
for name in $asked; do
    grep -q "^# TYPE $name " metrics || fail "alerts or dashboard ask for $name, which there is not"
done

# No transactions with the broker inside dev; the rest has data, once Prometheus has looked often enough for a rate.
drawn() {
    "$ROOT/tests/lib/draw_dashboard" "http://$LISTEN" --minutes 2 -o dashboard.html --may-be-empty Transactions "$@" >drawn.log 2>&1
}
wait_for 40 drawn || fail "the dashboard: $(cat drawn.log)"
cat drawn.log
for change in 's/sluice_backlog_records/sluice_backlog/' 's/sum(sluice_ready)/sum(sluice_ready/'; do
    mkdir -p other/tests/lib other/deploy/grafana/dashboards
    cp "$ROOT/tests/lib/draw_dashboard" other/tests/lib
    sed "$change" "$ROOT/deploy/grafana/dashboards/sluice.json" >other/deploy/grafana/dashboards/sluice.json
    ! other/tests/lib/draw_dashboard "http://$LISTEN" --may-be-empty Transactions >other.log 2>&1 || fail "not seen: $change"
done

# ---- it has room for what it says ----

if browser_missing; then
    echo "all good, but no browser has shown the dashboard (Debian packages chromium, chromium-driver)"
    exit 77
fi
browser_open
browse "file://$WORK/dashboard.html"
for how in light dark; do
    look "dashboard-$how" 1280 $how 2060
    cut=$(js 'return [...document.querySelectorAll("h2, ul")].filter(e => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight)
        .map(e => e.closest("section").querySelector("h2").textContent)')
    [ "$cut" = "[]" ] || fail "no room for title or legend of: $cut"
done
is_js 'document.querySelectorAll("section").length > 20 && [...document.querySelectorAll("section")].every(e => e.clientHeight > 100)' ||
    fail "the panels do not stand where they should"
browser_close
echo "prometheus: all good"
