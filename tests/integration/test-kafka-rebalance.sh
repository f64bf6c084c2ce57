#!/bin/bash
# Workers join and leave a group while it works: every request is answered, and nothing is paid for twice but
# what was running or waiting at a hand-over. Repeated replies are counted.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-8000}
start_broker
start_sim --latency 300ms
write_config 12
echo 'pool: {max_in_flight: 600, max_calls: 300, drain_timeout: 10s, static_membership: false}' \
    >"$work/pool"
sed -i -e '/^pool:/d' -e "\$r $work/pool" "$work/sluice.yaml"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
enqueue 0 "$count"

start_worker one
one=$worker
wait_for 60 "the first calls" calls_reach $((count / 10))
start_worker two
two=$worker
wait_for 60 "a second member" grep -q 'partitions assigned' "$work/two.log"
wait_for 60 "partitions given up" grep -q 'partitions revoked' "$work/one.log"
wait_for 60 "a third of the calls" calls_reach $((count / 3))
stop_worker "$one"
start_worker three
three=$worker
wait_for 180 "all replies" have_replies "$count"
stop_worker "$two"
stop_worker "$three"
check_replies "$count"
paid=$(calls)
echo "calls: $paid for $count requests"
# Each hand-over may cost what was running or waiting in the worker that gave partitions up.
[ "$paid" -le $((count + 3 * 600)) ] || fail "calls were paid for again"
# librdkafka before 2.10 can lose an assignment to a commit that meets a rebalance: safe, but slow.
echo "assignments lost: $(cat "$work"/{one,two,three}.log | grep -c 'lost=1' || true)"
grep -h 'error=_NO_OFFSET' "$work"/{one,two,three}.log && fail "the result of a commit was not found"
echo PASSED
