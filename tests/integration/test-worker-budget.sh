#!/usr/bin/env bash
# A worker whose budget is used up: it says so, buys nothing more, fails nothing, and goes on after a start with a
# higher one; what was spent on a day is remembered over a restart. With the embedded broker of `sluice dev`.
. "$(dirname "$0")/../lib/scene.sh"

sim_start --latency 20ms
# dev_start CALLS: with that budget for a day.
dev_start() {
    rm -f ready
    config_for_sim dev.yaml
    echo "budget: {max_requests: $1, per: day}" >>dev.yaml
    "$SLUICE" dev -c dev.yaml --store store --partitions 4 --ready-file ready >dev.out 2>dev.log &
    DEV=$!
    PIDS+=("$DEV")
    wait_for 20 test -s ready || { cat dev.log >&2; fail "dev did not start"; }
    BROKER=$(cat ready)
}
dev_stop() {
    kill -TERM "$DEV"
    local code=0
    wait "$DEV" || code=$?
    [ $code = 0 ] || { tail dev.log >&2; fail "dev ended with $code"; }
}
send() { # send NAME COUNT
    prompts "$2" "$1" >"$1.jsonl"
    "$SLUICE" enqueue -i "$1.jsonl" -b "$BROKER" --progress none >/dev/null 2>enqueue.log ||
        { cat enqueue.log >&2; fail "enqueue"; }
}
used_up() { grep -q "the budget is used up" dev.log; }
all_called() { [ "$(sim_stats .requests)" = "$1" ]; }

# A day that turns in between would give the budget back.
[ "$(date -u +%H%M)" -lt 2358 ] || wait_for 180 sh -c '[ "$(date -u +%H%M)" -lt 2358 ]'

dev_start 50
send a 80
wait_for 20 used_up || { cat dev.log >&2; fail "nothing was said"; }
wait_for 20 all_called 50 || fail "$(sim_stats .requests) calls of 50" # what is used up may still be on its way
dev_stop
all_called 50 || fail "$(sim_stats .requests) calls of 50"
grep -q "budget_calls=50" dev.log || { cat dev.log >&2; fail "the count is not shown"; }

dev_start 50
send b 10
wait_for 20 used_up || { cat dev.log >&2; fail "a restart forgot what was spent"; }
[ "$(sim_stats .requests)" = 50 ] || fail "a restart gave $(sim_stats .requests) calls of 50"
dev_stop

dev_start 70
send c 20
"$SLUICE" collect --run c.jsonl.run -b "$BROKER" -o c.out --progress none 2>collect.log ||
    { cat collect.log dev.log >&2; fail "a higher budget did not go on"; }
all_answered c.out 20
[ "$(sim_stats .requests)" = 70 ] || fail "$(sim_stats .requests) calls of 70"
dev_stop

# A day with money that no price can count is refused at the start.
echo "budget: {max_cost: 5}" >bad.yaml
config_for_sim dev.yaml
cat bad.yaml >>dev.yaml
code=0
"$SLUICE" dev -c dev.yaml --store store2 >dev.out 2>dev.log || code=$?
[ $code = 78 ] || { cat dev.log >&2; fail "exit code $code without prices"; }
echo "worker-budget: all good"
