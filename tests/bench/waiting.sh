#!/bin/bash
# waiting.sh: what waiting costs. A file job of TASKS prompts (default 100000), all of which wait in the pool at once for
# a model whose limit is worth RATE calls a second (default 1000); and the same rate without anybody waiting beside it.
# (tests/bench/peers has the same work by others.)
#
# For each: calls a second and processor time, in percent of a core, from a tenth to eight tenths of the calls, and the
# memory at the end of that. Ends with 1 when the rate is not within 2 % of RATE, or when waiting
# costs more than 2 % of a core beside what the calls cost.
#
#   SLUICE=build/sluice tests/bench/waiting.sh               # TASKS=20000 for a shorter form
# shellcheck source=tests/lib/scene.sh
source "$(dirname "$0")/../lib/scene.sh"
tasks=${TASKS:-100000}
rate=${RATE:-1000}
rpm=$((rate * 60))
hz=$(getconf CLK_TCK)

calls() { sim_stats .calls; }
calls_reach() { [ "$(calls)" -ge "$1" ]; }

# reach PID CALLS: false when the program has ended before.
reach() {
    while ! calls_reach "$2"; do
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.1
    done
}
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

# ticks PID: processor time so far.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

rss_mb() { awk '/^VmRSS/ { printf "%d", $2 / 1024 }' "/proc/$1/status"; }

# measure NAME PID TASKS: sets $per_s and $cpu, in hundredths of a call a second and of a percent.
measure() {
    local from to from_us to_us from_ticks to_ticks
    reach "$2" $(($3 / 10)) || fail "$1: it ended too early"
    from=$(calls) from_us=$(now_us) from_ticks=$(ticks "$2")
    reach "$2" $(($3 * 8 / 10)) || fail "$1: it ended too early"
    to=$(calls) to_us=$(now_us) to_ticks=$(ticks "$2")
    per_s=$(((to - from) * 100000000 / (to_us - from_us)))
    cpu=$(((to_ticks - from_ticks) * 10000 * (1000000 / hz) / (to_us - from_us)))
    printf '%-24s %7d.%02d calls/s %5d.%02d %% of a core %6d MB\n' "$1" $((per_s / 100)) $((per_s % 100)) \
        $((cpu / 100)) $((cpu % 100)) "$(rss_mb "$2")"
}

# sluice_job NAME TASKS MAX_IN_FLIGHT
sluice_job() {
    local pid rc=0
    sim_start --latency 50ms --answer lorem --rpm $rpm --count-only
    config_for_sim c.yaml "rpm: $rpm"
    echo "pool: {max_in_flight: $3}" >>c.yaml
    head -n "$2" prompts.jsonl >in.jsonl
    "$SLUICE" batch -i in.jsonl -o "out-$3.jsonl" -c c.yaml --store "store-$3" --progress none \
        2>batch.log &
    pid=$!
    PIDS+=("$pid")
    measure "$1" "$pid" "$2"
    wait "$pid" || rc=$?
    if [ "$rc" != 0 ] || [ "$(calls)" != "$2" ]; then
        fail "$1: ended with $rc after $(calls) calls: $(tail -1 batch.log)"
    fi
    rm in.jsonl*
    [ "$(sim_stats '.violations.rpm')" = 0 ] || fail "$1: $(sim_stats .violations.rpm) calls over the limit"
    sim_stop
}

prompts "$tasks" >prompts.jsonl
sluice_job "sluice, all waiting" "$tasks" $((tasks + 1000))
waiting_cpu=$cpu
waiting_per_s=$per_s
sluice_job "sluice, none waiting" $((tasks / 2)) $((rate / 8))
extra=$((waiting_cpu - cpu))
echo "waiting costs $extra hundredths of a percent of a core beside what the calls cost"

off=$((waiting_per_s - rate * 100))
[ $((off < 0 ? -off : off)) -le $((rate * 2)) ] || fail "the rate is not within 2 % of $rate"
[ "$extra" -le 200 ] || fail "waiting costs more than 2 % of a core"
