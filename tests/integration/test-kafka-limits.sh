#!/bin/bash
# The limits of a row are for all workers of a group together: three of them work against a provider that refuses and
# counts every call over its limits. At rest, 95 % of the limit is used at least; then every 20 s one leaves or joins,
# and nine tenths are. No call is refused.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

moves=(2 2 0 0 1 1) # which worker leaves or joins: there are always two or three
calm_s=60           # before the first move
rpm=600
start_broker
start_sim --latency 300ms --answer lorem --output-tokens 60 --rpm $rpm --tpm 60000
write_config 12
# Without static membership a worker that leaves gives its partitions up at once.
sed -i -e 's/^pool: {/pool: {static_membership: false, /' \
    -e 's/^kafka: {/kafka: {session.timeout.ms: 6000, heartbeat.interval.ms: 1000, /' \
    -e "s/api_key: none/api_key: none, rpm: $rpm, tpm: 60000, timeout: 10/" "$work/sluice.yaml"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"

violations() {
    curl -s "$sim/stats" | jq '.violations | .rpm + .tpm + .parallel'
}

now_ms() {
    echo $((${EPOCHREALTIME/./} / 1000))
}

# share_since MS CALLS: how much of the limit was used since then, in percent
share_since() {
    echo $((($(calls) - $2) * 60 * 1000 * 100 / (($(now_ms) - $1) * rpm)))
}

requests 0 6000 | sed 's/}}$/,"max_completion_tokens":60}}/' >"$work/in"
kcat -b "$broker" -P -t requests -K '\t' -X partitioner=murmur2_random <"$work/in"

start_worker 0
pids=("$worker")
for slot in 1 2; do
    start_worker $slot
    pids+=("$worker")
done
wait_for 60 "the first calls" calls_reach 1
sleep 60 # by then a window of the provider is full
from=$(now_ms)
before=$(calls)
sleep $calm_s
used=$(share_since "$from" "$before")
echo "no moves: 3 workers, $used % used, $(violations) over the limit"
[ "$(violations)" -eq 0 ] || fail "$(violations) calls over the limit before anything moved"
[ "$used" -ge 95 ] || fail "only $used % of the limit were used although nothing moved"
from=$(now_ms)
before=$(calls)
for ((i = 0; i < ${#moves[@]}; i++)); do
    slot=${moves[i]}
    if [ "${pids[slot]:-}" ]; then
        stop_worker "${pids[slot]}"
        unset "pids[slot]"
    else
        start_worker "$slot"
        pids[slot]=$worker
    fi
    until [ $(($(now_ms) - from)) -ge $(((i + 1) * 20000)) ]; do
        sleep 0.2
    done
    echo "move $((i + 1)): ${#pids[@]} workers, $(share_since "$from" "$before") % used, $(violations) over the limit"
done
used=$(share_since "$from" "$before")
[ "$(violations)" -eq 0 ] || fail "$(violations) calls over the limit"
[ "$used" -ge 90 ] || fail "only $used % of the limit were used"
for pid in "${pids[@]}"; do
    stop_worker "$pid"
done
echo "limits: $used % of $rpm requests a minute used with ${#moves[@]} moves, none over it"
echo PASSED
