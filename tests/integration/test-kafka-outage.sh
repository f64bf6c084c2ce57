#!/bin/bash
# A broker that is absent at start, and one that goes away in the middle: a clear message within seconds and
# few after it, the worker goes on trying, and every request is answered and paid for once. This broker also
# takes less commit metadata than others, so that the map of what is done does not fit.
set -euo pipefail
delivery=${delivery:-at_least_once} # the same in exactly_once: test-exact-outage.sh
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-6000}
export KAFKA_FIXTURE_PROPERTIES=offset.metadata.max.bytes=24
start_broker
start_sim --latency 200ms
write_config 6
sed -i 's/^pool: {/pool: {max_calls: 200, /' "$work/sluice.yaml" # slow enough to be met in the middle
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
enqueue 0 "$count"

# Absent at start.
"$lib/kafka-fixture" stop "$work/kafka"
start_worker one
wait_for 10 "a message about the broker" grep -q "no Kafka broker answers at $broker" "$work/one.log"
grep -q 'kafka.bootstrap.servers' "$work/one.log" || fail "the message must name the setting"
kill -0 "$worker" || fail "the worker must wait for the broker"
"$lib/kafka-fixture" restart "$work/kafka"

# Gone in the middle, at once, for some seconds.
wait_for 60 "a third of the calls" calls_reach $((count / 3))
lines=$(wc -l <"$work/one.log")
"$lib/kafka-fixture" kill "$work/kafka"
echo "broker killed after $(calls) calls"
sleep "${OUTAGE:-20}"
kill -0 "$worker" || fail "the worker must outlive its broker"
said=$(tail -n +$((lines + 1)) "$work/one.log" | grep -c ' warn \| error ' || true)
[ "$said" -ge 1 ] || fail "no word about the broker that is away"
[ "$said" -le $((4 * (1 + ${OUTAGE:-20} / 10))) ] || fail "$said messages about one outage"
"$lib/kafka-fixture" restart "$work/kafka"
wait_for 120 "all replies" have_replies "$count"
stop_worker "$worker"
check_replies "$count"
grep -q 'refuses the map' "$work/one.log" || fail "no word about the metadata"
start_worker two
wait_for 20 "partitions" grep -q 'partitions assigned' "$work/two.log"
sleep 2
stop_worker "$worker"
[ "$(kcat -b "$broker" -C -t replies -e -q -f '%k\n' | wc -l)" -eq "$(wc -l <"$work/replies")" ] ||
    fail "a restarted worker replied again: commits did not get through"
echo "calls: $(calls) for $count requests, $said messages in the outage"
[ "$(calls)" -eq "$count" ] || fail "calls were paid for again"
echo PASSED
