#!/bin/bash
# One model is away for the whole time, and its requests come first, thousands of them, far more than the window
# of their partition: those of the other model are answered meanwhile, behind them. The others are parked, and
# are still so after a kill -9 in the middle. When their model is back, each has exactly one reply, under the
# place of its first record.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-3000} # of each model
start_broker
start_sim
fast=$sim
rm "$work/sim.port"
echo '{"match":{"model":"away"},"fault":{"kind":"429","wait":"20s"}}' >"$work/away.script"
start_sim --script "$work/away.script"
away=$sim
away_pid=${started[-1]}
cat >"$work/sluice.yaml" <<CONF
kafka: {bootstrap.servers: "$broker", group.id: workers, session.timeout.ms: 6000}
delivery: $delivery
topics: {requests: [requests], replies: replies, dead_letter: dead, delay: delay, partitions: 1, replication: 1}
pool: {drain_timeout: 10s, max_per_partition: 200, max_in_flight: 1000, park_for: 5s}
router_settings: {task_timeout: 1h}
observability: {listen: "127.0.0.1:0"}
model_list:
  - model_name: fast
    params: {model: openai/fast, api_base: "$fast/v1", api_key: none}
  - model_name: away
    params: {model: openai/away, api_base: "$away/v1", api_key: none}
cache: {path: "$work/store"}
CONF
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" 2>&1 || fail "topics create"
grep -qx 'delay created' "$work/topics.log" || fail "no delay topic"

send() { # FROM TO MODEL
    requests "$1" "$2" | sed "s/\"fast\"/\"$3\"/" | kcat -b "$broker" -P -t requests -K '\t'
}

replied() { kcat -b "$broker" -C -t replies -e -q -f '%k\n' -X isolation.level=read_committed | sort -u; }
all_fast() { [ "$(replied | awk -F- -v n="$count" '$2 >= n' | wc -l)" -eq "$count" ]; }
all_done() { [ "$(replied | wc -l)" -eq $((2 * count)) ]; }
copies() { kcat -b "$broker" -C -t delay -e -q -f '%h\n' -X isolation.level=read_committed; }
copies_reach() { [ "$(copies | wc -l)" -ge "$1" ]; }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$worker/status"; }

send 0 "$count" away
send "$count" $((2 * count)) fast
start_worker first
wait_for 120 "the requests of the model that works" all_fast
[ "$(replied | wc -l)" -eq "$count" ] || fail "the model that is away has answered"
echo "answered behind $count requests of a model that is away: $count; parked copies: $(copies | wc -l), RSS $(rss_kb) kB"
wait_for 60 "copies that were parked again" copies_reach $((count + 100))
kill -KILL "$worker"
wait "$worker" 2>/dev/null || true
start_worker second
more=$(($(copies | wc -l) + 100))
wait_for 60 "more copies after the kill" copies_reach "$more"

kill -KILL "$away_pid"
wait "$away_pid" 2>/dev/null || true
"$sluice" sim --port "${away##*:}" 2>>"$work/sim.log" &
started+=($!)
wait_for 150 "the replies of the model that is back" all_done
echo "RSS $(rss_kb) kB"
stop_worker "$worker"
check_replies $((2 * count))

# Every reply names the record on the request topic, and each of these once.
cut -f2 "$work/replies" | jq -r '.sluice.source | "\(.topic) \(.partition) \(.offset)"' | sort -u >"$work/sources"
[ "$(grep -c '^requests 0 ' "$work/sources")" -eq $((2 * count)) ] || fail "replies name other records"
cut -f2 "$work/replies" | jq -r 'select(.custom_id[4:] != (.sluice.source.offset | tostring)) | .custom_id' >"$work/other"
[ ! -s "$work/other" ] || fail "$(wc -l <"$work/other") replies name the wrong record"

# Nothing is left: a worker with another disk finds nothing to answer.
copies >"$work/copies"
echo "parked copies in all: $(wc -l <"$work/copies")"
sed -i "s|$work/store|$work/store-2|" "$work/sluice.yaml"
start_worker third
send $((2 * count)) $((2 * count + 1)) fast
wait_for 60 "one more reply" eval '[ "$(replied | wc -l)" -eq $((2 * count + 1)) ]'
stop_worker "$worker"
check_replies $((2 * count + 1))
echo PASSED
