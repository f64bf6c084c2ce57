#!/bin/bash
# One model is away for the whole time, and its requests come first, thousands of them, far more than the window
# of their partition: those of the other model are answered meanwhile, behind them. The others are parked, also
# through a kill -9 at each step of the transaction that does so. When their model is back, each has exactly one
# reply, under the place of its first record. Another group that reads the same delay topic answers none of them,
# and where the topic is missing, the requests wait in the pool.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-3000} # of each model
stopped=${SLUICE_STOP:-${sluice}-stop}
[ -x "$stopped" ] || fail "$stopped is missing: make integration-programs"
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
all_of() { [ "$(replied | wc -l)" -eq "$1" ]; }
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
places='produced:3 offsets:3 committed:3' # in a transaction of copies only
[ "$delivery" = exactly_once ] || places=
for place in $places; do
    rm -f "$work/stopped"
    SLUICE_STOP_AT=$place SLUICE_STOP_FILE="$work/stopped" "$stopped" worker -c "$work/sluice.yaml" 2>>"$work/victim.log" &
    worker=$!
    started+=("$worker")
    wait_for 60 "the worker to come to $place" test -e "$work/stopped"
    kill -KILL "$worker"
    wait "$worker" 2>/dev/null || true
done
start_worker second
more=$(($(copies | wc -l) + 100))
wait_for 60 "more copies after the kills" copies_reach "$more"

kill -KILL "$away_pid"
wait "$away_pid" 2>/dev/null || true
"$sluice" sim --port "${away##*:}" 2>>"$work/sim.log" &
started+=($!)
wait_for 150 "the replies of the model that is back" all_of $((2 * count))
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
wait_for 60 "one more reply" all_of $((2 * count + 1))
stop_worker "$worker"
check_replies $((2 * count + 1))

# Another group: it reads all copies, and they are none of its business.
sed -e 's/group.id: workers/group.id: others/' -e 's/\[requests\]/[requests-2]/' -e 's/replies: replies/replies: replies-2/' \
    -e "s|$work/store-2|$work/store-3|" "$work/sluice.yaml" >"$work/others.yaml"
"$sluice" topics create -c "$work/others.yaml" >>"$work/topics.log" 2>&1 || fail "topics create"
"$sluice" worker -c "$work/others.yaml" 2>>"$work/others.log" &
worker=$!
started+=("$worker")
metric() { # LOG NAME
    curl -s "$(sed -n 's/.*admin port url=//p' "$work/$1.log" | tail -1)metrics" | sed -n "s/^$2 //p"
}
group_is_through() {
    [ "$(metric others sluice_kafka_records_total)" = "$(wc -l <"$work/copies")" ] &&
        [ "$(metric others sluice_ledger_open_records)" = 0 ]
}
wait_for 60 "the other group to have read the copies" group_is_through
stop_worker "$worker"
[ "$(kcat -b "$broker" -C -t replies-2 -e -q -f '%k\n' | wc -l)" -eq 0 ] || fail "the other group has answered"
echo PASSED
