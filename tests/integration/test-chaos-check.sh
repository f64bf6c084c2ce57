#!/bin/bash
# The checker of the chaos runs on a real Kafka, with a history made by hand: what it says of inputs, replies,
# commits and transactions, committed, aborted and left open. (Each verdict on made-up data: tests/unit/chaos.)
set -euo pipefail
. "$(dirname "$0")/../lib/kafka-common.sh"

check=${BUILD:-build}/tests/chaos/check_history
start_broker
cat >"$work/sluice.yaml" <<CONF
kafka: {bootstrap.servers: "$broker"}
topics: {requests: [requests], replies: replies, dead_letter: dead, partitions: 1, replication: 1}
CONF
"$sluice" topics create -c "$work/sluice.yaml" >"$work/topics.log" || fail "topics create"

judge() { # options; leaves result.json and the exit code
    code=0
    "$check" --broker "$broker" --group workers --requests requests --replies replies \
        --log-dir "$work/kafka/data" "$@" >"$work/result.json" 2>"$work/findings.log" || code=$?
}

# expect NAME NUMBER...: fields of the result
expect() {
    local got
    while [ $# -gt 0 ]; do
        got=$(jq ".$1" "$work/result.json")
        [ "$got" = "$2" ] || fail "$1 is $got instead of $2: $(cat "$work/result.json")"
        shift 2
    done
}

reply() { # INPUT [PROMPT]: value of a reply as a worker writes it
    printf '{"custom_id":"row-%d","response":{"status_code":200,"body":{"choices":[{"message":{"content":"echo: question %d"}}]}},"error":null}\n' \
        "$1" "${2:-$1}"
}

send() { # INPUT, options of kcat; value on stdin
    local input=$1
    shift
    kcat -b "$broker" -P -t replies -H sluice-source-partition=0 -H "sluice-source-offset=$input" "$@"
}

commit_offset() { # OFFSET: by a consumer that has read so far
    kcat -b "$broker" -q -G workers -X auto.offset.reset=earliest -X enable.auto.commit=true -c "$1" requests \
        >/dev/null 2>"$work/commit.log" || fail "commit"
}

# Nothing is answered yet.
enqueue 0 5
judge
[ "$code" -eq 1 ] || fail "five lost records, and exit code $code"
expect inputs 5 replies 0 lost 5 torn_done_without_reply 0 violations 5
"$check" --progress --broker "$broker" --group workers --requests requests >"$work/progress"
[ "$(cat "$work/progress")" = "5 0" ] || fail "progress $(cat "$work/progress")"

# One reply in a transaction, one plain, one twice, one to the wrong prompt, one to no input.
reply 0 | send 0 -X transactional.id=one 2>>"$work/kcat.log"
reply 1 | send 1
reply 2 | send 2
reply 2 | send 2
reply 3 4 | send 3
reply 3 | send 77
commit_offset 5
judge
[ "$code" -eq 1 ] || fail "exit code $code"
expect replies 6 lost 1 duplicate 1 wrong_answer 1 phantom 1 torn_done_without_reply 1 \
    torn_reply_but_open 0 aborted_read 0 hidden 0 hanging_transaction 0 "done" 5 commit_markers 1
"$check" --progress --broker "$broker" --group workers --requests requests >"$work/progress"
[ "$(cat "$work/progress")" = "5 5" ] || fail "progress $(cat "$work/progress")"

# A worker that dies inside a transaction: the broker aborts it, and nobody sees the reply.
mkfifo "$work/pipe"
kcat -b "$broker" -P -t replies -H sluice-source-partition=0 -H sluice-source-offset=4 \
    -X transactional.id=two -X transaction.timeout.ms=3000 <"$work/pipe" 2>>"$work/kcat.log" &
dying=$!
started+=("$dying")
exec 4>"$work/pipe"
for _ in $(seq 2000); do # kcat reads large blocks
    reply 4
done >&4
wait_for 20 "the reply in the log" eval '[ "$(kcat -b "$broker" -C -t replies -X isolation.level=read_uncommitted -e -q | wc -l)" -ge 7 ]'
kill -KILL "$dying"
exec 4>&-
judge
expect replies 6 lost 1 duplicate 1 aborted_read 0 hanging_transaction 0 abort_markers 1
jq -e '.aborted_replies > 0 and .replies_uncommitted == 6 + .aborted_replies' "$work/result.json" >/dev/null ||
    fail "the aborted replies: $(cat "$work/result.json")"
reply 4 | send 4
judge --delivery at_least_once
expect replies 7 lost 0 duplicate 1 violations 2 # the wrong answer and the phantom
echo PASSED
