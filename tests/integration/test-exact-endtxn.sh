#!/bin/bash
# A commit request (EndTxn) is held up by the network, its connection is cut, the client repeats it, and much
# later the first one arrives after all. In the transaction protocol of brokers and clients without KIP-890's
# second part it then ends the transaction that is open by that time. A plain client tears: records of a
# transaction that it aborts are visible to readers of committed records. Ours does not: it sees the cut,
# although the library hides it, and starts under a new epoch before the next transaction, so that the broker
# refuses the late request.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

stopped=${SLUICE_STOP:-${sluice}-stop}
[ -x "$stopped" ] || fail "$stopped is missing: make integration-programs"

export KAFKA_FIXTURE_PROXIED=true # clients that come by the second port are told to come to the proxy
start_broker
read -r port real <"$work/kafka/proxy"

# start_proxy N: keeps the N-th EndTxn
start_proxy() {
    "$BUILD/tests/integration/endtxn_proxy" "$port" "$real" "$1" >"$work/proxy.out" 2>"$work/proxy.log" &
    proxy=$!
    started+=("$proxy")
    wait_for 10 "the proxy" grep -q listening "$work/proxy.out"
}

stop_proxy() {
    kill "$proxy"
    wait "$proxy" 2>/dev/null || true
}

kept() { grep -q kept "$work/proxy.out"; }

release() { # the late request arrives
    kept || fail "no EndTxn was kept"
    kill -USR1 "$proxy"
    wait_for 30 "the broker's answer" grep -q released "$work/proxy.out"
}

visible() { # TOPIC: what a reader of committed records sees
    kcat -b "$broker" -C -t "$1" -e -q -f '%s\n' -X isolation.level=read_committed
}

visible_reach() { [ "$(visible "$1" | wc -l)" -ge "$2" ]; }

topic_config() { # REQUESTS REPLIES
    cat >"$work/sluice.yaml" <<CONF
kafka: {bootstrap.servers: "127.0.0.1:$port", group.id: workers}
delivery: exactly_once
topics: {requests: ["$1"], replies: "$2", dead_letter: dead, partitions: 1, replication: 1}
model_list:
  - model_name: fast
    params: {model: openai/sim, api_base: "$sim/v1", api_key: none}
cache: {path: "$work/store"}
CONF
    "$sluice" topics create -c "$work/sluice.yaml" >>"$work/topics.log" 2>&1 || fail "topics create"
}

# 1. A plain client.
start_sim
start_proxy 1
topic_config requests plain
"$BUILD/tests/integration/plain_txn" "127.0.0.1:$port" plain "$work/go" >"$work/plain.out" \
    2>"$work/plain.log" &
plain=$!
started+=("$plain")
wait_for 60 "the second transaction" grep -q open "$work/plain.out"
visible plain >"$work/before"
grep -q second "$work/before" && fail "the open transaction is visible already"
release
wait_for 30 "the late request's effect" visible_reach plain 6
touch "$work/go"
wait "$plain" || fail "the plain client ended with $?"
torn=$(visible plain | grep -c second || true)
echo "plain client: $(grep released "$work/proxy.out"); its second transaction: $(tail -n 1 "$work/plain.out"); records of it that are visible: $torn"
[ "$torn" -eq 3 ] || fail "the plain client did not tear: the test shows nothing"
stop_proxy

# 2. Ours: the first batch's EndTxn is kept; the second batch is open, all its replies produced, when it arrives.
start_proxy 1
topic_config requests replies
SLUICE_STOP_AT=produced:2 SLUICE_STOP_FILE="$work/stopped" "$stopped" worker \
    -c "$work/sluice.yaml" 2>>"$work/worker.log" &
worker=$!
started+=("$worker")
requests 0 1 | kcat -b "$broker" -P -t requests -K '\t'
wait_for 60 "the first reply" visible_reach replies 1
wait_for 10 "the request that is kept" kept
requests 1 4 | kcat -b "$broker" -P -t requests -K '\t'
wait_for 60 "the worker inside its second transaction" test -e "$work/stopped"
written() { [ "$(kcat -b "$broker" -C -t replies -e -q -f '%k\n' -X isolation.level=read_uncommitted | wc -l)" -ge "$1" ]; }
wait_for 30 "its replies on the broker" written 2 # the first that was answered went without the others
release
sees=$(visible replies | wc -l)
echo "sluice: $(grep released "$work/proxy.out"); replies of its open transaction that are visible: $((sees - 1))"
[ "$sees" -eq 1 ] || fail "torn: $sees replies are visible"
grep -q 'released error=0' "$work/proxy.out" && fail "the broker took the late request"
rm "$work/stopped" # it goes on
wait_for 60 "all replies" visible_reach replies 4
stop_worker "$worker"
[ "$(visible replies | wc -l)" -eq 4 ] || fail "$(visible replies | wc -l) replies instead of 4"
[ "$(calls)" -eq 4 ] || fail "$(calls) calls for 4 requests"
echo PASSED
