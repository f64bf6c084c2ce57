#!/usr/bin/env bash
# The only provider is away (503 to every call) while records arrive over the embedded broker: nothing fails, nothing is
# lost, memory stays bounded, and when it is back the calls come back little by little. The full form is
# SECONDS_LONG=120 RECORDS=50000.
. "$(dirname "$0")/../lib/scene.sh"

RECORDS=${RECORDS:-5000}
SECONDS_LONG=${SECONDS_LONG:-20}

echo "{\"fault\":{\"kind\":\"503\"},\"until\":\"${SECONDS_LONG}s\"}" >outage.jsonl
sim_start --latency 50ms --script outage.jsonl
config_for_sim dev.yaml
cat >>dev.yaml <<CONF
topics: {requests: [asked], replies: answered, dead_letter: dead}
CONF
"$SLUICE" dev -c dev.yaml --store store --partitions 8 --ready-file ready >dev.out 2>dev.log &
dev=$!
PIDS+=("$dev")
wait_for 20 test -s ready || { cat dev.log >&2; fail "dev did not start"; }
broker=$(cat ready)
rss() { awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$dev/status"; }

prompts "$RECORDS" r >in.jsonl
curl -s -X POST "http://127.0.0.1:$SIM_PORT/reset" >reset.txt # the outage counts from now
began=$(rss)
"$SLUICE" enqueue -i in.jsonl -b "$broker" --topic asked -c dev.yaml --progress none >/dev/null 2>enqueue.log &
enqueue=$!
wait_for 20 test -s in.jsonl.run || { cat enqueue.log >&2; fail "enqueue did not begin"; }
"$SLUICE" collect --run in.jsonl.run -c dev.yaml -b "$broker" --topic answered -o out.jsonl --progress none \
    2>collect.log &
collect=$!
PIDS+=("$enqueue" "$collect")

# The first second of good answers: how many calls there were by the second, as the simulator has seen them. It begins
# after the last look that saw none.
back() {
    local at=${EPOCHREALTIME/./}
    if [ "$(sim_stats '.status["200"] // 0')" -gt 0 ]; then return 0; fi
    from=$at
    return 1
}
from=${EPOCHREALTIME/./}
wait_for $((SECONDS_LONG + 90)) back || fail "no answer after the outage"
refused=$(sim_stats '.status["503"]')
during=$(rss)
counts=()
for i in 0 1 2 3 4 5; do
    while [ $((${EPOCHREALTIME/./} - from)) -lt $((i * 1000000)) ]; do read -r -t 0.02 _ <> <(:) || true; done
    counts+=("$(sim_stats .requests):$((${EPOCHREALTIME/./} - from))")
done
wait "$collect" || { cat collect.log >&2; fail "collect"; }
wait "$enqueue" || { cat enqueue.log >&2; fail "enqueue"; }
all_answered out.jsonl "$RECORDS"

# Calls meanwhile: those on their way when it began, and probes.
[ "$refused" -le $((2048 + SECONDS_LONG * 4)) ] || fail "$refused calls to a provider that is away for $SECONDS_LONG s"
# By the second: calls at once are 1, 2, 4, ..., and each takes 50 ms: 20 calls a second for each of them at most. How
# long it was between two looks is measured, as a loaded machine is late.
rates=""
for i in 0 1 2 3 4; do
    a=${counts[$i]} b=${counts[$((i + 1))]}
    n=$((${b%:*} - ${a%:*}))
    rates="$rates $n"
    most=$((20 * (1 << (1 + ${b#*:} / 1000000)) * (1 + (${b#*:} - ${a#*:}) / 1000000)))
    [ "$n" -le "$most" ] || fail "second $((i + 1)) after the outage: $n calls, $most at most (${counts[*]})"
done
[ "$during" -le $((began + 300)) ] || fail "$began MiB before, $during MiB after the outage"
kill -TERM "$dev"
wait "$dev" || fail "dev ended with $?"
echo "outage: all good ($RECORDS records, $SECONDS_LONG s: $refused calls meanwhile; calls/s after it:$rates;" \
    "RSS $began MiB before, $during MiB at its end)"
