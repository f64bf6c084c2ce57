#!/usr/bin/env bash
# Dead letters on the embedded broker: bad records die, are listed and counted, and go back with key, value and
# headers as they were, none twice. What only a real broker keeps is in test-kafka-dlq.sh.
. "$(dirname "$0")/../lib/scene.sh"
command -v kcat >/dev/null || { echo "kcat is not installed"; exit 77; }

dev_start() {
    "$SLUICE" dev --store store --ready-file ready --partitions 4 >dev.out 2>dev.log &
    DEV=$!
    PIDS+=("$DEV")
    wait_for 30 test -s ready || fail "dev did not start: $(cat dev.log)"
    BROKER=$(cat ready)
}
dlq() { # exit code expected, arguments: output in out, messages in log
    local want=$1 code=0
    shift
    timeout 60 "$SLUICE" dlq "$@" -b "$BROKER" >out 2>log || code=$?
    [ "$code" = "$want" ] || { cat log >&2; fail "dlq $* ended with $code instead of $want"; }
}
total() { jq -s 'map(.count) | add // 0' out; }
letters_are() { dlq 0 ls --count && [ "$(total)" = "$1" ]; }
# records TOPIC: key, value and headers, a line each
records() { kcat -b "$BROKER" -C -t "$1" -o beginning -e -q -f '%k\t%s\t%h\n' 2>>kcat.log; }

dev_start
# A model that is missing now and there later; the header is bytes, and there is one without a value.
for i in $(seq 20); do
    printf 'key-%d\t{"custom_id":"late%d","body":{"model":"later","messages":[{"role":"user","content":"prompt late%d"}]}}\n' "$i" "$i" "$i"
done >late.tsv
kcat -b "$BROKER" -P -t llm.requests -K '\t' -H kafka_correlationId=c-17 -H sluice-run=first -X partitioner=murmur2_random <late.tsv
printf 'not json' | kcat -b "$BROKER" -P -t llm.requests -k junk
wait_for 30 letters_are 21 || fail "$(cat out) instead of 21 dead letters"

echo "listed, counted, filtered"
dlq 0 ls
jq -es 'length == 21 and all(.source.topic == "llm.requests" and .code == "bad_record" and .writer == "sluice" and .replays == 0)' out >all.log || fail "ls says $(head -3 out)"
jq -es 'map(.task_id) | sort == (["junk"] + [range(1; 21) | "late\(.)"] | sort)' out >all.log || fail "other ids: $(jq -r .task_id out)"
[ "$(grep -c 'prompt late' out)" = 0 ] || fail "ls shows prompts"
dlq 0 ls --match 'late1*' --match key-2
[ "$(jq -r .task_id out | sort | tr '\n' ' ')" = "$(printf '%s\n' late{1,2} late1{0..9} | sort | tr '\n' ' ')" ] || fail "--match gave $(jq -r .task_id out)"
dlq 0 ls --code 'no*'
[ ! -s out ] || fail "--code gave $(cat out)"
dlq 0 ls --until 1h
[ ! -s out ] || fail "--until gave $(cat out)"
dlq 0 ls --since 1h --topic 'llm.*' --limit 5
[ "$(wc -l <out)" = 5 ] || fail "--limit gave $(wc -l <out)"

echo "a dry run sends nothing and forgets nothing"
before=$(records llm.requests | wc -l)
dlq 0 replay --match 'late*'
[ "$(jq -r 'select(.to == "llm.requests") | .task_id' out | wc -l)" = 20 ] || fail "dry run: $(cat out)"
grep -q 'nothing was sent' log || fail "the dry run does not say so: $(cat log)"
[ "$(records llm.requests | wc -l)" = "$before" ] || fail "the dry run sent something"

echo "sent back, to die again: each once"
dlq 0 replay --match 'late2*' --yes # late2, late20
[ "$(jq -c '[.replayed, .failed, .already, .passed_over]' out)" = '[2,0,0,19]' ] || fail "replay: $(cat out)"
wait_for 30 letters_are 23 || fail "$(cat out) instead of 23 dead letters"
dlq 0 ls --match 'late2*'
[ "$(jq -sc 'map(.replays) | sort' out)" = '[0,0,1,1]' ] || fail "replays: $(cat out)"
records llm.dead | grep -c "^key-2	.*	kafka_correlationId=c-17,sluice-run=first,sluice-replayed-from=llm.dead/[0-3]/[0-9]*,sluice-replay-count=1,__connect" | grep -qx 1 ||
    fail "headers: $(records llm.dead | grep '^key-2	' | cut -f3 | cut -c1-200)"
dlq 0 replay --limit 1 --match junk --yes
[ "$(jq .replayed out)" = 1 ] || fail "one of junk: $(cat out)"
wait_for 30 letters_are 24 || fail "$(cat out) instead of 24 dead letters"
dlq 0 replay # all but late2, late20 and junk as they died first
[ "$(jq -r .replays out | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = ' 18 0; 3 1;' ] || fail "left to replay: $(jq -c '[.task_id, .replays]' out)"

echo "mistakes are named"
dlq 64 replay --to llm.dead
grep -q 'go back to it' log || fail "$(cat log)"
dlq 64 replay --rate fast
dlq 64 replay --yes --dry-run
dlq 64 ls --since soon
dlq 78 ls --set topics.dead_letter=
grep -q 'topics.dead_letter is not set' log || fail "$(cat log)"

echo PASSED
