#!/bin/bash
# Traces on a real Kafka, exactly once: a task's span ends when its transaction is committed, the span of its reply says
# where readers find it, and the reply's header names that span.
set -euo pipefail
# shellcheck source=tests/lib/kafka-common.sh
. "$(dirname "$0")/../lib/kafka-common.sh"
lib=$(realpath "$lib")

count=200
start_broker
start_sim --latency 20ms
(cd "$work" && exec python3 "$lib/otlp_sink.py" sink.port 0) 2>"$work/sink.log" &
started+=($!)
wait_for 10 "the collector" test -s "$work/sink.port"
write_config 4
"$sluice" topics create -c "$work/sluice.yaml" >/dev/null || fail "topics create"
export OTEL_EXPORTER_OTLP_ENDPOINT SLUICE__TRACES__SAMPLE_RATIO=1
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$(cat "$work/sink.port")
start_worker one
enqueue 0 $count
wait_for 60 "the replies" have_replies $count
spans() { jq -r ".resourceSpans[].scopeSpans[].spans[] | $1" "$work/spans.jsonl"; }
has_spans() { [ -e "$work/spans.jsonl" ] && [ "$(spans .name | wc -l)" -ge $((4 * count)) ]; }
wait_for 60 "the spans" has_spans # a stop waits for them for some seconds only
stop_worker "$worker"
check_replies $count

[ "$(spans .name | sort | uniq -c | awk '{ print $1, $2, $3 }' | sort)" = "$(printf '%s\n' "$count cache lookup" \
    "$count chat sim" "$count process requests" "$count send replies" | sort)" ] ||
    fail "spans: $(spans .name | sort | uniq -c)"

# Where it is: by the spans, and by a reader of committed records.
spans 'def attr(n): (.attributes[] | select(.key == n) | .value | to_entries[0].value);
    select(.kind == 4) | attr("messaging.destination.partition.id") + " " + attr("messaging.kafka.offset") +
    " traceparent=00-" + .traceId + "-" + .spanId + "-01"' | sort >"$work/by-spans"
kcat -b "$broker" -C -t replies -e -q -X isolation.level=read_committed -f '%p %o %h\n' |
    sed 's/^\([0-9]* [0-9]*\) .*\(traceparent=[^,]*\).*/\1 \2/' | sort >"$work/by-reader"
cmp "$work/by-spans" "$work/by-reader" || fail "$(diff "$work/by-spans" "$work/by-reader" | head)"

# The task ends with its reply, and the transaction is a part of that.
late=$(jq -s '[.[].resourceSpans[].scopeSpans[].spans[]] | group_by(.traceId) | map(select(
    (map(select(.kind == 4))[0].endTimeUnixNano) != (map(select(.kind == 5))[0].endTimeUnixNano))) | length' \
    "$work/spans.jsonl")
[ "$late" = 0 ] || fail "$late tasks do not end with their reply"
echo "traces: $count replies are where their spans say"
