#!/bin/bash
# Workers join, leave and freeze while the group works: every request is answered, and nothing is paid for
# twice but what was running or waiting at a hand-over. Repeated replies are counted.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-9000}
start_broker
start_sim --latency 300ms
write_config 12
sed -i -e 's/^pool: {/pool: {max_in_flight: 600, max_calls: 150, static_membership: false, /' \
    -e 's/^kafka: {/kafka: {session.timeout.ms: 6000, heartbeat.interval.ms: 1000, /' \
    "$work/sluice.yaml"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
enqueue 0 "$count"

start_worker one
one=$worker
wait_for 60 "the first calls" calls_reach $((count / 10))
start_worker two
two=$worker
wait_for 30 "partitions given up" grep -q 'partitions revoked' "$work/one.log"
wait_for 30 "a second member" grep -q 'partitions assigned count=6' "$work/two.log"
wait_for 60 "a third of the calls" calls_reach $((count / 3))
stop_worker "$one"
start_worker three
three=$worker
wait_for 30 "a third member" grep -q 'partitions assigned count=6' "$work/three.log"
grep -h 'lost=1' "$work"/{one,two,three}.log && fail "an assignment was lost in an ordinary rebalance"

# One freezes for longer than its session: its partitions move, and it finds out when it wakes.
kill -STOP "$two"
wait_for 30 "its partitions to move" grep -q 'now=12' "$work/three.log"
sleep 1
kill -CONT "$two"
wait_for 30 "the frozen worker to notice" grep -q 'lost=1' "$work/two.log"
wait_for 120 "all replies" have_replies "$count"
stop_worker "$two"
stop_worker "$three"
check_replies "$count"
paid=$(calls)
echo "calls: $paid for $count requests"
# Each of the four hand-overs may cost what was running or waiting in the worker that gave partitions up.
[ "$paid" -le $((count + 4 * 600)) ] || fail "calls were paid for again"
grep -h 'error=_NO_OFFSET' "$work"/{one,two,three}.log && fail "the result of a commit was not found"
echo PASSED
