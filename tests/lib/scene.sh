# scene: what the integration scripts share. Source it; it sets -eu, cleans up what it started, and gives
# fail, sim_start, sim_stats, config_for_sim and check_answers. $SLUICE is the program under test.
# shellcheck shell=bash
set -euo pipefail

: "${SLUICE:?set SLUICE to the program under test}"
SLUICE=$(realpath "$SLUICE")
ROOT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
WORK=$(mktemp -d)
cd "$WORK"
PIDS=()

cleanup() {
    local pid
    exec 2>/dev/null # the shell's own words about what it kills
    for pid in "${PIDS[@]}" $(jobs -p); do kill -9 "$pid" 2>/dev/null || true; done
    cd / && rm -rf "$WORK"
}
trap cleanup EXIT

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds. Never less than a minute: a limit is for what does not come
# at all, and a loaded machine is slow.
wait_for() {
    local deadline=$(($(date +%s) + ($1 > 60 ? $1 : 60)))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        read -r -t 0.05 _ <> <(:) || true
    done
}

# sim_start OPTIONS...: sets SIM_PORT and SIM_PID.
sim_start() {
    rm -f sim.port
    "$SLUICE" sim --port 0 --port-file sim.port "$@" 2>>sim.log &
    SIM_PID=$!
    PIDS+=("$SIM_PID")
    wait_for 20 test -s sim.port || { cat sim.log >&2; fail "the simulator did not start"; }
    SIM_PORT=$(cat sim.port)
}

sim_stop() {
    kill "$SIM_PID" 2>/dev/null || true
    wait "$SIM_PID" 2>/dev/null || true
}

# sim_stats FILTER: one value of /stats.
sim_stats() {
    curl -s "http://127.0.0.1:$SIM_PORT/stats" | jq -r "$1"
}

# config_for_sim FILE [extra YAML for the row...]: a configuration whose model "fast" is the simulator.
config_for_sim() {
    local file=$1
    shift
    {
        echo "model_list:"
        echo "  - model_name: fast"
        echo "    params:"
        echo "      model: sim/gpt-sim"
        echo "      api_base: http://127.0.0.1:$SIM_PORT/v1"
        for line in "$@"; do echo "      $line"; done
        echo "router_settings: {retry_base: 50ms, retry_max: 500ms, cooldown_time: 500ms}"
    } >"$file"
}

# prompts N [PREFIX]: N batch lines with different prompts.
prompts() {
    awk -v n="$1" -v p="${2:-q}" 'BEGIN { for (i = 1; i <= n; i++)
        printf "{\"custom_id\":\"%s%d\",\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"prompt %s%d\"}]}}\n", p, i, p, i }'
}

# all_answered OUT N: N lines, all good JSON, N different ids, all successes.
all_answered() {
    local lines ids good
    lines=$(wc -l <"$1")
    ids=$(jq -r .custom_id "$1" | sort -u | wc -l)
    good=$(jq -r 'select(.error == null and .response.status_code == 200) | .custom_id' "$1" | wc -l)
    [ "$lines" = "$2" ] && [ "$ids" = "$2" ] && [ "$good" = "$2" ] ||
        fail "$1: $lines lines, $ids ids, $good successes; wanted $2 of each"
}

# own_answers OUT: each answer of prompts() echoes the prompt of its own id.
own_answers() {
    local wrong
    wrong=$(jq -r 'select((.response.body.choices[0].message.content) != ("echo: prompt " + .custom_id)) | .custom_id' "$1" | wc -l)
    [ "$wrong" = 0 ] || fail "$1: $wrong answers belong to another prompt"
}
