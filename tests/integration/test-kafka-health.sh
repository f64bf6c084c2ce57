#!/bin/bash
# What /readyz and /livez say in each state of a worker, on a real Kafka. What is lasting and waits for somebody else is no
# reason to restart the process, so /livez is 200; what only a restart mends is 503, or there is nobody who answers.
# (A full disk is in test-admin.)
# shellcheck source=tests/lib/kafka-common.sh
. "$(dirname "$0")/../lib/kafka-common.sh"
programs=$(dirname "$sluice")/tests/integration

# worker_with NAME OPTION...: sets $worker and $port.
worker_with() {
    local log=$work/$1.log
    shift
    "$sluice" worker -c "$work/sluice.yaml" --set observability.listen=127.0.0.1:0 "$@" 2>>"$log" &
    worker=$!
    started+=("$worker")
    wait_for 20 "the admin port" grep -qs 'admin port url=' "$log"
    port=$(sed -n 's|.*admin port url=http://127.0.0.1:\([0-9]*\)/.*|\1|p' "$log" | tail -n 1)
}
said() { # PATH OF-PORT: code and body in one line
    curl -s --max-time 30 -w '%{http_code} ' -o "$work/body" "http://127.0.0.1:${2:-$port}$1" && cat "$work/body"
}
is() { [ "$(said "$1" "${4:-}")" = "$2 $3" ]; }

# state NAME READY LIVE [PORT]: READY is the reasons, in the order of /readyz, or "-" for ready.
state() {
    local reasons='' code=200
    if [ "$2" != - ]; then
        reasons=\"${2//,/\",\"}\" code=503
    fi
    wait_for 60 "$1: not_ready [$reasons], not $(said /readyz "${4:-}")" is /readyz $code "{\"ready\":$([ $code = 200 ] && echo true || echo false),\"not_ready\":[$reasons]}" "${4:-}"
    is /livez "${3%% *}" "${3#* }" "${4:-}" || fail "$1: /livez says $(said /livez "${4:-}")"
    printf '%-34s /readyz %s %-36s /livez %s\n' "$1" $code "$2" "$3"
}
alive='200 {"alive":true}'
post() { curl -s -o /dev/null -w '%{http_code}' -X POST "http://127.0.0.1:$port$1"; }

ends_with_69() { # NAME PID: by itself, so that it is started again
    local code=0
    wait "$2" || code=$?
    [ $code = 69 ] || fail "$1: exit code $code instead of 69"
    printf '%-34s nobody answers; exit code 69\n' "$1"
}

start_broker
start_sim --latency 50ms
write_config 6
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"

# Two workers whose threads will hang: seen after a minute, so at the end of this script. They have topics of their own.
cp "$work/sluice.yaml" "$work/good.yaml"
sed -i 's/^topics: .*/topics: {requests: [idle], replies: idle-replies, dead_letter: dead, partitions: 1, replication: 1}/' "$work/sluice.yaml"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
hanging() { # NAME THREAD
    worker_with "$1" --set kafka.group.id="$1" --set cache.path="$work/store-$1"
    state "$1, before" - "$alive"
    "$programs/stop_thread" "$worker" "$2" >"$work/$1.stopped" 2>"$work/$1.refused" &
    started+=($!)
    wait_for 10 "a thread that is stopped" test -s "$work/$1.stopped" -o -s "$work/$1.refused"
    [ -s "$work/$1.stopped" ] || missing "the right to stop a thread ($(cat "$work/$1.refused"))"
}
hanging intake-hangs intake
intake=$worker
hanging main-hangs main
main=$worker main_port=$port
cp "$work/good.yaml" "$work/sluice.yaml"

# ---- the broker ----

"$lib/kafka-fixture" stop "$work/kafka"
worker_with one
state "broker away at the start" not_member,producer_not_ready "$alive"
"$lib/kafka-fixture" restart "$work/kafka"
state "working" - "$alive"
"$lib/kafka-fixture" kill "$work/kafka"
state "broker gone" not_member "$alive"
"$lib/kafka-fixture" restart "$work/kafka"
state "broker back" - "$alive"

# ---- a person ----

[ "$(post /pause)" = 200 ] || fail "no pause"
state "paused" paused "$alive"
[ "$(post /resume)" = 200 ] || fail "no resume"
state "resumed" - "$alive"

# ---- the provider ----

sim_pid=${started[0]}
kill -STOP "$sim_pid"
enqueue 0 20
called() { curl -s "http://127.0.0.1:$port/status" | jq -e '.pool.calling == 20' >/dev/null; }
wait_for 30 "calls" called
state "provider gone" - "$alive"
kill -CONT "$sim_pid"
wait_for 60 "20 replies" have_replies 20
stop_worker "$worker"

worker_with budget --set budget.max_requests=5
enqueue 20 40
state "budget used up" budget_used_up "$alive"
stop_worker "$worker"

rm "$work/sim.port"
echo '{"match":{"model":"refused"},"fault":{"kind":"auth"}}' >"$work/script.jsonl"
start_sim --latency 6s --script "$work/script.jsonl"
sed -i "s|api_base: \"[^\"]*\"|api_base: \"$sim/v1\"|; s|openai/sim|openai/refused|" "$work/sluice.yaml"
worker_with refused
state "keys refused" every_model_refuses "$alive"
stop_worker "$worker"

# ---- the end ----

sed -i 's|openai/refused|openai/sim|' "$work/sluice.yaml"
worker_with draining
calls_run() { curl -s "$sim/stats" | jq -e '.in_flight == 15' >/dev/null; } # of 40; 20 and 5 are answered
wait_for 60 "15 calls" calls_run
kill -TERM "$worker"
state "draining" draining "$alive"
code=0
wait "$worker" || code=$?
[ $code = 0 ] || fail "the drain ended with $code"
have_replies 40 || fail "the calls that ran were not published: $(wc -l <"$work/replies") replies"
is /livez 000 "" || fail "a worker that has ended still answers"

cp "$work/good.yaml" "$work/sluice.yaml"
worker_with fenced
state "before it is fenced" - "$alive"
mkdir "$work/copy" && cp -r "$work/store/slot-0" "$work/copy/slot-0"
fenced=$worker
worker_with copy --set cache.path="$work/copy"
ends_with_69 "fenced by a copy of its store" "$fenced"
state "the copy" - "$alive"
stop_worker "$worker"
check_replies 40

# ---- the threads that were stopped at the beginning ----

state "main thread hangs" - '503 {"alive":false,"why":"main_thread_hangs"}' "$main_port"
kill -0 "$main" || fail "a worker whose main thread stands still cannot end"
ends_with_69 "intake thread hangs" "$intake"
grep -q "the intake thread hangs, the worker ends" "$work/intake-hangs.log" || fail "no word about the hang"
echo PASSED
