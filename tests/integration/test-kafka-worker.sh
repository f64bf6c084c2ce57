#!/bin/bash
# Two workers on a real Kafka, one killed (-9) and replaced on the way: every request is answered, and a call
# that was paid for is not paid again. At-least-once: a reply may be repeated, which is counted.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-20000}
start_broker
start_sim --latency 250ms
write_config 12
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
[ "$(grep -c created "$work/topics.log")" -eq 3 ] || fail "three topics should have been created"
[ "$("$sluice" topics create -c "$work/sluice.yaml" | grep -c exists)" -eq 3 ] || fail "again"
[ "$("$sluice" topics describe -c "$work/sluice.yaml" | grep -c 'partitions=12')" -eq 3 ] ||
    fail "describe"

enqueue 0 "$count"
start_worker one
one=$worker
start_worker two
two=$worker
wait_for 120 "a quarter of the calls" calls_reach $((count / 4))
kill -KILL "$one"
wait "$one" 2>/dev/null || true
echo "killed one worker after $(calls) calls"
start_worker one
one=$worker
wait_for 300 "all replies" have_replies "$count"
stop_worker "$one"
stop_worker "$two"
check_replies "$count"

# Promise 2: at most one more call for each that was in flight at the kill; its bound is pool.max_calls.
paid=$(calls)
echo "calls: $paid for $count requests"
[ "$paid" -le $((count + 2048)) ] || fail "calls were paid for again"

# After a clean stop nothing is done again: a new worker has nothing to do.
start_worker three
sleep 8
[ "$(calls)" -eq "$paid" ] || fail "a restarted worker called again"
stop_worker "$worker"
[ "$(kcat -b "$broker" -C -t replies -e -q -f '%k\n' | wc -l)" -eq "$(wc -l <"$work/replies")" ] ||
    fail "a restarted worker replied again"
grep -l 'level=error\| error ' "$work"/{one,two,three}.log && fail "errors in the workers' logs"
echo PASSED
