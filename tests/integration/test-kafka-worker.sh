#!/bin/bash
# A job by two workers on a real Kafka, with enqueue and collect apart from them; one worker is killed (-9)
# and replaced on the way. Every request is answered once in the output, a call that was paid for is not paid
# again, and what is done stays done. Then the ways in which a worker ends.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-20000}
start_broker
start_sim --latency 250ms
write_config 12
# Long enough for a worker that is replaced at once, short enough for one that does not come back.
sed -i 's/^kafka: {/kafka: {session.timeout.ms: 8000, heartbeat.interval.ms: 1000, /' \
    "$work/sluice.yaml"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
[ "$(grep -c created "$work/topics.log")" -eq 3 ] || fail "three topics should have been created"
[ "$("$sluice" topics create -c "$work/sluice.yaml" | grep -c exists)" -eq 3 ] || fail "again"
[ "$("$sluice" topics describe -c "$work/sluice.yaml" | grep -c 'partitions=12')" -eq 3 ] ||
    fail "describe"

# The job, by the commands that a user types.
requests 0 "$count" | cut -f2 >"$work/in.jsonl"
start_worker one
one=$worker
start_worker two
two=$worker
# Partitions that move later could be paid for twice; with static members a kill moves none.
both_have_six() { grep -q 'partitions .*now=6$' "$work/one.log" && grep -q 'partitions .*now=6$' "$work/two.log"; }
wait_for 60 "two members" both_have_six # whichever came first
"$sluice" enqueue -i "$work/in.jsonl" -c "$work/sluice.yaml" --run job-1 --progress none \
    >"$work/enqueue.json" 2>"$work/enqueue.log" || fail "enqueue ended with $?"
"$sluice" collect --run "$work/in.jsonl.run" -c "$work/sluice.yaml" -o "$work/out.jsonl" \
    --progress none 2>"$work/collect.log" &
collect=$!
started+=("$collect")
wait_for 120 "a quarter of the calls" calls_reach $((count / 4))
kill -KILL "$one"
wait "$one" 2>/dev/null || true
echo "killed one worker after $(calls) calls"
start_worker one
one=$worker
code=0
wait "$collect" || code=$?
[ "$code" -eq 0 ] || fail "collect ended with $code"
[ "$(wc -l <"$work/out.jsonl")" -eq "$count" ] || fail "$(wc -l <"$work/out.jsonl") lines of output"
[ "$(jq -r .custom_id "$work/out.jsonl" | sort -u | wc -l)" -eq "$count" ] || fail "not every id once"
stop_worker "$one"
stop_worker "$two"
check_replies "$count"

# Promise 2: at most one more call for each that was in flight at the kill; its bound is pool.max_calls.
paid=$(calls)
echo "calls: $paid for $count requests"
[ "$paid" -le $((count + 2048)) ] || fail "calls were paid for again"

# After a clean stop nothing is done again: a new worker has its partitions, and nothing to do.
sed -i '1i observability: {listen: "127.0.0.1:0"}' "$work/sluice.yaml"
start_worker three
three=$worker
wait_for 30 "all partitions" grep -q 'now=12' "$work/three.log"
sleep 2
[ "$(calls)" -eq "$paid" ] || fail "a restarted worker called again"
[ "$(kcat -b "$broker" -C -t replies -e -q -f '%k\n' | wc -l)" -eq "$(wc -l <"$work/replies")" ] ||
    fail "a restarted worker replied again"

# A second signal ends a worker at once, although calls are running; its slot starts again. The provider stands still
# meanwhile, or the calls might have ended before the signals come.
sim_pid=${started[0]}
kill -STOP "$sim_pid"
requests "$count" $((count + 500)) | cut -f2 >"$work/more.jsonl"
"$sluice" enqueue -i "$work/more.jsonl" -c "$work/sluice.yaml" --progress none \
    >/dev/null 2>"$work/enqueue.log" || fail "enqueue ended with $?"
admin=$(sed -n 's/.*admin port url=//p' "$work/three.log")
calls_run() { curl -s "${admin}status" | jq -e '.pool.calling >= 50' >"$work/calling"; }
wait_for 30 "calls that run" calls_run
kill -TERM "$three"
wait_for 30 "the drain" grep -q draining "$work/three.log"
begin=${EPOCHREALTIME/./}
kill -TERM "$three"
code=0
wait "$three" || code=$?
took=$(((${EPOCHREALTIME/./} - begin) / 1000))
[ "$code" -eq 143 ] || fail "the second signal gave exit code $code instead of 143"
[ "$took" -lt 8000 ] || fail "the second signal took $took ms" # the drain would take 10 s
kill -CONT "$sim_pid"
start_worker three
wait_for 60 "the replies after the second signal" have_replies $((count + 500))

# A member with the same group.instance.id (a copied disk) fences the first one, which must not live on.
cp -r "$work/store/slot-0/." "$work/copy-0"
mkdir -p "$work/copy" && mv "$work/copy-0" "$work/copy/slot-0"
"$sluice" worker -c "$work/sluice.yaml" --set cache.path="$work/copy" 2>>"$work/copy.log" &
copy=$!
started+=("$copy")
code=0
wait "$worker" || code=$?
[ "$code" -eq 69 ] || fail "the fenced worker ended with $code instead of 69"
grep -q 'FENCED_INSTANCE_ID' "$work/three.log" || fail "no word about the fence"
stop_worker "$copy"
check_replies $((count + 500))

# Ready is a worker that can work, and only for as long as it can.
"$sluice" worker -c "$work/sluice.yaml" --ready-file "$work/ready" 2>>"$work/ready.log" &
worker=$!
started+=("$worker")
wait_for 60 "a worker that is ready" test -e "$work/ready"
stop_worker "$worker"
[ ! -e "$work/ready" ] || fail "a worker that has ended is still ready"
grep -h ' error ' "$work"/{one,two}.log && fail "errors in the workers' logs"
echo PASSED
