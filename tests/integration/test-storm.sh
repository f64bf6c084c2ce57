#!/usr/bin/env bash
# A storm of 429s: every call is refused for a while, with a wait of 200 ms each. All tasks are served afterwards, and
# the calls meanwhile are no more than it takes to find out that it still lasts. TASKS and SECONDS_LONG by environment.
. "$(dirname "$0")/../lib/scene.sh"

TASKS=${TASKS:-5000}
SECONDS_LONG=${SECONDS_LONG:-10}

echo "{\"fault\":{\"kind\":\"429\",\"header\":\"retry-after-ms\",\"wait\":\"200ms\"},\"until\":\"${SECONDS_LONG}s\"}" >storm.jsonl
sim_start --latency 20ms --script storm.jsonl
config_for_sim c.yaml
prompts "$TASKS" >tasks.jsonl

"$SLUICE" batch -i tasks.jsonl -o out -c c.yaml --store store --set pool.max_calls=1000 \
    --progress none 2>said.txt || fail "$(cat said.txt)"
all_answered out "$TASKS"
own_answers out
refused=$(sim_stats '.status["429"]')
calls=$(sim_stats .requests)
# The first calls go all at once, as nothing is known: no more than pool.max_calls. All are refused; then one call
# every 200 ms, which is the wait that is asked for, is what it takes, and one that ends as the storm does.
most=$((1000 + SECONDS_LONG * 5 + 1))
[ "$refused" -le "$most" ] || fail "$refused calls in a storm of $SECONDS_LONG s; $most are what it takes"
[ "$refused" -gt 10 ] || fail "only $refused calls were refused: there was no storm"
[ "$calls" = $((TASKS + refused)) ] || fail "$calls calls for $TASKS tasks and $refused refusals"
echo "storm: all good ($TASKS tasks, $SECONDS_LONG s: $refused calls refused, $most at most)"
