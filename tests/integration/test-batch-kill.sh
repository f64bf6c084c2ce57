#!/usr/bin/env bash
# kill -9 of batch ten times at random moments, then to the end: nothing lost, doubled, torn or paid twice.
. "$(dirname "$0")/../lib/scene.sh"

N=${N:-6000}
KILLS=${KILLS:-10}
IN_FLIGHT=64
prompts "$N" >in.jsonl
sim_start --latency 50ms # a kill that is late by half a second still finds it running
config_for_sim c.yaml
run() {
    exec "$SLUICE" batch -i in.jsonl -o out.jsonl -c c.yaml --store store --max-in-flight "$IN_FLIGHT" --progress none 2>>report.txt
}

lines() { wc -l <out.jsonl 2>/dev/null || echo 0; }
has_more_than() { [ "$(lines)" -gt "$1" ]; }

for k in $(seq "$KILLS"); do
    (run) & # the subshell becomes the program: run() ends with exec
    pid=$!
    # A random moment within the k-th part of the job.
    part=$((N * 8 / 10 / KILLS))
    target=$((part * (k - 1) + RANDOM % part + 1))
    wait_for 60 has_more_than "$target" || fail "run $k did not get on: $(tail -3 report.txt)"
    kill -9 "$pid" 2>/dev/null || true # the last one may be too late
    wait "$pid" 2>/dev/null || true
done
(run) || { tail -5 report.txt >&2; fail "the last run ended with $?"; }
all_answered out.jsonl "$N"
own_answers out.jsonl
calls=$(sim_stats .calls)
bound=$((N + KILLS * IN_FLIGHT))
[ "$calls" -ge "$N" ] && [ "$calls" -le "$bound" ] || fail "$calls calls; at most $bound are explained by calls in flight at the kills"
echo "batch-kill: $N rows, $KILLS kills, $calls calls (bound $bound)"
