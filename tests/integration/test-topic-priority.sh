#!/bin/bash
# Two request topics in one pool, which is full of the tasks of one of them with more behind: a record of the topic with
# the higher priority does not wait behind them. Counted in calls, not in seconds; with the embedded broker.
. "$(dirname "$0")/../lib/scene.sh"
command -v kcat >/dev/null || { echo "kcat is not installed"; exit 77; }

batch=2200 # more answers than fit the embedded broker would wait to be collected
urgent=10
sim_start --latency 100ms # 80 calls a second: the batch outlasts ten looks on a slow machine
config_for_sim c.yaml "max_parallel_requests: 8"
cat >>c.yaml <<CONF
topics: {requests: [batch, urgent], replies: answered, dead_letter: "", priority: {urgent: 5}}
pool: {max_in_flight: 1200, max_per_partition: 5000}
CONF
"$SLUICE" dev -c c.yaml --store store --partitions 1 --ready-file ready >dev.out 2>dev.log &
PIDS+=("$!")
wait_for 20 test -s ready || { cat dev.log >&2; fail "dev did not start"; }
broker=$(cat ready)

prompts $batch batch >batch.jsonl
prompts $urgent urgent >urgent.jsonl
kcat -q -b "$broker" -P -t batch <batch.jsonl

calls_reach() { [ "$(sim_stats .calls)" -ge "$1" ]; }
replies() { kcat -q -b "$broker" -C -t answered -o beginning -e -f '%s\n' 2>/dev/null; }
answers_reach() { [ "$(replies | wc -l)" -ge "$1" ]; }

wait_for 60 calls_reach 50 || fail "no calls"
while read -r line; do
    before=$(sim_stats .calls)
    echo "$line" | kcat -q -b "$broker" -P -t urgent
    echo "$before" >>before
    wait_for 60 calls_reach $((before + 20)) || fail "no calls"
done <urgent.jsonl
wait_for 120 answers_reach $((batch + urgent)) || fail "$(replies | wc -l) replies"

# How many replies stand in front of each urgent one; there is one partition of them.
replies >out.jsonl
all_answered out.jsonl $((batch + urgent))
jq -r .custom_id out.jsonl | grep -n '^urgent' | cut -d: -f1 >places
paste before places | awk '{ d = $2 - $1; if (d > most) most = d }
    END { print "at most " most " calls between an urgent record and its reply"; exit most > 500 }' ||
    fail "urgent records waited behind the batch"
echo PASSED
