#!/usr/bin/env bash
# `sluice explain` names what holds each model up in situations that are built: its limits, our concurrency, a cool-down
# and why, the budget, a pool that is full, no input, no broker; and a batch says the same at its end.
. "$(dirname "$0")/../lib/scene.sh"

# row NAME [MEMBERS OF PARAMS...]: a row of model_list that the simulator serves under that name.
row() {
    local name=$1
    shift
    echo "  - model_name: $name"
    echo "    params: {model: sim/$name, api_base: \"http://127.0.0.1:$SIM_PORT/v1\"$(printf ', %s' "$@")}"
}
# asks MODEL N: N rows for that model.
asks() { prompts "$2" "$1" | sed "s/\"fast\"/\"$1\"/"; }

dev_start() { # FILE OPTIONS...: sets DEV, BROKER and URL
    rm -f ready
    "$SLUICE" dev -c "$1" --partitions 4 --ready-file ready --set observability.listen=127.0.0.1:0 "${@:2}" \
        >dev.out 2>dev.log &
    DEV=$!
    PIDS+=("$DEV")
    wait_for 20 test -s ready || fail "dev did not start: $(cat dev.log)"
    BROKER=$(cat ready)
    find_url dev.log || fail "the admin port is not in the log: $(cat dev.log)"
}
dev_stop() {
    kill -KILL "$DEV"
    wait "$DEV" 2>/dev/null || true
}
find_url() {
    URL=$(sed -n 's|.*admin port url=\(http://127.0.0.1:[0-9]*\)/.*|\1|p' "$1")
    [ -n "$URL" ]
}
status() { curl -sS --max-time 10 "$URL/status"; }
send() { # FILE
    rm -f "$1.run"
    "$SLUICE" enqueue -i "$1" -b "$BROKER" --progress none >/dev/null 2>enqueue.log || fail "enqueue: $(cat enqueue.log)"
}
# is_main WHO REASON: WHO (pool, or a model) had REASON for most of the last minute in which anything was wanted.
is_main() {
    status | jq -e --arg who "$1" --arg why "$2" \
        '[(.pool + {model: "pool"}), .models[]] | .[] | select(.model == $who) | .held_up.minute.main == $why'
}
# expect WHO REASON [WORDS]: it comes to that, and `sluice explain` says so, with the words.
expect() {
    wait_for 60 is_main "$1" "$2" || fail "$1 is not held up by $2: $(status | jq -c '.pool.held_up, (.models[] | {model, held_up})')"
    "$SLUICE" explain --url "$URL" >explain.out || fail "explain: $?"
    grep -A2 -E "^  $1(/sim)?: $2 [0-9]+%" explain.out >part.out || fail "explain does not name $2 for $1: $(cat explain.out)"
    [ $# -lt 3 ] || grep -qF -- "$3" part.out || fail "no \"$3\" in: $(cat part.out)"
    echo "explain: $1: $2"
}

# ---- limits, concurrency and cool-downs, a model each, in one worker ----

sim_start --latency 200ms --fault 429:100,model=refused,header=retry-after,wait=20s --fault 529:100,model=loaded,wait=20s \
    --fault auth:100,model=locked
{
    echo "model_list:"
    row requests "rpm: 30"
    row tokens "tpm: 700"
    row narrow "max_parallel_requests: 1"
    row refused
    row loaded
    row locked "api_key: expired"
    row unwanted
    echo "router_settings: {retry_base: 50ms, retry_max: 500ms, cooldown_time: 20s}"
} >rows.yaml
dev_start rows.yaml --store rows
expect pool input "there is no more input"
for model in requests tokens refused loaded locked; do asks $model 30; done >in.jsonl
asks narrow 1000 >>in.jsonl # more than are called until all of this has been looked at
send in.jsonl
expect requests rpm "raise rpm"
expect tokens tpm "tpm: 700"
expect narrow max_parallel_requests "max_parallel_requests"
expect refused cooling_rate_limit "429"
expect loaded cooling_overload "overloaded"
expect locked off_credential "api_key"
expect unwanted idle "no task wants it"
expect pool models "see the models"
grep -A1 "^  narrow" explain.out | grep -qE "calls/s at most" || fail "no calls/s: $(cat explain.out)"
curl -sS "$URL/metrics" >metrics
grep -q '^sluice_route_held_seconds_total{model="requests",.*reason="rpm"}' metrics || fail "no metric"
"$SLUICE" top --once --url "$URL" >top.out
grep -qE "held up by: .*models [0-9]+%" top.out || fail "top does not say it"
dev_stop
sim_stop

# ---- the bounds of the pool, with a slow provider ----

sim_start --latency 500ms
{ echo "model_list:"; row fast; } >plain.yaml
prompts 300 >many.jsonl
dev_start plain.yaml --store calls --set pool.max_calls=2
send many.jsonl
expect fast max_calls "pool.max_calls: 2 calls run"
dev_stop
dev_start plain.yaml --store full --set pool.max_in_flight=4
send many.jsonl
expect pool max_in_flight "raise pool.max_in_flight: 8"
expect fast max_in_flight
dev_stop

# ---- the budget ----

[ "$(date -u +%H%M)" -lt 2358 ] || wait_for 180 sh -c '[ "$(date -u +%H%M)" -lt 2358 ]'
dev_start plain.yaml --store budget --set budget.max_requests=3 --set budget.per=day
send many.jsonl
expect fast budget "3 of 3 calls made"
dev_stop

# ---- replies that nobody takes: the broker stands still ----

dev_start plain.yaml --store broker --set kafka.group.id=others
"$SLUICE" worker -c plain.yaml --set "kafka.bootstrap.servers=$BROKER" --set kafka.group.id=ours --set delivery=at_least_once \
    --set kafka.session.timeout.ms=6000 --set pool.max_in_flight=4 --set cache.path=ours \
    --set observability.listen=127.0.0.1:0 2>worker.log &
WORKER=$!
PIDS+=("$WORKER")
wait_for 20 find_url worker.log || fail "no admin port: $(cat worker.log)"
send many.jsonl
has_calls() { status | jq -e '.pool.calls > 4'; }
wait_for 30 has_calls || fail "the worker makes no calls: $(cat worker.log)"
kill -STOP "$DEV"
expect pool publish "check the broker"
kill -KILL "$WORKER"
dev_stop

# ---- no broker ----

"$SLUICE" worker -c plain.yaml --set kafka.bootstrap.servers=127.0.0.1:1 --set kafka.group.id=away \
    --set cache.path=away --set observability.listen=127.0.0.1:0 2>away.log &
PIDS+=($!)
wait_for 20 find_url away.log || fail "no admin port: $(cat away.log)"
code=0
"$SLUICE" explain --url "$URL" >explain.out 2>explain.err || code=$?
[ $code = 69 ] && grep -q "is starting" explain.err || fail "a worker that starts: $code $(cat explain.out explain.err)"

# ---- the report of a batch ----

prompts 40 b >b.jsonl
"$SLUICE" batch -i b.jsonl -o b.out -c plain.yaml --store batch --max-in-flight 2 --progress none 2>b.log || fail "$(cat b.log)"
grep -A3 "held up by" b.log | grep -q "pool: models" || fail "no report: $(cat b.log)"
grep -A2 "^  fast/sim: max_calls" b.log | grep -q "raise pool.max_calls: 4" || fail "no advice: $(cat b.log)"
echo "explain: all good"
