#!/bin/bash
# What the worker makes of commit metadata on a real Kafka: the longest map that the broker accepts skips
# exactly what it says is done; one that is longer is refused by the broker, and the worker never sends such
# a one; garbage, a map of another partition and another version of the format count as no map at all.
# Never is a record skipped that was not answered.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

start_broker
start_sim
base=10
count=30000

for kind in longest longer garbage other old; do
    cat >"$work/sluice.yaml" <<CONF
kafka: {bootstrap.servers: "$broker", group.id: "group-$kind"}
topics: {requests: ["requests-$kind"], replies: "replies-$kind", dead_letter: "dead-$kind", partitions: 1, replication: 1}
model_list:
  - model_name: fast
    params: {model: openai/sim, api_base: "$sim/v1", api_key: none}
cache: {path: "$work/store-$kind"}
CONF
    "$sluice" topics create -c "$work/sluice.yaml" >>"$work/topics.log" 2>&1 || fail "topics create"
    requests 0 "$count" | kcat -b "$broker" -P -t "requests-$kind" -K '\t'
    code=0
    "$BUILD/tests/integration/commit_map" "$broker" "group-$kind" "requests-$kind" 0 "$base" "$count" "$kind" \
        >"$work/expected" || code=$?
    if [ "$kind" = longer ]; then
        [ "$code" -eq 1 ] || fail "the broker took a map that is too long"
        seq 0 $((count - 1)) >"$work/expected" # nothing is committed
    else
        [ "$code" -eq 0 ] || fail "commit_map $kind ended with $code"
    fi
    start_worker "$kind"
    want=$(wc -l <"$work/expected")
    answered() { [ "$(kcat -b "$broker" -C -t "replies-$kind" -e -q -f '%k\n' | wc -l)" -ge "$want" ]; }
    wait_for 120 "the replies of $kind" answered
    stop_worker "$worker"
    kcat -b "$broker" -C -t "replies-$kind" -e -q -f '%k\n' | sed 's/row-//' | sort -n >"$work/got"
    cmp -s "$work/got" "$work/expected" ||
        fail "$kind: $(diff "$work/got" "$work/expected" | head -5)"
    echo "$kind: $want of $count requests answered, once each, no other"
done
echo PASSED
