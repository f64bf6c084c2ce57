#!/usr/bin/env bash
# A worker whose key is refused by all models: it says so once, is not ready, asks no further, fails nothing, and all is
# answered after a start with a good key. With the embedded broker of `sluice dev`.
. "$(dirname "$0")/../lib/scene.sh"

echo '{"fault":{"kind":"auth"}}' >script.jsonl
sim_start --script script.jsonl
dev_start() {
    rm -f ready
    {
        echo "model_list:"
        for n in 1 2; do
            echo "  - {model_name: fast, params: {model: sim/m$n, api_base: 'http://127.0.0.1:$SIM_PORT/v1', api_key: k}}"
        done
        echo "pool: {max_calls: 1}"
        echo "observability: {listen: '127.0.0.1:0'}"
    } >dev.yaml
    "$SLUICE" dev -c dev.yaml --store store --partitions 4 --ready-file ready >dev.out 2>dev.log &
    DEV=$!
    PIDS+=("$DEV")
    wait_for 20 test -s ready || { cat dev.log >&2; fail "dev did not start"; }
    BROKER=$(cat ready)
    port=$(sed -n 's|.*admin port url=http://127.0.0.1:\([0-9]*\)/.*|\1|p' dev.log)
    sed "s|'127.0.0.1:0'|'127.0.0.1:$port'|" dev.yaml >health.yaml
}
ready() { "$SLUICE" health --ready -c health.yaml >said 2>&1; }
refused() { ! ready && grep -q every_model_refuses said; }
send() {
    rm -f rows.jsonl.run
    prompts 20 row >rows.jsonl
    "$SLUICE" enqueue -i rows.jsonl -b "$BROKER" --progress none >/dev/null 2>enqueue.log || { cat enqueue.log >&2; fail "enqueue"; }
}

dev_start
wait_for 20 ready || fail "not ready: $(cat said)"
send
wait_for 20 refused || { cat dev.log said >&2; fail "nothing was said"; }
[ "$(grep -c "every model refuses to answer, requests wait" dev.log)" = 1 ] || { cat dev.log >&2; fail "not said once"; }
[ "$(grep -c "route off" dev.log)" = 1 ] || { cat dev.log >&2; fail "the key was tried again"; }
[ "$(sim_stats .requests)" = 1 ] || fail "$(sim_stats .requests) calls with a key that is refused"
kill -TERM "$DEV"
wait "$DEV" || { tail dev.log >&2; fail "dev did not end well"; }
sim_stop

sim_start
dev_start
send
"$SLUICE" collect --run rows.jsonl.run -b "$BROKER" -o out --progress none 2>collect.log || { cat collect.log dev.log >&2; fail "a good key did not go on"; }
all_answered out 20
echo "test-worker-refused: ok"
