#!/bin/bash
# A broker that is absent at start, and one that goes away in the middle: a clear message within seconds,
# the worker goes on trying, and every request is answered.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-6000}
start_broker
start_sim --latency 200ms
write_config 6
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
enqueue 0 "$count"

# Absent at start.
"$lib/kafka-fixture" stop "$work/kafka"
start_worker one
wait_for 10 "a message about the broker" grep -q "no Kafka broker answers at $broker" "$work/one.log"
kill -0 "$worker" || fail "the worker must wait for the broker"
"$lib/kafka-fixture" restart "$work/kafka"

# Gone in the middle, at once, for some seconds.
wait_for 60 "a third of the calls" calls_reach $((count / 3))
"$lib/kafka-fixture" kill "$work/kafka"
echo "broker killed after $(calls) calls"
sleep "${OUTAGE:-10}"
kill -0 "$worker" || fail "the worker must outlive its broker"
"$lib/kafka-fixture" restart "$work/kafka"
wait_for 180 "all replies" have_replies "$count"
stop_worker "$worker"
check_replies "$count"
echo "calls: $(calls) for $count requests"
[ "$(calls)" -le $((count + 1)) ] || fail "calls were paid for again"
echo PASSED
