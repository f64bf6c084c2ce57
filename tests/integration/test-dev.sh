#!/bin/bash
# `sluice dev`: a configuration of one's own (-c), a second signal, and everything enqueued is collected. Needs
# nothing but this machine.
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"

count=2000
sim_start --latency 20ms
config_for_sim dev.yaml
cat >>dev.yaml <<CONF
topics: {requests: [asked], replies: answered, dead_letter: dead}
CONF

"$SLUICE" dev -c dev.yaml --store store --partitions 8 --ready-file ready >dev.out 2>dev.log &
dev=$!
PIDS+=("$dev")
wait_for 20 test -s ready || { cat dev.log >&2; fail "dev did not start"; }
broker=$(cat ready)
grep -qx "bootstrap.servers=$broker" dev.out || fail "the address is not on stdout"
grep -q 'for development only' dev.log || fail "no word about what it is"
grep -q 'simulated' dev.log && fail "with -c there is no simulated provider"
code=0
"$SLUICE" dev -c dev.yaml --store other --port "${broker##*:}" >/dev/null 2>second.log || code=$?
[ $code = 69 ] || fail "a second one on the port ended with $code: $(tail -3 second.log)"
grep -q "cannot listen on $broker: Address already in use; name another --port" second.log || fail "$(cat second.log)"

for ((i = 0; i < count; i++)); do
    printf '{"custom_id":"row-%d","body":{"model":"fast","messages":[{"role":"user","content":"question %d"}]}}\n' $i $i
done >in.jsonl
"$SLUICE" enqueue -i in.jsonl -b "$broker" --topic asked -c dev.yaml --progress none >/dev/null 2>enqueue.log ||
    { cat enqueue.log >&2; fail "enqueue"; }
"$SLUICE" collect --run in.jsonl.run -c dev.yaml -b "$broker" --topic answered -o out.jsonl --progress none \
    2>collect.log || { cat collect.log >&2; fail "collect"; }
[ "$(jq -r .custom_id out.jsonl | sort -u | wc -l)" -eq $count ] || fail "not every id is there"
[ "$(wc -l <out.jsonl)" -eq $count ] || fail "not every id once"
[ "$(sim_stats .calls)" -eq $count ] || fail "$(sim_stats .calls) calls instead of $count"
kill -TERM "$dev"
code=0
wait "$dev" || code=$?
[ "$code" -eq 0 ] || { tail dev.log >&2; fail "dev ended with $code"; }

# A second signal while calls run: at once, with the code of the signal.
sim_stop
sim_start --latency 60s
config_for_sim slow.yaml
rm ready
"$SLUICE" dev -c slow.yaml --store store --ready-file ready >dev.out 2>dev.log &
dev=$!
PIDS+=("$dev")
wait_for 20 test -s ready || fail "dev did not start again"
sed -n '1,50s/question/other/p' in.jsonl >slow.jsonl
"$SLUICE" enqueue -i slow.jsonl -b "$(cat ready)" --progress none >/dev/null 2>enqueue.log || fail "enqueue"
calls_started() { [ "$(sim_stats .calls)" -ge 10 ]; }
wait_for 20 calls_started || fail "no calls"
kill -INT "$dev"
wait_for 5 grep -q draining dev.log || fail "the first signal must drain"
sleep 0.3
begin=${EPOCHREALTIME/./}
kill -INT "$dev"
code=0
wait "$dev" || code=$?
took=$(((${EPOCHREALTIME/./} - begin) / 1000))
[ "$code" -eq 130 ] || fail "the second signal gave exit code $code instead of 130"
[ "$took" -lt 15000 ] || fail "the second signal took $took ms" # half of pool.drain_timeout; the calls take a minute
echo PASSED
