#!/bin/bash
# instructions.sh [check|renew|show|watch]: instructions of a task, all threads, in user space, by callgrind. A count does not
# depend on what else the machine does, so it shows what a clock cannot: that a path got a little slower.
#
#   hit        a cached answer, from line to line of a file job
#   call       a call to a provider, likewise, 64 in flight
#   kafka-hit  a cached answer, from record to record over the embedded broker
#
#   show    prints the counts
#   check   compares them with instructions.expected: what is further above than the percents there is a failure
#   renew   writes that file: for a change that is worth what it costs, in the commit of that change
#   watch   what metrics and traces add to a hit and to a call: the functions that count, with the clocks they read; the
#           default traces.sample_ratio and all tasks traced (the exporter's thread included, the system's part of its
#           sending not)
#
# A count is the difference of two runs, of N and 2 N tasks, over N, so that start and end cancel. There is one worker
# thread; simulator and broker run beside it, uncounted. What still varies are batches and timers, and only more
# is ever counted for them: a count that is too high is taken again, twice, and the least one holds.
# KEEP=DIR keeps the profiles: callgrind_annotate --inclusive=yes DIR/hit.2000
set -euo pipefail

bin=$(realpath "${BUILD:-build}")
sluice=$bin/sluice
expected=$(realpath "$(dirname "$0")")/instructions.expected
extra=() # options of a file job
what=${1:-show}
kinds="hit call kafka-hit"
n=1000

if ! command -v valgrind >/dev/null; then
    echo "valgrind is missing (make deps-test)"
    exit 77
fi
work=$(mktemp -d)
pids=()
cleanup() {
    local pid
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null || continue
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "instructions: $*" >&2
    tail -n 5 "$work"/*.log >&2 || true
    exit 1
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
    local end=$((SECONDS + $1)) name=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || fail "waited too long for $name"
        read -r -t 0.05 _ <> <(:) || true
    done
}

# counted NAME COMMAND...: runs it under callgrind; the profile is $work/NAME.profile
counted() {
    local name=$1
    shift
    exec valgrind --tool=callgrind --callgrind-out-file="$work/$name.profile" \
        --log-file="$work/$name.valgrind" "$@"
}

# of_metrics NAME: the count of what a worker does for metrics only (core/pool/count.c)
of_metrics() {
    callgrind_annotate --inclusive=yes --threshold=100 --auto=no "$work/$1.profile" |
        awk '/core\/pool\/count\.c:count_(part|begin|end|call|usage) / { gsub(/,/, ""); sum += $1 } END { print sum + 0 }'
}

# collected NAME: the count of a run that has ended
collected() {
    [ -z "${KEEP:-}" ] || cp "$work/$1.profile" "$KEEP/$1"
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/$1.valgrind"
}

# ---- file jobs ----

# prompts TASKS
prompts() {
    awk -v n="$1" 'BEGIN { x = sprintf("%900s", ""); gsub(/ /, "x", x); for (i = 1; i <= n; i++) printf \
        "{\"custom_id\":\"q%d\",\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"prompt %d %s\"}]}}\n", i, i, x }' \
        >"$work/$1.jsonl"
}

# fresh STORE: a copy of it, as "store"
fresh() {
    rm -rf "$work/store"
    cp -r "$work/$1" "$work/store"
}

# job TASKS STORE: the arguments of a file job
job() {
    rm -f "$work"/out.jsonl*
    args=(batch -i "$work/$1.jsonl" -o "$work/out.jsonl" -c "$work/file.yaml" --store "$work/$2" --progress none "${extra[@]}")
}

# One at a time: then every hit takes the same steps. The store is the same one each time, so that what RocksDB does in
# the background cancels, too.
run_hit() {
    fresh store-file
    job "$1" store
    (counted "hit.$1" "$sluice" "${args[@]}" --max-in-flight 1 2>"$work/hit.log") || fail "hit: $?"
}

run_call() {
    rm -rf "$work/store-call"
    job "$1" store-call
    (counted "call.$1" "$sluice" "${args[@]}" --max-in-flight 64 2>"$work/call.log") || fail "call: $?"
}

# ---- over Kafka ----

# start_broker NAME: a new embedded broker; its address is left in $broker. Its input does not end before this script.
start_broker() {
    rm -f "$work/$1.broker"
    "$bin/tests/bench/embedded_broker" 8 "requests-$1" "replies-$1" <&9 >"$work/$1.broker" 2>"$work/broker.log" &
    pids+=($!)
    wait_for 10 "the broker" test -s "$work/$1.broker"
    broker=$(cat "$work/$1.broker")
}

worker_config() { # NAME [STORE]
    cat "$work/file.yaml" - >"$work/$1.yaml" <<CONF
kafka: {bootstrap.servers: "$broker", group.id: $1}
topics: {requests: [requests-$1], replies: replies-$1, dead_letter: ""}
cache: {path: "$work/${2:-store}"}
observability: {log_level: warn}
CONF
}

run_kafka-hit() {
    local name=kafka-hit.$1 pid code=0
    start_broker "$name"
    fresh store-kafka
    worker_config "$name"
    rm -f "$work/ready"
    counted "$name" "$sluice" worker -c "$work/$name.yaml" --ready-file "$work/ready" 2>"$work/worker.log" &
    pid=$!
    pids+=("$pid")
    wait_for 60 "the worker" test -e "$work/ready"
    "$bin/tests/bench/reply_clock" load "$broker" "requests-$name" "replies-$name" 0 0 "$1" >"$work/said" ||
        fail "no replies"
    grep -q "hits=$1 failed=0" "$work/said" || fail "$(cat "$work/said")"
    kill -TERM "$pid"
    wait "$pid" || code=$?
    [ "$code" = 0 ] || fail "the worker ended with $code"
}

# ---- counts ----

# per_task KIND: left in $count
per_task() {
    "run_$1" "$n"
    "run_$1" $((2 * n))
    count=$((($(collected "$1.$((2 * n))") - $(collected "$1.$n")) / n))
}

# Answers for the hits, in tables and not in a log that is read at the start: both stores are opened once more.
prepare() {
    mkfifo "$work/open"
    exec 9<>"$work/open"
    "$sluice" sim --port 0 --port-file "$work/port" 2>"$work/sim.log" &
    pids+=($!)
    wait_for 10 "the simulator" test -s "$work/port"
    cat >"$work/file.yaml" <<CONF
model_list:
  - {model_name: fast, params: {model: openai/sim, api_base: "http://127.0.0.1:$(cat "$work/port")/v1", api_key: none}}
pool: {workers: 1}
CONF
    prompts $n
    prompts $((2 * n))
    for _ in 1 2; do
        job $((2 * n)) store-file
        "$sluice" "${args[@]}" 2>"$work/fill.log" || fail "the store cannot be filled"
    done
    broker=none
    worker_config fill store-kafka
    for to in $((2 * n)) 0; do
        "$bin/tests/bench/fill_store" "$work/fill.yaml" 0 "$to" 2>"$work/fill.log" || fail "the store cannot be filled"
    done
}

# check KIND: false when it costs more than is expected
check() {
    local was percent most try least=0
    read -r was percent < <(awk -v k="$1" '$1 == k { print $2, $3 }' "$expected") ||
        fail "$expected has no count of $1"
    most=$((was + was * percent / 100))
    for try in 1 2 3; do
        per_task "$1"
        [ "$try" -gt 1 ] && [ "$least" -le "$count" ] || least=$count
        [ "$least" -gt "$most" ] || break
    done
    awk -v k="$1" -v now="$least" -v was="$was" 'BEGIN {
        printf "%s: %d instructions a task, %d expected, %+.1f %%\n", k, now, was, 100 * (now / was - 1) }'
    [ "$least" -le "$most" ]
}

check_all() {
    local kind good=0
    for kind in $kinds; do
        check "$kind" || good=1
    done
    [ "$good" = 0 ] || echo "that is too much: KEEP=DIR $0 show, and callgrind_annotate, say where;" \
        "a change that is worth it renews instructions.expected: $0 renew"
    return $good
}

show() {
    local kind
    for kind in $kinds; do
        per_task "$kind"
        echo "$kind $count"
    done
}

# ---- what watching costs ----

# least KIND: of three counts, left in $count
least() {
    local try low
    for try in 1 2 3; do
        per_task "$1"
        [ "$try" -gt 1 ] && [ "$low" -le "$count" ] || low=$count
    done
    count=$low
}

start_sink() {
    PYTHONPATH=$(dirname "$0") python3 -c 'import sys, time, rig
open(sys.argv[1], "w").write("%d\n" % rig.Sink().port)
time.sleep(86400)' "$work/sink" 2>"$work/sink.log" &
    pids+=($!)
    wait_for 10 "the collector" test -s "$work/sink"
}

watch() {
    local kind base share
    start_sink
    echo "instructions in user space that are added to a task; no time"
    for kind in hit call; do
        extra=()
        least "$kind"
        base=$count
        awk -v k="$kind" -v m=$((($(of_metrics "$kind.$((2 * n))") - $(of_metrics "$kind.$n")) / n)) -v all="$base" 'BEGIN {
            printf "%s, metrics: %d beside %d, %+.2f %%\n", k, all, all - m, 100 * m / (all - m) }'
        for share in "the default ratio" "ratio 1"; do
            extra=(--set "traces.endpoint=http://127.0.0.1:$(cat "$work/sink")")
            [ "$share" = "the default ratio" ] || extra+=(--set traces.sample_ratio=1)
            least "$kind"
            awk -v k="$kind" -v s="$share" -v on="$count" -v off="$base" 'BEGIN {
                printf "%s, traces at %s: %d beside %d, %+.2f %%\n", k, s, on, off, 100 * (on / off - 1) }'
        done
    done
}

prepare
case $what in
show) show ;;
renew) show | awk 'NR == FNR { percent[$1] = $3; next } { print $0, percent[$1]; fflush() }' "$expected" - | tee "$work/new" && cp "$work/new" "$expected" ;;
check) check_all ;;
watch) watch ;;
*) fail "usage: instructions.sh [check|renew|show|watch]" ;;
esac
