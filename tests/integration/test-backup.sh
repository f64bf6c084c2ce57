#!/bin/bash
# What deploy/operations.md says about backups: a store that was copied while its worker was stopped answers from its cache,
# as does one that was filled from an export; a copy whose id was deleted has another identity.
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"

sim_start --latency 1ms
config_for_sim c.yaml
dev_with() { # STORE: runs the prompts again; sets HITS and DEV
    rm -f ready
    "$SLUICE" dev -c c.yaml --store "$1" --ready-file ready >dev.out 2>dev.log &
    DEV=$!
    PIDS+=("$DEV")
    wait_for 20 test -s ready || fail "dev did not start on $1: $(cat dev.log)"
    rm -f in.jsonl.run out.jsonl out.jsonl.collect
    "$SLUICE" enqueue -i in.jsonl -b "$(cat ready)" --progress none >/dev/null 2>enqueue.log || fail "enqueue: $(cat enqueue.log)"
    "$SLUICE" collect --run in.jsonl.run -b "$(cat ready)" -o out.jsonl --progress none 2>collect.log || fail "collect: $(cat collect.log)"
    all_answered out.jsonl 60
    HITS=$(jq -r 'select(.sluice.cache == "hit") | 1' out.jsonl | wc -l)
}
dev_stop() {
    kill -TERM "$DEV"
    wait "$DEV" || fail "dev ended with $?: $(tail dev.log)"
}
slot() { find "$1" -name 'slot-*' -type d; }
equal() { [ "$1" = "$2" ] || fail "$3: $1, wanted $2"; }

prompts 60 >in.jsonl
dev_with store
equal "$HITS" 0 "hits in an empty store"
place=$(dirname "$(slot store)") # dev keeps its store below --store
"$SLUICE" cache export --path "$place" --slot 0 | gzip >cache.jsonl.gz || fail "export from a running worker"
dev_stop
cp -a store copy
cp -a store clone
rm "$(slot clone)/id"

dev_with copy
equal "$HITS" 60 "hits in a copy"
equal "$(cat "$(slot copy)/id")" "$(cat "$(slot store)/id")" "identity of a copy"
dev_stop
dev_with clone
equal "$HITS" 60 "hits in a clone"
[ "$(cat "$(slot clone)/id")" != "$(cat "$(slot store)/id")" ] || fail "a clone has the identity of its original"
dev_stop

mkdir -p "${place/store/filled}"
zcat cache.jsonl.gz | "$SLUICE" cache import --path "${place/store/filled}" --slot 0 - 2>import.log || fail "import: $(cat import.log)"
dev_with filled
equal "$HITS" 60 "hits in a store that was filled from an export"
dev_stop
equal "$(sim_stats .ok)" 60 "calls in all"
echo "backup: all good"
