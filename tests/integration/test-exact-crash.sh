#!/bin/bash
# The crash matrix of exactly_once: a worker is killed (-9) at each step from the call to the commit, and
# another one takes over its slot. Every request has exactly one visible reply afterwards, its offset is
# committed, and the number of calls is exactly what the step allows: a call is paid for again only when it
# had not ended, or when the disk that knew of it is gone.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

stopped=${SLUICE_STOP:-${sluice}-stop}
[ -x "$stopped" ] || fail "$stopped is missing: make integration-programs"
start_broker
start_sim --latency 15s # so that a kill finds the call running

# prepare ROW: topics, group and store of its own, and COUNT requests
prepare() {
    row=$1
    cat >"$work/sluice.yaml" <<CONF
kafka: {bootstrap.servers: "$broker", group.id: "group-$row", session.timeout.ms: 6000}
delivery: exactly_once
topics: {requests: ["requests-$row"], replies: "replies-$row", dead_letter: "dead-$row", partitions: 3, replication: 1}
pool: {drain_timeout: 10s}
model_list:
  - model_name: fast
    params: {model: openai/sim, api_base: "$sim/v1", api_key: none}
cache: {path: "$work/store-$row", enabled: ${cache:-true}}
CONF
    "$sluice" topics create -c "$work/sluice.yaml" >>"$work/topics.log" 2>&1 || fail "topics create"
    curl -sf -X POST "$sim/reset" >"$work/reset.log" || fail "the simulator does not reset its counts"
    requests 0 "$count" | sed "s/question/$row question/" |
        kcat -b "$broker" -P -t "requests-$row" -K '\t' -X partitioner=murmur2_random
}

# victim PLACE:N [RECORDS]: a worker that is killed there, once RECORDS (none) are on the broker, uncommitted
victim() {
    local least=${2:-0}
    rm -f "$work/stopped"
    SLUICE_STOP_AT=$1 SLUICE_STOP_FILE="$work/stopped" "$stopped" worker -c "$work/sluice.yaml" \
        2>>"$work/victim-$row.log" &
    worker=$!
    started+=("$worker")
    wait_for 60 "the worker to come to $1" test -e "$work/stopped"
    wait_for 30 "uncommitted replies" written "$least"
    kill -KILL "$worker"
    wait "$worker" 2>/dev/null || true
}

written() { [ "$(replies read_uncommitted | wc -l)" -ge "$1" ]; }

replies() { # ISOLATION
    kcat -b "$broker" -C -t "replies-$row" -e -q -f '%k\t%s\n' -X isolation.level="$1"
}

answered() {
    [ "$(replies read_committed | cut -f1 | sort -u | wc -l)" -ge "$count" ]
}

# survivor EXPECTED_LEAST EXPECTED_MOST: another worker ends the job; one visible reply each, calls within
survivor() {
    local total aborted paid
    "$sluice" worker -c "$work/sluice.yaml" 2>>"$work/survivor-$row.log" &
    worker=$!
    started+=("$worker")
    wait_for 90 "all replies of $row" answered
    stop_worker "$worker"
    replies read_committed >"$work/replies"
    total=$(wc -l <"$work/replies")
    [ "$(cut -f1 "$work/replies" | sort -u | wc -l)" -eq "$count" ] || fail "$row: other keys"
    [ "$total" -eq "$count" ] || fail "$row: $total visible replies to $count requests"
    grep -v '"status_code":200' "$work/replies" >"$work/bad" && fail "$row: $(wc -l <"$work/bad") errors"
    aborted=$(($(replies read_uncommitted | wc -l) - total))
    paid=$(calls)
    echo "$row: $count requests, $total visible replies, $aborted aborted, $paid calls (allowed $1 to $2)"
    if [ "$paid" -lt "$1" ] || [ "$paid" -gt "$2" ]; then fail "$row: $paid calls"; fi
}

is_calling() { [ "$(curl -s "$sim/stats" | jq .in_flight)" -ge 1 ]; }

count=1
prepare before-store # killed while the call runs: nobody knows how it ended
"$sluice" worker -c "$work/sluice.yaml" 2>>"$work/victim-$row.log" &
worker=$!
started+=("$worker")
wait_for 60 "a call" is_calling
kill -KILL "$worker"
wait "$worker" 2>/dev/null || true
survivor 2 2
rm "$work/sim.port"
start_sim --latency 2s

prepare after-store
victim stored:1
survivor 1 1

cache=false prepare after-store-no-cache # the journal alone is enough
victim stored:1
survivor 1 1

prepare after-produce
victim produced:1 1
survivor 1 1

prepare after-offsets
victim offsets:1 1
survivor 1 1

prepare after-commit
victim committed:1 1
survivor 1 1

prepare disk-lost
victim produced:1 1
rm -rf "$work/store-$row"
survivor 2 2

# Many at once. Calls that run at the kill may be paid for twice: at most as many as there are requests.
count=1000
for place in stored:2 produced:2 offsets:2 committed:2; do
    prepare "many-${place%:*}"
    victim "$place"
    survivor "$count" $((2 * count))
done
echo PASSED
