#!/bin/bash
# `sluice check --online` and the start of a worker on real brokers whose settings do not fit: each misfit is named
# with its numbers, nothing that fits is, asking makes no topic, and a worker takes the broker's bound of metadata.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

check() { # exit code expected, arguments
    local want=$1 code=0
    shift
    "$sluice" check --online -c "$work/sluice.yaml" "$@" >"$work/check.out" 2>"$work/check.log" || code=$?
    [ "$code" -eq "$want" ] || fail "check ended with $code instead of $want"
}
said() { grep -qE "$1" "$work/check.log" || fail "check does not say: $1"; }
unsaid() { ! grep -qE "$1" "$work/check.log" || fail "check says: $1"; }

export KAFKA_FIXTURE_PROPERTIES='auto.create.topics.enable=true
offset.metadata.max.bytes=1500
transaction.max.timeout.ms=10000
transaction.state.log.replication.factor=3
unclean.leader.election.enable=true
message.max.bytes=300000'
start_broker
start_sim
write_config 2
sed -i 's/api_key: none}/api_key: none}\n    model_info: {max_output_tokens: 64000, input_cost_per_token: 0, output_cost_per_token: 0}/' "$work/sluice.yaml"

echo "topics that are missing, and are not made by the question"
check 69
said 'error: kafka: topic requests: does not exist; .sluice topics create'
said 'error: kafka: topic dead: does not exist'
[ "$(kcat -b "$broker" -L | grep -c 'topic "')" = 0 ] || fail "the question made topics"

echo "settings that do not fit"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
check 69
said '^kafka: 1 broker, cluster '
said '^topic requests: 2 partitions, 1 replica$'
said 'note: kafka: there is one broker only'
said 'warning: kafka: offset.metadata.max.bytes is 1500:.*raise offset.metadata.max.bytes'
said 'error: kafka: transaction.max.timeout.ms of the broker is 10000, less than .*\(15000\)'
said 'error: kafka: transaction.state.log.replication.factor is 3 and there is 1 broker:'
said 'warning: kafka: topic replies: unclean.leader.election.enable is on'
said 'warning: kafka: limits.reply_bytes is 4194304, but max.message.bytes of the topic \(topic replies\) is 300000'
said 'warning: kafka: model `fast`: an answer of max_output_tokens \(64000\) may take 514000 bytes'
unsaid 'older than Kafka'
unsaid 'topic dead takes|replicas: '

echo "transactions are nobody's concern in at_least_once"
check 0 --set delivery=at_least_once
unsaid 'error: kafka|transaction[.]'
said 'offset.metadata.max.bytes is 1500'

echo "the worker says the same once, and works"
"$sluice" worker -c "$work/sluice.yaml" --set delivery=at_least_once 2>"$work/worker.log" &
worker=$!
started+=("$worker")
enqueue 0 50
wait_for 60 "the replies" have_replies 50
[ "$(grep -c 'kafka cluster text="offset.metadata.max.bytes is 1500' "$work/worker.log")" = 1 ] || fail "the worker does not say it once"
stop_worker "$worker"
check_replies 50

echo "a broker that is away is waited for, unchecked"
"$lib/kafka-fixture" stop "$work/kafka"
begin=$SECONDS
"$sluice" worker -c "$work/sluice.yaml" --set delivery=at_least_once 2>"$work/late.log" &
worker=$!
started+=("$worker")
wait_for 15 "the worker's start" grep -q 'worker started' "$work/late.log"
[ $((SECONDS - begin)) -le 30 ] || fail "the start took $((SECONDS - begin)) s"
grep -q 'no broker yet.*settings are not checked' "$work/late.log" || fail "no word about the broker"
"$lib/kafka-fixture" restart "$work/kafka"
enqueue 50 60
wait_for 60 "the replies after the start" have_replies 60
stop_worker "$worker"
check 69 --set kafka.bootstrap.servers=127.0.0.1:1
said 'no Kafka broker answers at 127.0.0.1:1'

echo "a broker where everything fits"
"$lib/kafka-fixture" clean "$work/kafka"
rm -f "$work/replies"
export KAFKA_FIXTURE_PROPERTIES='message.max.bytes=5000000'
start_broker
sed -i "s/bootstrap.servers: \"[^\"]*\"/bootstrap.servers: \"$broker\"/" "$work/sluice.yaml"
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"
check 0
unsaid 'warning: kafka|error: kafka'
said 'note: kafka: there is one broker only'

echo "a delay topic that loses requests"
"$sluice" topics create -c "$work/sluice.yaml" --set topics.delay=later >"$work/topics.log" || fail "topics create"
check 0 --set topics.delay=later
unsaid '(warning|error): kafka: .*later'
"$lib/kafka-fixture" config "$work/kafka" later cleanup.policy=compact
"$lib/kafka-fixture" config "$work/kafka" later max.message.bytes=100000
check 69 --set topics.delay=later
said 'error: kafka: topic later: cleanup.policy is compact: .*set cleanup.policy=delete for the topic'
said 'warning: kafka: topic requests takes records of [0-9]+ bytes, the delay topic later only of 100000:'
echo PASSED
