#!/bin/bash
# waiting.sh: what waiting costs. Two file jobs of TASKS prompts (default 100000) at the same time, so that what else the
# machine does meets both alike: in one all tasks wait in the pool at once, in the other an eighth of a second's worth. Each
# has a provider of its own whose limit is worth RATE calls a second (default 1000).
# (tests/bench/peers has the same work by others.)
#
# For each: calls a second and processor time, in percent of a core, from a tenth to eight tenths of the calls, and the
# memory at the end of that. Ends with 1 when a rate is not within 2 % of RATE, or when waiting costs more than
# 2 % of a core beside what the calls cost.
#
#   SLUICE=build/sluice tests/bench/waiting.sh               # TASKS=20000 for a shorter form
# shellcheck source=tests/lib/scene.sh
source "$(dirname "$0")/../lib/scene.sh"
tasks=${TASKS:-100000}
rate=${RATE:-1000}
rpm=$((rate * 60))
hz=$(getconf CLK_TCK)

declare -A pid port from from_us from_ticks per_s cpu
flight=([1]=$((tasks + 1000)) [2]=$((rate / 8)))
name=([1]="sluice, all waiting" [2]="sluice, few waiting")

stats() { curl -s "http://127.0.0.1:${port[$1]}/stats" | jq -r "$2"; } # JOB FILTER
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }
# ticks PID: processor time so far.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
rss_mb() { awk '/^VmRSS/ { printf "%d", $2 / 1024 }' "/proc/$1/status"; }

start_job() { # JOB
    sim_start --latency 50ms --answer lorem --rpm $rpm --count-only
    port[$1]=$SIM_PORT
    config_for_sim "c$1.yaml" "rpm: $rpm"
    echo "pool: {max_in_flight: ${flight[$1]}}" >>"c$1.yaml"
    "$SLUICE" batch -i prompts.jsonl -o "out-$1.jsonl" -c "c$1.yaml" --store "store-$1" --progress none \
        2>"batch-$1.log" &
    pid[$1]=$!
    PIDS+=("${pid[$1]}")
}

reach() { # JOB CALLS
    until [ "$(stats "$1" .calls)" -ge "$2" ]; do
        kill -0 "${pid[$1]}" 2>/dev/null || fail "${name[$1]}: it ended too early: $(tail -1 "batch-$1.log")"
        sleep 0.1
    done
}

begin_window() { # JOB
    reach "$1" $((tasks / 10))
    from[$1]=$(stats "$1" .calls) from_us[$1]=$(now_us) from_ticks[$1]=$(ticks "${pid[$1]}")
}

end_window() { # JOB: sets per_s and cpu of it, in hundredths of a call a second and of a percent
    local to to_us to_ticks
    reach "$1" $((tasks * 8 / 10))
    to=$(stats "$1" .calls) to_us=$(now_us) to_ticks=$(ticks "${pid[$1]}")
    per_s[$1]=$(((to - from[$1]) * 100000000 / (to_us - from_us[$1])))
    cpu[$1]=$(((to_ticks - from_ticks[$1]) * 10000 * (1000000 / hz) / (to_us - from_us[$1])))
    printf '%-24s %7d.%02d calls/s %5d.%02d %% of a core %6d MB\n' "${name[$1]}" $((per_s[$1] / 100)) \
        $((per_s[$1] % 100)) $((cpu[$1] / 100)) $((cpu[$1] % 100)) "$(rss_mb "${pid[$1]}")"
}

end_job() { # JOB
    local rc=0
    wait "${pid[$1]}" || rc=$?
    if [ "$rc" != 0 ] || [ "$(stats "$1" .calls)" != "$tasks" ]; then
        fail "${name[$1]}: ended with $rc after $(stats "$1" .calls) calls: $(tail -1 "batch-$1.log")"
    fi
    [ "$(stats "$1" .violations.rpm)" = 0 ] || fail "${name[$1]}: $(stats "$1" .violations.rpm) calls over the limit"
}

prompts "$tasks" >prompts.jsonl
for job in 1 2; do start_job $job; done
for job in 1 2; do begin_window $job; done
for job in 1 2; do end_window $job; done
for job in 1 2; do end_job $job; done
extra=$((cpu[1] - cpu[2]))
echo "waiting costs $extra hundredths of a percent of a core beside what the calls cost"

for job in 1 2; do
    off=$((per_s[$job] - rate * 100))
    [ $((off < 0 ? -off : off)) -le $((rate * 2)) ] || fail "${name[$job]}: the rate is not within 2 % of $rate"
done
[ "$extra" -le 200 ] || fail "waiting costs more than 2 % of a core"
