#!/bin/bash
# Dead letters on a real Kafka, written in transactions by a worker that lacks a model: they are listed to the very
# end, sent back in parts with whatever filters, each once although the command is killed on the way, and answered
# by a worker that has the model. Letters of Kafka Connect and Spring go back, too.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

dlq() { # exit code expected, arguments: output in out, messages in log
    local want=$1 code=0
    shift
    timeout 120 "$sluice" dlq "$@" -c "$work/sluice.yaml" >"$work/out" 2>"$work/log" || code=$?
    [ "$code" = "$want" ] || { cat "$work/log" >&2; fail "dlq $* ended with $code instead of $want"; }
}
letters_are() { dlq 0 ls --count && [ "$(jq -s 'map(.count) | add // 0' "$work/out")" = "$1" ]; }
# records TOPIC: key, value and headers, a line each. Who looks for one reads all: kcat dies of a grep -q that has ended.
records() { kcat -b "$broker" -C -t "$1" -o beginning -e -q -f '%k\t%s\t%h\n'; }

start_broker
start_sim
write_config 4
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
"$sluice" topics create -c "$work/sluice.yaml" --set topics.requests=parked --set topics.replies=spring.dlt \
    --set topics.dead_letter=connect.dlq >"$work/topics.log" || fail "topics create"
for i in $(seq 20); do
    printf 'key-%d\t{"custom_id":"late%d","body":{"model":"later","messages":[{"role":"user","content":"prompt late%d"}]}}\n' "$i" "$i" "$i"
done >"$work/late.tsv"
start_worker without
kcat -b "$broker" -P -t requests -K '\t' -H kafka_correlationId=c-17 -H sluice-run=first -X partitioner=murmur2_random <"$work/late.tsv"
printf 'not json' | kcat -b "$broker" -P -t requests -k junk
wait_for 60 "21 dead letters" letters_are 21
stop_worker "$worker"

echo "listed to the end, at once although markers of transactions stand there"
begin=$SECONDS
dlq 0 ls
[ "$(wc -l <"$work/out")" = 21 ] || fail "ls gave $(wc -l <"$work/out")"
[ $((SECONDS - begin)) -lt 15 ] || fail "ls took $((SECONDS - begin)) s"

echo "sent back in three parts, each once"
dlq 0 replay --match 'late2*' --to parked --yes # late2, late20
[ "$(jq -c '[.replayed, .failed, .already, .passed_over]' "$work/out")" = '[2,0,0,19]' ] || fail "part one: $(cat "$work/out")"
dlq 0 replay --match 'late*' --limit 8 --to parked --yes
[ "$(jq .replayed "$work/out")" = 8 ] || fail "part two: $(cat "$work/out")"
dlq 0 replay --match 'late*' --to parked --rate 1000/s --yes
[ "$(jq -c '[.replayed, .failed]' "$work/out")" = '[10,0]' ] || fail "part three: $(cat "$work/out")"
dlq 0 replay --match 'late*' --to parked --yes
[ "$(jq .replayed "$work/out")" = 0 ] || fail "again: $(cat "$work/out")"
records parked | cut -f1,2 | sort >"$work/parked.tsv"
sort "$work/late.tsv" | cmp -s - "$work/parked.tsv" || fail "keys or values changed: $(diff <(sort "$work/late.tsv") "$work/parked.tsv" | head -4)"
records parked | cut -f3 | grep -vE '^kafka_correlationId=c-17,sluice-run=first,sluice-replayed-from=dead/[0-9]+/[0-9]+,sluice-replay-count=1$' >"$work/headers" &&
    fail "headers: $(head -2 "$work/headers")"
dlq 0 replay --match 'late3' --to parked --from-beginning --run second --yes
[ "$(jq .replayed "$work/out")" = 1 ] || fail "from the beginning: $(cat "$work/out")"
records parked | grep -c 'sluice-run=second,sluice-replayed-from' | grep -qx 1 || fail "no other run"
dlq 0 replay --match 'late*' --group other
[ "$(wc -l <"$work/out")" = 20 ] || fail "another group knows of $(wc -l <"$work/out") letters"

echo "letters of Kafka Connect, and records that are none"
printf 'value' | kcat -b "$broker" -P -t connect.dlq -k k -H own=1 -H __connect.errors.topic=parked -H __connect.errors.partition=1 \
    -H __connect.errors.offset=5 -H __connect.errors.connector.name=sink -H __connect.errors.exception.class.name=org.x.DataException
printf 'foreign' | kcat -b "$broker" -P -t connect.dlq -k foreign -H kafka_replyTopic=x
dlq 0 ls connect.dlq
[ "$(jq -c '[.writer, .code, .source.topic, .source.partition, .source.offset, .task_id]' "$work/out")" = '["connect","org.x.DataException","parked",1,5,"k"]' ] || fail "connect: $(cat "$work/out")"
grep -q '1 records on topic connect.dlq are no dead letters' "$work/log" || fail "the foreign record is not told: $(cat "$work/log")"
dlq 0 replay connect.dlq --yes
[ "$(jq -c '[.replayed, .foreign]' "$work/out")" = '[1,1]' ] || fail "replay of connect: $(cat "$work/out")"
records parked | grep -E '^k	value	own=1,sluice-replayed-from=connect.dlq/' >/dev/null || fail "not back: $(records parked | tail -1)"

echo "letters of Spring, whose numbers are bytes"
"$sluice" dlq ls spring.dlt -c "$work/sluice.yaml" >"$work/out" 2>"$work/log" || fail "an empty topic"
printf 'value' | kcat -b "$broker" -P -t spring.dlt -k s -H own=1 -H kafka_original-topic=parked -H kafka_exception-fqcn=java.lang.X -H retry_topic-attempts=3
dlq 0 replay spring.dlt --yes
[ "$(jq .replayed "$work/out")" = 1 ] || fail "replay of spring: $(cat "$work/out")"
records parked | grep -E '^s	value	own=1,sluice-replayed-from=spring.dlt/' >/dev/null || fail "not back: $(records parked | tail -1)"

echo "mistakes are named"
dlq 69 ls missing
grep -q 'topic missing does not exist' "$work/log" || fail "$(cat "$work/log")"
dlq 69 replay --to missing --from-beginning
grep -q 'topic missing does not exist' "$work/log" || fail "$(cat "$work/log")"

echo "killed on the way, and again: all once, but for what the last second may repeat"
"$sluice" dlq replay -c "$work/sluice.yaml" --match 'late*' --to parked --group killed --rate 3/s --yes >"$work/out" 2>"$work/killed.log" &
pid=$!
started+=("$pid")
mine() { records parked | grep -c "^key-"; }
came() { [ $(($(mine) - first)) -ge "$1" ]; }
first=$(mine)
wait_for 30 "half of the letters" came 10
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
dlq 0 replay --match 'late*' --to parked --group killed --yes
again=$(($(mine) - first))
echo "20 letters, $again sent"
[ "$again" -ge 20 ] && [ "$again" -le 32 ] || fail "$again sent for 20 letters"
[ "$(jq .replayed "$work/out")" -le 16 ] || fail "nothing was kept: $(cat "$work/out")"

echo "stopped by a signal on the way: none twice"
"$sluice" dlq replay -c "$work/sluice.yaml" --match 'late*' --to parked --group stopped --rate 8/s --yes >"$work/out" 2>"$work/stopped.log" &
pid=$!
started+=("$pid")
first=$(mine)
wait_for 30 "some letters" came 5
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
[ "$code" = 143 ] || fail "the signal gave $code"
dlq 0 replay --match 'late*' --to parked --group stopped --yes
[ $(($(mine) - first)) = 20 ] || fail "$(($(mine) - first)) sent for 20 letters"

echo "back to the worker, which has the model now"
sed -i 's/model_name: fast/model_name: later/' "$work/sluice.yaml"
start_worker with
dlq 0 replay --match 'late*' --run again --group back --yes
[ "$(jq .replayed "$work/out")" = 20 ] || fail "replay: $(cat "$work/out")"
"$sluice" collect --run again --rows 20 -c "$work/sluice.yaml" -o "$work/answers.jsonl" --timeout 60s --progress none 2>"$work/collect.log" || fail "collect"
[ "$(jq -r 'select(.response.status_code == 200) | .custom_id' "$work/answers.jsonl" | sort -u | wc -l)" = 20 ] || fail "answers: $(head -2 "$work/answers.jsonl")"
stop_worker "$worker"
echo PASSED
