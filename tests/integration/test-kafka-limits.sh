#!/bin/bash
# The limits of a row are for all workers of a group together: up to three of them work against a provider that
# refuses and counts every call over its limits, and every 20 s one joins or leaves. No call is refused, and nine
# tenths of the limit are used at least.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

moves=(2 0 0 1 1 2) # which worker joins or leaves: there are always two or three
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
start_worker 1
pids+=("$worker")
wait_for 60 "the first calls" calls_reach 1
sleep 60 # by then a window of the provider is full
[ "$(violations)" -eq 0 ] || fail "$(violations) calls over the limit before anything moved"
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
