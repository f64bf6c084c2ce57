#!/usr/bin/env bash
# A provider that says "later" is left alone for as long as it says, in each form of saying it; limits that are
# configured are kept, by several workers together.
. "$(dirname "$0")/../lib/scene.sh"

# The first request gets a 429 that asks for 2 s. One row, so every later request is an answer to that wait.
prompts 1 >one.jsonl
waits() { # HEADER LEAST_MS NAME: runs in a directory of its own
    local started took calls
    mkdir "$3"
    cd "$3" || exit 1
    echo "{\"match\":{\"nth\":1},\"fault\":{\"kind\":\"429\",\"header\":\"$1\",\"wait\":\"2s\"}}" >script.jsonl
    sim_start --script script.jsonl
    config_for_sim c.yaml
    started=$(date +%s%3N)
    "$SLUICE" batch -i ../one.jsonl -o out -c c.yaml --store store --progress none 2>said.txt || fail "$1: $(cat said.txt)"
    took=$(($(date +%s%3N) - started))
    all_answered out 1
    calls=$(sim_stats .requests)
    [ "$calls" = 2 ] || fail "$1: $calls requests instead of 2: it was asked again too early"
    [ "$took" -ge "$2" ] || fail "$1: waited $took ms; the provider asked for more"
    [ "$took" -le 40000 ] || fail "$1: waited $took ms for a 429 that asked for 2 s"
    [ "$(jq '.sluice.attempts | length' out)" = 2 ] || fail "$1: the trail does not show the 429"
    sim_stop
}
pids=()
for form in retry-after:2000 retry-after-ms:2000 retry-after-date:1000 reset:2000 none:0; do
    (trap - EXIT; waits "${form%%:*}" "${form##*:}" "wait-${form%%:*}") &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "a wait was not kept (see above)"; done

# Strict limits, with four workers: no request over the limit, and the share is used.
for limit in rpm:1200 max_parallel_requests:5; do
    case $limit in
    rpm:*) sim_start --rpm 1200 --limit-window 60s --latency 20ms ;;
    *) sim_start --max-parallel 5 --latency 20ms ;;
    esac
    config_for_sim c.yaml "${limit%%:*}: ${limit##*:}"
    prompts 120 "${limit%%:*}" >many.jsonl
    "$SLUICE" batch -i many.jsonl -o "${limit%%:*}.out" -c c.yaml --store "${limit%%:*}.store" --set pool.workers=4 \
        --progress none 2>said.txt || fail "$limit: $(cat said.txt)"
    all_answered "${limit%%:*}.out" 120
    own_answers "${limit%%:*}.out"
    [ "$(sim_stats '.violations.rpm + .violations.parallel')" = 0 ] || fail "$limit: $(sim_stats .violations)"
    [ "$(sim_stats .requests)" = 120 ] || fail "$limit: $(sim_stats .requests) requests for 120 rows"
    sim_stop
done
echo "provider-waits: all good"
