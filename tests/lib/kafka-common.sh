# Shared by the tests against a real Kafka: sourced with bash, not run. Leaves $work, $broker, $sluice, and
# functions; cleans up what it started, by process id, when the script ends.

sluice=${SLUICE:-${BUILD:-build}/sluice}
lib=$(dirname "${BASH_SOURCE[0]}")
work=$(mktemp -d)
started=()
delivery=${delivery:-exactly_once}

cleanup() {
    local pid
    for pid in "${started[@]}"; do
        kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    "$lib/kafka-fixture" clean "$work/kafka" || true
    if [ "${KEEP:-}" ]; then
        echo "kept: $work" >&2
    else
        rm -rf "$work"
    fi
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*" >&2
    tail -n 15 "$work"/*.log >&2
    exit 1
}

missing() {
    if [ "${CI:-}" = true ]; then
        fail "$1 is missing"
    fi
    echo "SKIPPED: $1 is missing" >&2
    exit 77
}

# wait_for SECONDS WHAT COMMAND...: never less than a minute: a limit is for what does not come at all, and a loaded
# machine is slow.
wait_for() {
    local end=$((SECONDS + ($1 > 60 ? $1 : 60))) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || fail "waited too long for $what"
        sleep 0.5
    done
}

start_broker() {
    command -v kcat >/dev/null || missing kcat
    command -v curl >/dev/null || missing curl
    broker=$("$lib/kafka-fixture" start "$work/kafka") || exit $?
}

start_sim() { # options of `sluice sim`
    "$sluice" sim --port 0 --port-file "$work/sim.port" "$@" 2>"$work/sim.log" &
    started+=($!)
    wait_for 10 "the simulator" test -s "$work/sim.port"
    sim=http://127.0.0.1:$(cat "$work/sim.port")
}

write_config() { # partitions
    cat >"$work/sluice.yaml" <<CONF
kafka: {bootstrap.servers: "$broker", group.id: workers}
delivery: $delivery
topics: {requests: [requests], replies: replies, dead_letter: dead, partitions: $1, replication: 1}
pool: {drain_timeout: 10s}
model_list:
  - model_name: fast
    params: {model: openai/sim, api_base: "$sim/v1", api_key: none}
cache: {path: "$work/store"}
CONF
}

# start_worker NAME; the process id is left in $worker
start_worker() {
    "$sluice" worker -c "$work/sluice.yaml" 2>>"$work/$1.log" &
    worker=$!
    started+=("$worker")
}

# stop_worker PID: drains it and expects exit code 0
stop_worker() {
    local code=0
    kill -TERM "$1"
    wait "$1" || code=$?
    [ "$code" -eq 0 ] || fail "worker $1 ended with $code instead of 0"
}

# requests FROM TO: keys and values for kcat -K
requests() {
    awk -v from="$1" -v to="$2" 'BEGIN {
        for (i = from; i < to; i++)
            printf "row-%d\t{\"custom_id\":\"row-%d\",\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"question %d\"}]}}\n", i, i, i }'
}

enqueue() { # FROM TO
    requests "$1" "$2" | kcat -b "$broker" -P -t requests -K '\t' -X partitioner=murmur2_random
}

read_replies() {
    kcat -b "$broker" -C -t replies -e -q -f '%k\t%s\n' >"$work/replies"
}

# Are there replies for at least this many different keys?
have_replies() {
    read_replies
    [ "$(cut -f1 "$work/replies" | sort -u | wc -l)" -ge "$1" ]
}

calls() {
    curl -s "$sim/stats" | tr ',{' '\n\n' | sed -n 's/^ *"calls": *\([0-9]*\).*/\1/p' | head -1
}

calls_reach() {
    [ "$(calls)" -ge "$1" ]
}

# check_replies N: exactly the keys row-0..row-(N-1), all good, each answering its own question, and in
# exactly_once none of them twice
check_replies() {
    local total different
    read_replies
    total=$(wc -l <"$work/replies")
    different=$(cut -f1 "$work/replies" | sort -u | wc -l)
    [ "$different" -eq "$1" ] || fail "$different different replies instead of $1"
    requests 0 "$1" | cut -f1 | sort >"$work/expected"
    cut -f1 "$work/replies" | sort -u | cmp -s - "$work/expected" || fail "replies to other keys"
    grep -v '"status_code":200' "$work/replies" >"$work/bad" && fail "$(wc -l <"$work/bad") errors"
    awk -F'\t' '{ id = substr($1, 5); if (index($2, "question " id "\"") == 0) { print; bad = 1 } }
        END { exit bad }' "$work/replies" >"$work/wrong" || fail "answers to other questions"
    [ "$delivery" = at_least_once ] || [ "$total" -eq "$different" ] ||
        fail "$((total - different)) replies came twice"
    echo "replies: $total, different: $different, repeated: $((total - different))"
}
