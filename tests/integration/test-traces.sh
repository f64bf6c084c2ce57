#!/bin/bash
# Traces of a worker: the tree of a task below its caller's span, a failed call and the good one, what the provider and
# the reader of the reply get to see, links of twins, sampling, contents only on request; a collector that is away, says
# no, or hangs costs no task; the JSON is what OpenTelemetry's own definition wants.
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"
command -v kcat >/dev/null || { echo "kcat is not installed"; exit 77; }
python=$("$ROOT/tests/lib/pypi-python" opentelemetry-proto) || {
    echo "opentelemetry-proto is not installed and cannot be fetched (python3-venv, PyPI)"
    exit 77
}

trace=4bf92f3577b34da6a3ce929d0e0e4736
caller=00f067aa0ba902b7
export SLUICE__TRACES__SAMPLE_RATIO=1

sink_start() {
    rm -f sink.port
    python3 "$ROOT/tests/lib/otlp_sink.py" sink.port "$SIM_PORT" 2>>sink.log &
    SINK=$!
    PIDS+=("$SINK")
    wait_for 20 test -s sink.port || fail "the collector did not start: $(cat sink.log)"
    SINK_PORT=$(cat sink.port)
}

dev_start() { # OPTIONS...: sets DEV, BROKER and PORT; the provider is behind the collector
    rm -f ready spans.jsonl headers.jsonl calls.jsonl answer
    config_for_sim c.yaml
    sed -i "s|api_base: .*|api_base: http://127.0.0.1:$SINK_PORT/v1|" c.yaml
    "$SLUICE" dev -c c.yaml --partitions 4 --ready-file ready --store store.$RANDOM \
        --set observability.listen=127.0.0.1:0 "$@" >dev.out 2>dev.log &
    DEV=$!
    PIDS+=("$DEV")
    wait_for 20 test -s ready || fail "dev did not start: $(cat dev.log)"
    BROKER=$(cat ready)
    PORT=$(sed -n 's|.*admin port url=http://127.0.0.1:\([0-9]*\)/.*|\1|p' dev.log)
}
dev_stop() {
    kill -TERM "$DEV"
    wait "$DEV" || fail "dev ended with $?: $(tail dev.log)"
}
traced() { dev_start --set "traces.endpoint=http://127.0.0.1:$SINK_PORT" "$@"; }
metric() { # NAME [LABELS]
    curl -sS --max-time 10 "http://127.0.0.1:$PORT/metrics" | awk -v name="$1" -v with="${2:-}" '
        ($1 == name || index($1, name "{") == 1) && index($1, with) { sum += $2 } END { print sum + 0 }'
}
at_least() { [ "$(metric "$1" "${3:-}")" -ge "$2" ]; }
spans() { [ ! -e spans.jsonl ] || jq -c '.resourceSpans[].scopeSpans[].spans[]' spans.jsonl; }
has_spans() { [ "$(spans | wc -l)" -ge "$1" ]; }
# span FILTER: the spans that it selects. attr NAME is there for it.
span() { spans | jq -c "def attr(n): (.attributes[] | select(.key == n) | .value | to_entries[0].value); select($1)"; }
count() { span "$1" | wc -l; }
is_count() { [ "$(count "$1")" = "$2" ]; }
equal() { [ "$1" = "$2" ] || fail "$3: $1, wanted $2"; }
ask() { # TEXT OPTIONS OF KCAT...: one request
    local text=$1
    shift
    printf '{"custom_id":"%s","body":{"model":"fast","temperature":0.5,"messages":[{"role":"user","content":"%s"}]}}' \
        "$text" "$text" | kcat -b "$BROKER" -P -t llm.requests -k "$text" "$@"
}
replies() { kcat -b "$BROKER" -C -t llm.replies -o beginning -e -q -f '%k %h\n' 2>>kcat.log; }
has_replies() { [ "$(replies | wc -l)" -ge "$1" ]; }

echo '{"match":{"contains":"first fails","attempt":1},"fault":{"kind":"500"}}' >script.jsonl
sim_start --latency 20ms --script script.jsonl
sink_start

# ---- the tree ----

traced --set traces.service_name=pool --set traces.headers.x-key=s3cret-key
ask "first fails" -H traceparent=00-$trace-$caller-01 -H tracestate=vendor=1
wait_for 20 has_spans 5 || fail "spans: $(spans)"
equal "$(spans | wc -l)" 5 "spans of a task with two calls"
equal "$(count ".traceId == \"$trace\" and .traceState == \"vendor=1\"")" 5 "in the caller's trace"
task=$(span '.name == "process llm.requests"')
id=$(jq -r .spanId <<<"$task")
equal "$(jq -r .parentSpanId <<<"$task")" $caller "the task is below the caller"
equal "$(jq -r .kind <<<"$task")" 5 "it consumes"
equal "$(count ".parentSpanId == \"$id\"")" 4 "the others are below the task"
equal "$(count '.name == "cache lookup" and attr("sluice.cache") == "miss"')" 1 "look-up"
equal "$(count '.name == "chat gpt-sim" and .kind == 3')" 2 "calls"
equal "$(count '.status.code == 2 and attr("sluice.attempt") == "1" and attr("error.type") == "transient" and
    attr("http.response.status_code") == "500"')" 1 "the failed call"
equal "$(count '(.status | not) and attr("sluice.attempt") == "2" and attr("gen_ai.operation.name") == "chat" and
    attr("gen_ai.provider.name") == "sim" and attr("gen_ai.request.model") == "gpt-sim" and
    attr("gen_ai.request.temperature") == 0.5 and attr("gen_ai.response.model") == "gpt-sim" and
    attr("gen_ai.response.finish_reasons").values[0].stringValue == "stop" and
    attr("gen_ai.usage.output_tokens") != "0" and attr("server.address") == "127.0.0.1" and
    attr("server.port") == "'"$SINK_PORT"'"')" 1 "the good call"
equal "$(count '.name == "send llm.replies" and .kind == 4 and attr("messaging.destination.name") == "llm.replies" and
    attr("messaging.operation.type") == "send" and attr("messaging.kafka.offset") == "0"')" 1 "the reply"
equal "$(count '.name == "process llm.requests" and attr("messaging.system") == "kafka" and
    attr("messaging.consumer.group.name") == "sluice-dev" and attr("messaging.kafka.offset") == "0" and
    attr("sluice.task_id") == "first fails" and attr("sluice.attempts") == "2"')" 1 "attributes of the task"
equal "$(spans | jq -s '(.[] | select(.kind == 5)) as $t | all(.[]; .startTimeUnixNano >= $t.startTimeUnixNano and
    .endTimeUnixNano <= $t.endTimeUnixNano and .startTimeUnixNano <= .endTimeUnixNano)')" true "times lie in the task's"
age=$(($(date +%s) - $(jq -r .endTimeUnixNano <<<"$task" | cut -c1-10)))
[[ $age -ge 0 && $age -lt 60 ]] || fail "the task ended ${age} s ago"
equal "$(jq -r '.resourceSpans[0].resource.attributes[] | select(.key == "service.name") | .value.stringValue' spans.jsonl)" \
    pool "service"
equal "$(jq -r '."x-key"' headers.jsonl | sort -u)" s3cret-key "the header for the collector"

# What others get to see: each call names its own span, the reply the one that published it.
calls=$(span '.kind == 3' | jq -r '"00-" + .traceId + "-" + .spanId + "-01 vendor=1"' | sort)
equal "$(jq -r '.traceparent + " " + .tracestate' calls.jsonl | sort)" "$calls" "what the provider got"
replies | grep -q "traceparent=00-$trace-$(span '.kind == 4' | jq -r .spanId)-01,tracestate=vendor=1" ||
    fail "the reply's headers: $(replies)"
grep -q s3cret-key dev.log spans.jsonl calls.jsonl && fail "the collector's key is where it should not be"

# ---- no caller, a broken one, one that does not want to be traced; twins and hits ----

ask "alone"
ask "broken" -H traceparent=00-xyz-01
ask "unsampled" -H traceparent=00-11111111111111111111111111111111-2222222222222222-00
wait_for 20 has_replies 4 || fail "replies: $(replies)"
wait_for 20 is_count '.kind == 5' 3 || fail "tasks: $(count '.kind == 5')"
equal "$(count '.kind == 5 and (.parentSpanId | not)')" 2 "traces that begin here"
equal "$(count '.traceId == "11111111111111111111111111111111"')" 0 "an unsampled trace stays so"
jq -r .traceparent calls.jsonl | grep -q 00-11111111111111111111111111111111-2222222222222222-00 ||
    fail "it is passed on all the same: $(cat calls.jsonl)"
replies | grep unsampled | grep -q traceparent=00-11111111111111111111111111111111-2222222222222222-00 ||
    fail "and echoed: $(replies)"
ask "alone" # from the cache
wait_for 20 is_count '.kind == 5 and attr("sluice.cache") == "hit"' 1 || fail "no hit: $(spans)"
printf '{"custom_id":"t%s","body":{"model":"fast","messages":[{"role":"user","content":"twins"}]}}\n' 1 2 |
    kcat -b "$BROKER" -P -t llm.requests -p 0
wait_for 20 is_count .links 1 || fail "no link: $(spans)"
linked=$(span .links | jq -r '.links[0].spanId')
# The two replies are published each by itself, so the twin's spans may come first.
wait_for 20 is_count ".spanId == \"$linked\" and .kind == 3" 1 || fail "a twin links to no call that answered it: $(spans)"
jq -e '[.. | strings | select(test("gen_ai.(input|output).messages|echo: "))] | length == 0' spans.jsonl >/dev/null ||
    fail "contents without being asked for"
all_counted() { [ "$(metric sluice_trace_spans_exported_total)" = "$(spans | wc -l)" ]; } # after the collector's answer
wait_for 20 all_counted || fail "counted $(metric sluice_trace_spans_exported_total) of $(spans | wc -l) spans"
dev_stop
echo "traces: $("$python" "$ROOT/tests/lib/check_spans.py" spans.jsonl) spans are valid OTLP"

# ---- contents on request, a share of the traces, nothing to providers ----

traced --set traces.contents=true --set traces.send_to_providers=false
ask "a secret question"
wait_for 20 has_spans 4 || fail "spans: $(spans)"
equal "$(span '.kind == 3' | jq -r '.attributes[] | select(.key == "gen_ai.input.messages") | .value.stringValue' |
    jq -r '.[0].parts[0].content')" "a secret question" "the prompt"
equal "$(span '.kind == 3' | jq -r '.attributes[] | select(.key == "gen_ai.output.messages") | .value.stringValue' |
    jq -r '.[0].parts[0].content')" "echo: a secret question" "the answer"
equal "$(jq -r .traceparent calls.jsonl | sort -u)" null "nothing goes to the provider"
dev_stop
"$python" "$ROOT/tests/lib/check_spans.py" spans.jsonl >/dev/null
traced --set traces.sample_ratio=0
ask "not sampled"
ask "sampled by its caller" -H traceparent=00-$trace-$caller-01
wait_for 20 has_replies 2 || fail "replies: $(replies)"
wait_for 20 has_spans 4 || fail "spans: $(spans)"
equal "$(count '.kind == 5')" 1 "the one whose caller wants it"
dev_stop

# ---- collectors that are no good ----

job() { # N PREFIX: all of them answered, and how many ms that took
    local began
    prompts "$1" "$2" >"$2.jsonl"
    began=$(date +%s%3N)
    "$SLUICE" enqueue -i "$2.jsonl" -b "$BROKER" --progress none >/dev/null 2>enqueue.log || fail "$(cat enqueue.log)"
    "$SLUICE" collect --run "$2.jsonl.run" -b "$BROKER" -o "$2.out" --progress none 2>collect.log || fail "$(cat collect.log)"
    TOOK=$(($(date +%s%3N) - began))
    all_answered "$2.out" "$1"
}

dev_start
job 500 off
off=$TOOK
equal "$(cat headers.jsonl spans.jsonl 2>/dev/null | wc -l)" 0 "posts while traces are off"
dev_stop

no_more_than() { [ "$1" -lt $((4 * off + 20000)) ] || fail "$2: $1 ms, without traces $off ms"; }

dev_start --set traces.endpoint=http://127.0.0.1:1 --set traces.max_buffered=64k
job 500 away
no_more_than "$TOOK" "a collector that is away"
wait_for 20 at_least sluice_trace_spans_dropped_total 1 buffer_full || fail "nothing dropped"
wait_for 20 at_least sluice_trace_export_failures_total 1 || fail "no failures"
equal "$(grep -c 'traces cannot be delivered' dev.log)" 1 "said once"
dev_stop
grep -q 'spans were dropped exported=0' dev.log || fail "not said at the end: $(tail -3 dev.log)"

traced
echo 400 >answer
job 100 no
wait_for 20 at_least sluice_trace_spans_dropped_total 400 refused || fail "$(metric sluice_trace_spans_dropped_total)"
echo "503 1" >answer
job 100 later
wait_for 20 at_least sluice_trace_export_failures_total 2 || fail "no failures"
rm answer
wait_for 20 at_least sluice_trace_spans_exported_total 400 || fail "not delivered after 503"
echo stall >answer
ask "hangs"
wait_for 20 has_replies 201 || fail "a reply waits for the collector"
began=$SECONDS
dev_stop
[ $((SECONDS - began)) -lt 40 ] || fail "a collector that hangs held the end up for $((SECONDS - began)) s"

# ---- a job over files ----

prompts 20 row >rows.jsonl
rm -f spans.jsonl answer
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$SINK_PORT OTEL_SERVICE_NAME=nightly \
    OTEL_EXPORTER_OTLP_HEADERS=x-key=from-env "$SLUICE" batch -c c.yaml -i rows.jsonl -o rows.out --store rows \
    --progress none 2>batch.log || fail "batch: $(cat batch.log)"
all_answered rows.out 20
equal "$(spans | wc -l)" 80 "spans of a job"
equal "$(count '.name == "process row" and .kind == 1')" 20 "a span for each row"
equal "$(count '.name == "write reply"')" 20 "and one for its reply"
equal "$(tail -1 headers.jsonl | jq -r '."x-key"')" from-env "the environment's header"
"$python" "$ROOT/tests/lib/check_spans.py" spans.jsonl >/dev/null
echo "traces: off $off ms for 500 tasks, with a collector that is away no more than four times that"
