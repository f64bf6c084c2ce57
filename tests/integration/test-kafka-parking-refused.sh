#!/bin/bash
# What cannot be parked waits in the pool, and neither it nor what is published beside it is lost or comes twice:
# a delay topic that is missing, and one that takes the small requests and not the large one.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=150 # of each model; with a window of 200, half of which may be parked
sent=$((2 * count))
start_broker
start_sim
fast=$sim

# configure ROW DELAY: topics, group and store of its own, and a model that is away
configure() {
    row=$1
    rm -f "$work/sim.port"
    echo '{"match":{"model":"away"},"fault":{"kind":"429","wait":"15s"}}' >"$work/away.script"
    start_sim --script "$work/away.script"
    away=$sim
    away_pid=${started[-1]}
    cat >"$work/sluice.yaml" <<CONF
kafka: {bootstrap.servers: "$broker", group.id: "group-$row"}
delivery: $delivery
topics: {requests: ["requests-$row"], replies: "replies-$row", dead_letter: "", delay: "$2", partitions: 1, replication: 1}
pool: {drain_timeout: 10s, max_per_partition: 200, park_for: 2s}
observability: {listen: "127.0.0.1:0"}
model_list:
  - model_name: fast
    params: {model: openai/fast, api_base: "$fast/v1", api_key: none}
  - model_name: away
    params: {model: openai/away, api_base: "$away/v1", api_key: none}
cache: {path: "$work/store-$row"}
CONF
    "$sluice" topics create -c "$work/sluice.yaml" >>"$work/topics.log" 2>&1 || fail "topics create"
}

send() { # FROM TO MODEL
    requests "$1" "$2" | sed "s/\"fast\"/\"$3\"/" | kcat -b "$broker" -P -t "requests-$row" -K '\t'
}

replies() { kcat -b "$broker" -C -t "replies-$row" -e -q -f '%k\t%s\n' -X isolation.level=read_committed; }
answered() { [ "$(replies | cut -f1 | sort -u | wc -l)" -ge "$1" ]; }
said() { grep -q "$1" "$work/$row.log"; }
copies() { kcat -b "$broker" -C -t "delay-$row" -e -q -f '%k\n' -X isolation.level=read_committed; }
some_parked() { [ "$(copies | wc -l)" -ge 20 ]; }
start() { start_worker "$row"; }

# finish: the model comes back, and each request has one good reply
finish() {
    kill -KILL "$away_pid"
    wait "$away_pid" 2>/dev/null || true
    "$sluice" sim --port "${away##*:}" 2>>"$work/sim.log" &
    started+=($!)
    wait_for 120 "all replies of $row" answered "$sent"
    stop_worker "$worker"
    replies >"$work/replies"
    [ "$(wc -l <"$work/replies")" -eq "$sent" ] || [ "$delivery" = at_least_once ] ||
        fail "$row: $(wc -l <"$work/replies") replies"
    [ "$(cut -f1 "$work/replies" | sort -u | wc -l)" -eq "$sent" ] || fail "$row: other keys"
    grep -v '"status_code":200' "$work/replies" >"$work/bad" && fail "$row: $(wc -l <"$work/bad") errors"
    echo "$row: $(wc -l <"$work/replies") replies to $sent requests"
}

configure missing delay-missing
sed -i 's/delay: "delay-missing"/delay: nowhere/' "$work/sluice.yaml"
send 0 $count away
send $count "$sent" fast
start
wait_for 90 "the requests of the model that works" answered $count
wait_for 60 "word of the missing topic" said 'cannot be parked.*topic=nowhere'
finish

configure narrow delay-narrow
"$lib/kafka-fixture" config "$work/kafka" delay-narrow max.message.bytes=20000
pad=$(head -c 30000 /dev/urandom | base64 -w 0) # which nothing makes smaller
printf 'row-0\t{"custom_id":"row-0","body":{"model":"away","messages":[{"role":"user","content":"question 0"}]},"sluice":{"metadata":{"pad":"%s"}}}\n' "$pad" >"$work/large"
kcat -b "$broker" -P -t requests-narrow -K '\t' <"$work/large"
send 1 $count away
send $count "$sent" fast
start
wait_for 90 "the requests of the model that works" answered $count
refused_large() { said 'cannot be parked.*offset=0 '; }
seen_soon() {
    for ((n = 0; n < 50; n++)); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    return 1
}
# The oldest is parked first, unless it is just being tried; what arrives makes the pool choose again.
while ! seen_soon refused_large; do
    [ "$sent" -lt 600 ] || fail "the large request was never refused"
    send "$sent" $((sent + 30)) away
    sent=$((sent + 30))
done
wait_for 60 "copies of the small ones" some_parked
[ "$(copies | grep -cx row-0)" -eq 0 ] || fail "the large request was parked"
finish
echo PASSED
