#!/bin/bash
# Replies that the broker never takes, on a real Kafka: one of 10,000 is larger than the reply topic allows, some
# are for a topic or a partition that is not there. Each becomes an error reply and a dead letter, all others
# come once, and are not held up meanwhile. A reply topic that is missing altogether is waited for.
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

count=10000
bad=5000 # the one whose answer is too large
export KAFKA_FIXTURE_PROPERTIES=message.max.bytes=8000000
start_broker
start_sim --answer-bytes 4M

# configure ROW REPLIES: topics and group of its own
configure() {
    row=$1
    cat >"$work/sluice.yaml" <<CONF
kafka: {bootstrap.servers: "$broker", group.id: "group-$row"}
delivery: exactly_once
limits: {record_bytes: 4MB, reply_bytes: 6MB}
topics: {requests: ["requests-$row"], replies: "$2", dead_letter: "dead-$row", reply_allow: [nowhere, narrow],
         partitions: 4, replication: 1}
pool: {drain_timeout: 10s}
model_list:
  - model_name: fast
    params: {model: openai/sim, api_base: "$sim/v1", api_key: none}
cache: {path: "$work/store-$row"}
CONF
}

create_topics() { # options
    "$sluice" topics create -c "$work/sluice.yaml" "$@" >>"$work/topics.log" 2>&1 || fail "topics create"
}

# send [OPTIONS OF KCAT]: lines of requests()
send() { kcat -b "$broker" -P -t "requests-$row" -K '\t' -X message.max.bytes=8000000 -X partitioner=murmur2_random "$@"; }

# replies TOPIC: time stamp, key and value, those that are committed
replies() { kcat -b "$broker" -C -t "$1" -e -q -f '%T\t%k\t%s\n' -X isolation.level=read_committed; }

answered() { # TOPIC N
    [ "$(replies "$1" | cut -f2 | sort -u | wc -l)" -ge "$2" ]
}

# check_once TOPIC N ERRORS: N keys, each once, all good but for ERRORS that say reply_undeliverable
check_once() {
    local total keys good undeliverable
    replies "$1" >"$work/replies"
    total=$(wc -l <"$work/replies")
    keys=$(cut -f2 "$work/replies" | sort -u | wc -l)
    good=$(cut -f3 "$work/replies" | jq -r 'select(.error == null and .response.status_code == 200) | .custom_id' | wc -l)
    undeliverable=$(cut -f3 "$work/replies" | jq -r 'select(.error.code == "reply_undeliverable") | .custom_id' | wc -l)
    echo "$row: $total visible replies, $keys keys, $good good, $undeliverable reply_undeliverable"
    [ "$total" -eq "$2" ] && [ "$keys" -eq "$2" ] || fail "$row: $total replies with $keys keys instead of $2"
    [ "$undeliverable" -eq "$3" ] || fail "$row: $undeliverable errors instead of $3"
    [ "$good" -eq $(($2 - $3)) ] || fail "$row: $good good replies"
}

dead_letters() { # FORMAT of kcat
    kcat -b "$broker" -C -t "dead-$row" -e -q -f "$1" -X isolation.level=read_committed
}

# check_abandoned MOST: transactions that the broker refused for the one record
check_abandoned() {
    sed -n 's/.*transaction abandoned error=MSG_SIZE_TOO_LARGE.*count=\([0-9]*\).*/\1/p' "$work/$row.log" >"$work/abandoned"
    echo "$row: transactions abandoned: $(wc -l <"$work/abandoned"), outcomes in each: $(paste -sd' ' "$work/abandoned")"
    [ -s "$work/abandoned" ] || fail "the broker refused nothing"
    [ "$(wc -l <"$work/abandoned")" -le "$1" ] || fail "$row: too many transactions for one bad record"
}

# send_with_bad N TEXT COUNT: COUNT requests, of which row-N has the text of that file
send_with_bad() {
    printf 'row-%d\t{"custom_id":"row-%d","body":{"model":"fast","messages":[{"role":"user","content":"%s"}]}}\n' \
        "$1" "$1" "$(cat "$2")" >"$work/bad.tsv"
    { requests 0 "$1"; cat "$work/bad.tsv"; requests $(($1 + 1)) "$3"; } | send
}

# expect_header NAME=VALUE: in the one dead letter
expect_header() {
    dead_letters '%h\n' | tr ',' '\n' | grep -qxF "$1" || fail "no header $1 in $(dead_letters '%h' | head -c 2000)"
}

# ---- too large for the topic ----

configure large replies
create_topics --set topics.reply_allow=replies
"$lib/kafka-fixture" config "$work/kafka" replies max.message.bytes=1048588
head -c 1500000 /dev/urandom | base64 -w0 >"$work/text" # 2 MB that nothing makes smaller
send_with_bad "$bad" "$work/text" "$count"
start_worker large
wait_for 120 "all replies" answered replies "$count"
stop_worker "$worker"
check_once replies "$count" 1
cut -f2,3 "$work/replies" | grep -F reply_undeliverable | cut -f1 | grep -qx "row-$bad" || fail "another key has the error"

[ "$(dead_letters '%k\n' | wc -l)" -eq 1 ] || fail "$(dead_letters '%k\n' | wc -l) dead letters"
[ "$(dead_letters '%k')" = "row-$bad" ] || fail "the dead letter's key is $(dead_letters '%k')"
dead_letters '%s' | cmp -s - <(cut -f2 "$work/bad.tsv" | tr -d '\n') || fail "the dead letter has other bytes"
expect_header __connect.errors.topic=requests-large
expect_header __connect.errors.exception.class.name=reply_undeliverable
expect_header __connect.errors.connector.name=sluice
expect_header kafka_dlt-original-topic=requests-large
expect_header kafka_dlt-exception-fqcn=reply_undeliverable
expect_header kafka_dlt-original-consumer-group=group-large

check_abandoned 20
sort -n "$work/replies" | awk -F'\t' -v key="row-$bad" '
    { at[NR] = $1; if ($2 == key) bad = $1 }
    END { for (i = 1; i <= NR; i++) { before += at[i] < bad; if (i > 1 && at[i] - at[i - 1] > gap) gap = at[i] - at[i - 1] }
          printf "large: replies over %d ms; the replaced one after %d ms, %d others before it; longest pause %d ms\n",
                 at[NR] - at[1], bad - at[1], before, gap }'

# ---- too large, and in one set of records with others: who is to blame has to be found ----

configure probing replies-probing
create_topics --set topics.reply_allow=replies --set topics.partitions=1
"$lib/kafka-fixture" config "$work/kafka" replies-probing max.message.bytes=100000
head -c 120000 /dev/urandom | base64 -w0 >"$work/text"
send_with_bad 150 "$work/text" 300
start_worker probing
wait_for 60 "all replies" answered replies-probing 300
stop_worker "$worker"
check_once replies-probing 300 1
[ "$(dead_letters '%k\n')" = row-150 ] || fail "dead letters of $(dead_letters '%k ')"
check_abandoned 20

# ---- topics and partitions that are not there ----

configure places replies-places
create_topics --set topics.reply_allow=replies # all but those that requests ask for
create_topics --set topics.reply_allow=replies --set topics.replies=narrow --set topics.partitions=2
start_worker places
requests 0 10 | send -H kafka_replyTopic=nowhere
requests 10 20 | send -H kafka_replyTopic=narrow -H kafka_replyPartition=99
requests 20 30 | send -H kafka_replyTopic=narrow -H kafka_replyPartition=1
requests 30 100 | send
wait_for 60 "all replies" answered replies-places 90
wait_for 60 "replies on the narrow topic" answered narrow 10
stop_worker "$worker"
check_once replies-places 90 20
[ "$(cut -f2,3 "$work/replies" | grep -F reply_undeliverable | cut -f1 | sort -V | tr '\n' ' ')" = "$(seq -f 'row-%g' 0 19 | tr '\n' ' ')" ] ||
    fail "others were undeliverable"
[ "$(dead_letters '%k\n' | sort -u | wc -l)" -eq 20 ] || fail "$(dead_letters '%k\n' | wc -l) dead letters"
[ "$(dead_letters '%k\n' | wc -l)" -eq 20 ] || fail "$(dead_letters '%k\n' | wc -l) dead letters"
[ "$(kcat -b "$broker" -C -t narrow -e -q -f '%p %k\n' | grep -c '^1 ')" -eq 10 ] || fail "not on partition 1"

# ---- the reply topic comes late ----

configure late replies-late
create_topics --set topics.reply_allow=replies --set topics.replies=replies # requests and dead letters only
curl -sf -X POST "$sim/reset" >"$work/reset.log" || fail "the simulator does not reset its counts"
requests 0 200 | sed 's/question/late question/' | send
start_worker late
wait_for 60 "the calls" calls_reach 200
wait_for 30 "the worker to say so" grep -q 'transactions wait for the broker' "$work/late.log"
[ "$(dead_letters '%k\n' | wc -l)" -eq 0 ] || fail "something was given up"
create_topics --set topics.reply_allow=replies
wait_for 60 "all replies" answered replies-late 200
stop_worker "$worker"
check_once replies-late 200 0
[ "$(calls)" -eq 200 ] || fail "$(calls) calls for 200 requests"
echo PASSED
