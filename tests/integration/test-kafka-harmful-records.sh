#!/bin/bash
# On a real Kafka, single records that harm others. One that is there at every crash of its worker is given
# up, with an error and a dead letter, and the records beside it are answered; one whose call never ends is
# ended when its partition cannot go on because of it; and with dedupe: task_id an id gets one reply, whether
# its second record comes at once, after the reply, or after a kill.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

start_broker
start_sim --latency 1h
port=$(cat "$work/sim.port")
write_config 1
sed -i 's/^pool: {/pool: {poison_crashes: 3, /; 1i dedupe: task_id' "$work/sluice.yaml"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"

# Each life ends while calls run; what is called stands in the log that survives it.
killed_after() { # CALLS
    start_worker killed
    wait_for 60 "$1 calls" calls_reach "$1"
    kill -KILL "$worker"
    wait "$worker" 2>/dev/null || true
}

enqueue 0 3
killed_after 3
killed_after 6
killed_after 7 # two crashes: each is tried alone now
grep -q 'in flight when a worker of this slot died.*count=3' "$work/killed.log" ||
    fail "the crashes were not noticed"

kill -KILL "${started[0]}"
rm "$work/sim.port"
"$sluice" sim --port "$port" --port-file "$work/sim.port" --latency 1ms 2>>"$work/sim.log" &
started+=($!)
wait_for 10 "the other simulator" test -s "$work/sim.port"
start_worker last
wait_for 60 "three replies" have_replies 3
read_replies
[ "$(grep -c '"status_code":200' "$work/replies")" -eq 2 ] || fail "the innocent ones were not answered"
[ "$(grep -c '"code":"poison"' "$work/replies")" -eq 1 ] || fail "no error for the poison"
poison=$(grep '"code":"poison"' "$work/replies" | cut -f1)
dead_letter() { kcat -b "$broker" -C -t dead -e -q -f '%k\n' 2>/dev/null | grep -qx "$poison"; }
wait_for 20 "the dead letter" dead_letter

# Repetitions: in the same instant, after the reply, after a kill.
{ requests 100 150; requests 100 150; } |
    kcat -b "$broker" -P -t requests -K '\t' -X partitioner=murmur2_random
wait_for 60 "fifty more replies" have_replies 53
enqueue 120 170
wait_for 60 "twenty more replies" have_replies 73
kill -KILL "$worker"
wait "$worker" 2>/dev/null || true
start_worker last
enqueue 100 180
wait_for 60 "ten more replies" have_replies 83
stop_worker "$worker"

# The head of the only partition hangs in its call, and all behind it is done, as far as the window reaches.
"$sluice" sim --port 0 --port-file "$work/stuck.port" --latency 1h 2>"$work/stuck.log" &
started+=($!)
wait_for 10 "the simulator that hangs" test -s "$work/stuck.port"
sed -i 's/^pool: {/pool: {max_per_partition: 5, head_max_age: 2s, /' "$work/sluice.yaml"
sed -i "s|^model_list:|&\n  - {model_name: stuck, params: {model: openai/x, api_key: none, api_base: 'http://127.0.0.1:$(cat "$work/stuck.port")/v1'}}|" \
    "$work/sluice.yaml"
requests 500 501 | sed 's/"fast"/"stuck"/' |
    kcat -b "$broker" -P -t requests -K '\t' -X partitioner=murmur2_random
enqueue 501 1101
start_worker last
wait_for 120 "replies to all behind the head" have_replies 684
stop_worker "$worker"
read_replies
grep '"code":"head_cancelled"' "$work/replies" | cut -f1 | grep -qx row-500 || fail "no end of the head"
[ "$(wc -l <"$work/replies")" -eq 684 ] || fail "$(wc -l <"$work/replies") replies to 684 ids"
[ "$(grep -c '"status_code":200' "$work/replies")" -eq 682 ] || fail "others have failed"
echo "poison: $poison; replies: $(wc -l <"$work/replies")"
