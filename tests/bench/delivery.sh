#!/bin/bash
# delivery.sh [PART...]: exactly_once beside at_least_once on a real Apache Kafka (one broker, on this machine).
# Prints tables and, as the last line, everything as one JSON object. Parts, all when none is named:
#
#   rate      COUNT requests through one worker, from the first one sent to the last reply visible, simulated
#             provider without latency; then the same requests again, from the cache. ROUNDS rounds in turn.
#   lone      from a request sent to its reply visible, LONE requests for each mode, one at a time.
#   handover  how long partitions of one of two workers stay unserved when it is killed or stopped.
#   stall     how long readers of the reply topic see nothing when a worker dies in an open transaction.
#
# "Visible" means: read by a read_committed consumer, here bench/reply_clock.c. Handover and stall are done
# TIMES times each, with requests to each partition every 50 ms meanwhile. KAFKA_EXTRA="name: value, ..." adds
# properties to the workers' kafka block.
set -euo pipefail
# shellcheck source=tests/lib/kafka-common.sh
. "$(dirname "$0")/../lib/kafka-common.sh"

count=${COUNT:-40000}
rounds=${ROUNDS:-3}
lone=${LONE:-200}
times=${TIMES:-3}
session_ms=6000
partitions=6
every_ms=50
bin=${BUILD:-build}
clock=$bin/tests/bench/reply_clock
stopped=${sluice}-stop
parts=" ${*:-rate lone handover stall} "

# ---- figures ----

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

put() { # NAME VALUE: a figure of the JSON line
    printf '%s\t%s\n' "$1" "$2" >>"$work/figures"
}

# quantile Q: of the numbers on stdin
quantile() {
    sort -n | awk -v q="$1" '{ v[NR] = $1 } END { i = int(q * NR + 0.999999); print v[i < 1 ? 1 : i] }'
}

# column MODE KIND FIELD: of the rows of all rounds
column() {
    awk -v m="$1" -v k="$2" -v f="$3" '$1 == m && $2 == k { print $f }' "$work/rates"
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

# ---- processor time ----

# threads PID: id, name and ticks of each thread
threads() {
    awk '{ name = $0; sub(/^[^(]*\(/, "", name); sub(/\) [A-Z] .*/, "", name); gsub(" ", "_", name)
        id = $1; sub(/^.*\) /, ""); print id, name, $12 + $13 }' /proc/"$1"/task/*/stat
}

ticks() { # PID
    awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

# One line: ticks of worker, simulator, broker; of the whole machine: idle, all.
processors() {
    echo "$(ticks "$worker") $(ticks "$sim_pid") $(ticks "$broker_pid")" \
        "$(awk '/^cpu / { for (i = 2; i <= 9; i++) all += $i; print $5 + $6, all }' /proc/stat)"
}

# shares BEFORE AFTER: percent of one processor: worker, simulator, broker; percent of the machine: idle, others;
# microseconds of processor time for a reply: worker, broker
shares() {
    awk -v cores="$(nproc)" -v n="$count" -v hz="$(getconf CLK_TCK)" '{
        for (i = 1; i <= 5; i++) d[i] = $(i + 5) - $i
        p = 100 / (d[5] / cores)
        printf "%.0f %.0f %.0f %.0f %.0f %.1f %.1f\n", p * d[1], p * d[2], p * d[3], 100 * d[4] / d[5],
            100 * (d[5] - d[4] - d[1] - d[2] - d[3]) / d[5], 1e6 * d[1] / hz / n, 1e6 * d[3] / hz / n }' <<<"$1 $2"
}

# busiest BEFORE AFTER MICROSECONDS: files of threads(); the three that worked most, percent of one processor
busiest() {
    awk -v us="$3" -v hz="$(getconf CLK_TCK)" 'NR == FNR { was[$1] = $3; next }
        { printf "%.0f %s\n", 1e8 * ($3 - was[$1]) / hz / us, $2 }' "$1" "$2" | sort -rn | head -3 |
        awk '{ printf "%s%s=%s%%", (NR > 1 ? "," : ""), $2, $1 }'
}

# ---- rate ----

print_row() { printf '%-14s %-5s %8s %8s %8s %7s %4s %7s %5s %7s %9s %9s  %s\n' "$@"; }

# pass MODE KIND: COUNT requests through the worker that runs; a row in $work/rates
pass() {
    local watcher began before after took rate
    "$clock" watch "$broker" "replies-$name" "$count" >"$work/seen" &
    watcher=$!
    started+=("$watcher")
    wait_for 30 "the reader" grep -q ready "$work/seen"
    before=$(processors)
    threads "$worker" >"$work/threads-before"
    began=$(now_us)
    kcat -b "$broker" -P -t "requests-$name" -K '\t' -X partitioner=murmur2_random <"$work/requests"
    wait "$watcher" || fail "not all replies of $name"
    after=$(processors)
    threads "$worker" >"$work/threads-after"
    took=$(($(sort -n "$work/seen" | tail -1 | cut -d' ' -f1) - began))
    rate=$(awk -v n="$count" -v us="$took" 'BEGIN { printf "%.0f", n / us * 1e6 }')
    awk '!/^#/ { printf "%.1f\n", ($1 - $2) / 1000 }' "$work/seen" >"$work/lags"
    echo "$1 $2 $rate $(quantile 0.5 <"$work/lags") $(quantile 0.99 <"$work/lags") $(shares "$before" "$after")" \
        "$(busiest "$work/threads-before" "$work/threads-after" "$took")" |
        tee -a "$work/rates" >"$work/row"
    # shellcheck disable=SC2046 # the fields of a row
    print_row $(cat "$work/row")
}

# The commits of one worker's life, from its last line of progress.
commits() { # MODE LOG
    sed -n 's/.*progress.* commits=\([0-9]*\) .*commit_p50_ms=\([0-9.]*\) commit_p99_ms=\([0-9.]*\).*/\1 \2 \3/p' \
        "$work/$2.log" | tail -1 | sed "s/^/$1 commits /" >>"$work/rates"
}

summary() { # MODE KIND
    local key=${1}_$2 median least most
    median=$(column "$1" "$2" 3 | quantile 0.5)
    least=$(column "$1" "$2" 3 | quantile 0)
    most=$(column "$1" "$2" 3 | quantile 1)
    echo "$1, $2: median $median replies/s, from $least to $most; the machine was $(column "$1" "$2" 9 | quantile 0.5) % idle"
    put "${key}_per_s" "$median"
    put "${key}_per_s_least" "$least"
    put "${key}_per_s_most" "$most"
    put "${key}_produced_to_visible_p50_ms" "$(column "$1" "$2" 4 | quantile 0.5)"
    put "${key}_produced_to_visible_p99_ms" "$(column "$1" "$2" 5 | quantile 0.5)"
    put "${key}_worker_cpu_percent" "$(column "$1" "$2" 6 | quantile 0.5)"
    put "${key}_sim_cpu_percent" "$(column "$1" "$2" 7 | quantile 0.5)"
    put "${key}_broker_cpu_percent" "$(column "$1" "$2" 8 | quantile 0.5)"
    put "${key}_machine_idle_percent" "$(column "$1" "$2" 9 | quantile 0.5)"
    put "${key}_others_percent" "$(column "$1" "$2" 10 | quantile 0.5)"
    put "${key}_worker_us_a_reply" "$(column "$1" "$2" 11 | quantile 0.5)"
    put "${key}_broker_us_a_reply" "$(column "$1" "$2" 12 | quantile 0.5)"
}

# ratio KIND: what exactly_once takes, at_least_once being 1. Each round gives one, since the machine may change
# between rounds.
ratio() {
    local time cpu
    time=$(paste <(column at_least_once "$1" 3) <(column exactly_once "$1" 3) |
        awk '{ printf "%.2f\n", $1 / $2 }' | sort -n | paste -sd' ')
    cpu=$(paste <(column exactly_once "$1" 11) <(column at_least_once "$1" 11) |
        awk '{ printf "%.2f\n", $1 / $2 }' | sort -n | paste -sd' ')
    echo "$1: exactly_once takes $(tr ' ' '\n' <<<"$time" | quantile 0.5) times the time of at_least_once ($time)" \
        "and $(tr ' ' '\n' <<<"$cpu" | quantile 0.5) times the worker's processor time ($cpu)"
    put "$1_time_ratio" "$(tr ' ' '\n' <<<"$time" | quantile 0.5)"
    put "$1_worker_cpu_ratio" "$(tr ' ' '\n' <<<"$cpu" | quantile 0.5)"
}

measure_rate() {
    local round mode kind
    echo "== rate: $count requests, $rounds rounds"
    echo "   p50, p99: ms from the worker's producer to visible. worker, sim, broker: percent of one processor; idle, others"
    echo "   (with the reader and kcat): of the machine. _us: processor time for a reply"
    print_row delivery pass per_s p50 p99 worker sim broker idle others worker_us broker_us \
        "busiest threads of the worker"
    requests 0 "$count" >"$work/requests"
    for round in $(seq "$rounds"); do
        for mode in exactly_once at_least_once; do
            configure "rate-$mode-$round" "$mode" true
            run "$name"
            warm_up
            pass "$mode" miss
            pass "$mode" hit
            stop_worker "$worker"
            commits "$mode" "$name"
        done
    done
    for mode in exactly_once at_least_once; do
        for kind in miss hit; do summary "$mode" "$kind"; done
    done
    ratio miss
    ratio hit
    put commit_p50_ms "$(column exactly_once commits 4 | quantile 0.5)"
    put commit_p99_ms "$(column exactly_once commits 5 | quantile 0.5)"
    put commits_a_round "$(column exactly_once commits 3 | quantile 0.5)"
    echo "transactions of exactly_once, begin to committed: p50 $(column exactly_once commits 4 | quantile 0.5) ms," \
        "p99 $(column exactly_once commits 5 | quantile 0.5) ms, $(column exactly_once commits 3 | quantile 0.5) a round"
}

# ---- lone ----

measure_lone() {
    local mode round each=$(((lone + rounds - 1) / rounds))
    echo "== lone: milliseconds from a request sent to its reply visible"
    for mode in exactly_once at_least_once; do
        configure "lone-$mode" "$mode" true
        run "$name"
        warm_up
    done
    for round in $(seq "$rounds"); do
        for mode in exactly_once at_least_once; do
            "$clock" lone "$broker" "requests-lone-$mode" "replies-lone-$mode" "$each" >"$work/seen" ||
                fail "no replies in $mode"
            awk '!/^#/ { printf "%.1f\n", ($1 - $2) / 1000 }' "$work/seen" >>"$work/lone-$mode"
        done
    done
    printf '%-14s %8s %8s %8s\n' delivery requests p50_ms p99_ms
    for mode in exactly_once at_least_once; do
        printf '%-14s %8d %8.1f %8.1f\n' "$mode" "$(wc -l <"$work/lone-$mode")" \
            "$(quantile 0.5 <"$work/lone-$mode")" "$(quantile 0.99 <"$work/lone-$mode")"
        put "lone_${mode}_p50_ms" "$(quantile 0.5 <"$work/lone-$mode")"
        put "lone_${mode}_p99_ms" "$(quantile 0.99 <"$work/lone-$mode")"
    done
    stop_rest
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
broker_pid=$(cat "$work/kafka/pid")
start_sim --latency 0ms
sim_pid=${started[0]}
echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg) before; one broker, no replicas"
put processors "$(nproc)"
put load_before "$(cut -d' ' -f1 /proc/loadavg)"
for part in rate lone handover stall; do
    [[ $parts != *" $part "* ]] || "measure_$part"
done
put load_after "$(cut -d' ' -f1 /proc/loadavg)"
jq -Rnc '[inputs | split("\t") | {(.[0]): (.[1] | tonumber)}] | add' "$work/figures"
