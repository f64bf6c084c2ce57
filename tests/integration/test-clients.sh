#!/bin/bash
# The clients of deploy/examples in Python, Node, Go and Java, each with the Kafka client that its language uses most,
# against a worker on a real Kafka: every prompt gets its own reply, an error is said in words. Their packages are kept
# below ~/.cache/sluice. A language that is missing is said, and the test counts as skipped.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

examples=$(realpath "$(dirname "$0")/../../deploy/examples")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice/clients
skipped=()
mkdir -p "$cache"
exec 8>"$cache/lock"
flock 8

lacks() {
    echo "SKIPPED: $*"
    skipped+=("$1")
}

# Its packages, then the command in $run; not there: false, and why.
prepare_python() {
    local venv=$cache/python
    run=("$venv/bin/python" "$examples/client.py")
    "$venv/bin/python" -c 'import confluent_kafka' 2>/dev/null && return
    rm -rf "$venv"
    python3 -m venv "$venv" && timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check confluent-kafka
}
prepare_node() {
    run=(node "$cache/node/client.mjs")
    mkdir -p "$cache/node"
    cp "$examples/client.mjs" "$cache/node"
    [ -d "$cache/node/node_modules/kafkajs" ] ||
        (cd "$cache/node" && timeout 300 npm install --ignore-scripts --no-audit --no-fund --no-package-lock kafkajs@2.2.4)
}
prepare_go() {
    run=("$work/go-client")
    (cd "$examples/go" && timeout 600 go build -mod=readonly -o "$work/go-client" .)
}
prepare_java() {
    local libs=${KAFKA_FIXTURE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice/kafka-3.9.1}/libs
    run=(java -cp "$work/java:$libs/*" Client)
    timeout 300 javac -d "$work/java" -cp "$libs/*" "$examples/Client.java"
}

start_broker
start_sim --latency 20ms
write_config 3
sed -i 's/^topics: .*/topics: {partitions: 3, replication: 1}/; s/^kafka: {/&producer: {compression.type: gzip}, /' "$work/sluice.yaml"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
start_worker worker

for language in python node go java; do
    if ! "prepare_$language" >"$work/$language.log" 2>&1; then
        tail -n 3 "$work/$language.log"
        lacks "$language" "or its packages cannot be had"
        continue
    fi
    timeout 120 "${run[@]}" "$broker" "$language"' says "hi"' 'und grüßt' >"$work/said" 2>"$work/$language.log" ||
        fail "$language: $(cat "$work/said")"
    { [ "$(wc -l <"$work/said")" = 2 ] && grep -q "echo: $language says \"hi\"" "$work/said" && grep -q 'echo: und grüßt' "$work/said"; } ||
        fail "$language said: $(cat "$work/said")"
    echo "$language: $(tr '\n' ' ' <"$work/said")"
done

# A refusal in words, from each.
sed -i 's/model: fast/model: slow/; s/model_name: fast/model_name: slow/' "$work/sluice.yaml"
stop_worker "$worker"
start_worker worker
for language in python node go java; do
    [[ " ${skipped[*]} " != *" $language "* ]] || continue
    "prepare_$language" >"$work/$language.log" 2>&1
    timeout 120 "${run[@]}" "$broker" refused >"$work/said" 2>"$work/$language.log" || fail "$language: $(cat "$work/said")"
    grep -q 'bad_record: .*fast' "$work/said" || fail "$language said of a model that is not there: $(cat "$work/said")"
done
stop_worker "$worker"
[ ${#skipped[@]} -eq 0 ] || exit 77
echo "clients: all good"
