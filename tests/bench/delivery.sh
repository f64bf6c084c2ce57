#!/bin/bash
# delivery.sh [PART...]: what the death of a worker is felt like, on a real Apache Kafka (one broker, on this machine).
# Prints tables and, as the last line, everything as one JSON object. Parts, both when none is named:
#
#   handover  how long partitions of one of two workers stay unserved when it is killed or stopped.
#   stall     how long readers of the reply topic see nothing when a worker dies in an open transaction.
#
# Each is done TIMES times, with requests to each partition every 50 ms meanwhile (bench/reply_clock.c).
# KAFKA_EXTRA="name: value, ..." adds properties to the workers' kafka block. Rates and latencies: make bench.
set -euo pipefail
# shellcheck source=tests/lib/kafka-common.sh
. "$(dirname "$0")/../lib/kafka-common.sh"

times=${TIMES:-3}
session_ms=6000
partitions=6
every_ms=50
bin=${BUILD:-build}
clock=$bin/tests/bench/reply_clock
stopped=${sluice}-stop
parts=" ${*:-handover stall} "

# ---- figures ----

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

put() { # NAME VALUE: a figure of the JSON line
    printf '%s\t%s\n' "$1" "$2" >>"$work/figures"
}

# quantile Q: of the numbers on stdin
quantile() {
    sort -n | awk -v q="$1" '{ v[NR] = $1 } END { i = int(q * NR + 0.999999); print v[i < 1 ? 1 : i] }'
}

# ---- workers ----

# configure NAME DELIVERY STATIC: topics, group and store of its own
configure() {
    name=$1
    cat >"$work/$name.yaml" <<CONF
kafka: {bootstrap.servers: "$broker", group.id: "group-$name", session.timeout.ms: $session_ms, heartbeat.interval.ms: 1000${KAFKA_EXTRA:+, $KAFKA_EXTRA}}
delivery: $2
topics: {requests: ["requests-$name"], replies: "replies-$name", dead_letter: "dead-$name", partitions: $partitions, replication: 1}
pool: {drain_timeout: 10s, static_membership: $3}
model_list:
  - model_name: fast
    params: {model: openai/sim, api_base: "$sim/v1", api_key: none}
cache: {path: "$work/store-$name"}
CONF
    "$sluice" topics create -c "$work/$name.yaml" >>"$work/topics.log" 2>&1 || fail "topics create"
}

# run LOG [PROGRAM]: a worker of the configuration $name; its process id is left in $worker
run() {
    "${2:-$sluice}" worker -c "$work/$name.yaml" 2>"$work/$1.log" &
    worker=$!
    started+=("$worker")
}

# A reply to a request of each partition: the worker is there and warm.
warm_up() {
    "$clock" lone "$broker" "requests-$name" "replies-$name" $((2 * partitions)) >"$work/warm-up" ||
        fail "no replies of $name"
}

kill_worker() { # PID
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
}

# ---- handover ----

start_trickle() {
    "$clock" trickle "$broker" "requests-$name" "replies-$name" "$every_ms" >"$work/trickle" &
    trickle=$!
    started+=("$trickle")
    wait_for 30 "the reader" grep -q ready "$work/trickle"
}

stop_rest() { # all that was started but the simulator
    local pid
    for pid in "${started[@]}"; do
        [ "$pid" = "$sim_pid" ] || kill_worker "$pid" 2>/dev/null || true
    done
    started=("$sim_pid")
}

# served SINCE: is a request of each partition answered that was sent since then?
served() {
    [ "$(awk -v t="$1" '!/^#/ && $2 > t { print $3 }' "$work/trickle" | sort -u | wc -l)" -eq "$partitions" ]
}

owns() { # LOG PARTITIONS
    [ "$(sed -n 's/.* now=\([0-9]*\).*/\1/p' "$work/$1.log" | tail -1)" = "$2" ]
}

# Both workers have half of the partitions, and all are served.
wait_for_both() {
    wait_for 60 "a fair share of the partitions" owns "$first" $((partitions / 2))
    wait_for 60 "a fair share of the partitions" owns "$second" $((partitions / 2))
    wait_for 60 "replies from all partitions" served "$(now_us)"
}

# handover HOW STATIC TIME: seconds from the signal to the slowest partition being served again
handover() {
    local signal=KILL at gone
    case $1 in stop*) signal=TERM ;; esac
    first=$name-first-$3
    run "$first"
    victim=$worker
    wait_for_both
    at=$(now_us)
    if [ "$signal" = KILL ]; then kill_worker "$victim"; else stop_worker "$victim"; fi
    gone=$(now_us)
    case $1 in
    *restart)
        first=$name-again-$3
        run "$first"
        victim=$worker
        ;;
    esac
    wait_for 90 "the partitions to be served again" served "$gone"
    awk -v at="$at" -v gone="$gone" '!/^#/ && $2 > gone && !($3 in when) { when[$3] = $1 }
        END { for (p in when) if (when[p] > last) last = when[p]; printf "%.2f\n", (last - at) / 1e6 }' \
        "$work/trickle" >>"$work/handover-$1-$2"
    # For the next time. The session of one that was killed ends by itself.
    case $1 in *restart) stop_worker "$victim" ;; esac
    wait_for 60 "the other worker to have everything" owns "$second" "$partitions"
}

measure_handover() {
    local how static time file
    echo "== handover: seconds from the signal until all partitions of the worker are served again"
    echo "   session.timeout.ms: $session_ms (librdkafka's default: 45000)"
    printf '%-14s %-8s %6s %6s %6s\n' what static median least most
    for what in kill-restart:true kill:true kill:false stop-restart:true stop:true stop:false; do
        how=${what%:*}
        static=${what#*:}
        configure "handover-$how-$static" exactly_once "$static"
        second=$name-second
        run "$second"
        start_trickle
        for time in $(seq "$times"); do handover "$how" "$static" "$time"; done
        stop_rest
        file=$work/handover-$how-$static
        printf '%-14s %-8s %6s %6s %6s\n' "$how" "$static" "$(quantile 0.5 <"$file")" "$(quantile 0 <"$file")" \
            "$(quantile 1 <"$file")"
        put "handover_${how//-/_}_static_${static}_s" "$(quantile 0.5 <"$file")"
        put "handover_${how//-/_}_static_${static}_s_most" "$(quantile 1 <"$file")"
    done
    put session_timeout_ms "$session_ms"
}

# ---- stall ----

# silent SECONDS: reply partitions, with requests coming all the time, that have shown nothing for so long
silent() {
    awk -v now="$(now_us)" -v s="$1" '!/^#/ { last[$4] = $1 }
        END { for (p in last) n += now - last[p] > s * 1e6; print n + 0 }' "$work/trickle"
}

is_silent() { [ "$(silent 1)" -gt 0 ]; }

shown() { # SINCE: has each reply partition shown something since?
    [ "$(awk -v t="$1" '!/^#/ && $1 > t { print $4 }' "$work/trickle" | sort -u | wc -l)" -eq "$partitions" ]
}

# stall HOW TIME: one worker goes on, the other is killed with its transaction open
stall() {
    local at
    configure "stall-$1-$2" exactly_once true
    first=$name-first
    second=$name-second
    run "$second"
    start_trickle
    rm -f "$work/stopped"
    SLUICE_STOP_AT=produced:50 SLUICE_STOP_FILE="$work/stopped" run "$first" "$stopped"
    victim=$worker
    wait_for 90 "the worker to come to an open transaction" test -e "$work/stopped"
    wait_for 10 "readers to stall" is_silent
    silent 1 >>"$work/stall-partitions"
    at=$(now_us)
    kill_worker "$victim"
    [ "$1" = alone ] || run "$name-again"
    wait_for 90 "all reply partitions" shown "$at"
    awk -v at="$at" '!/^#/ && $1 > at && !($4 in when) { when[$4] = $1 }
        END { for (p in when) if (when[p] > last) last = when[p]; printf "%.2f\n", (last - at) / 1e6 }' \
        "$work/trickle" >>"$work/stall-$1"
    stop_rest
}

measure_stall() {
    local how time file
    echo "== stall: seconds from kill -9 inside an open transaction until all reply partitions show replies again"
    echo "   transaction.timeout.ms: 15000 (sluice's default); the broker looks for expired ones every 10 s (its default)"
    printf '%-14s %6s %6s %6s\n' "slot is" median least most
    for how in restarted alone; do
        for time in $(seq "$times"); do stall "$how" "$time"; done
        file=$work/stall-$how
        printf '%-14s %6s %6s %6s\n' "$how" "$(quantile 0.5 <"$file")" "$(quantile 0 <"$file")" \
            "$(quantile 1 <"$file")"
        put "stall_${how}_s" "$(quantile 0.5 <"$file")"
        put "stall_${how}_s_most" "$(quantile 1 <"$file")"
    done
    echo "reply partitions that stalled, of $partitions: $(sort -n "$work/stall-partitions" | paste -sd' ')"
}

# ---- all of it ----

[ -x "$clock" ] || fail "$clock is missing: make bench-programs"
[ -x "$stopped" ] || fail "$stopped is missing: make integration-programs"
start_broker
start_sim --latency 0ms
sim_pid=${started[0]}
echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg) before; one broker, no replicas"
put processors "$(nproc)"
put load_before "$(cut -d' ' -f1 /proc/loadavg)"
for part in handover stall; do
    [[ $parts != *" $part "* ]] || "measure_$part"
done
put load_after "$(cut -d' ' -f1 /proc/loadavg)"
jq -Rnc '[inputs | split("\t") | {(.[0]): (.[1] | tonumber)}] | add' "$work/figures"
