#!/bin/bash
# The admin port of a worker: metrics pass promtool and add up with what the simulator counted, /status says the
# same; readiness in each state; what is refused; pause, resume and drain; clients that mean no good.
# shellcheck disable=SC2015,SC2016 # fail() ends the script; names stand in backquotes
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"

count=400
token=correct-horse-battery
PORT=

dev_start() { # FILE OPTIONS...: sets DEV, BROKER and PORT
    local config=$1
    shift
    rm -f ready
    "$SLUICE" dev -c "$config" --partitions 8 --ready-file ready --set observability.listen=127.0.0.1:0 "$@" \
        >dev.out 2>dev.log &
    DEV=$!
    PIDS+=("$DEV")
    wait_for 20 test -s ready || fail "dev did not start: $(cat dev.log)"
    BROKER=$(cat ready)
    PORT=$(sed -n 's|.*admin port url=http://127.0.0.1:\([0-9]*\)/.*|\1|p' dev.log)
    [ -n "$PORT" ] || fail "the admin port is not in the log: $(cat dev.log)"
}
dev_stop() {
    local code=0
    kill -TERM "$DEV"
    wait "$DEV" || code=$?
    [ $code = 0 ] || fail "dev ended with $code: $(tail dev.log)"
}
page() { curl -sS --max-time 10 "http://127.0.0.1:$PORT$1"; }
code() { # PATH OPTIONS...
    local path=$1
    shift
    curl -s -o answer --max-time 10 -w '%{http_code}' "$@" "http://127.0.0.1:$PORT$path"
}
post() { code "$1" -X POST "${@:2}"; }
is_code() { [ "$(code "$1")" = "$2" ]; }
health() { "$SLUICE" health --url "http://127.0.0.1:$PORT" "$@"; }
# Sum of a metric over all samples whose labels contain a text.
metric() { page /metrics | awk -v name="$1" -v with="${2:-}" '
    ($1 == name || index($1, name "{") == 1) && index($1, with) { sum += $2 } END { print sum + 0 }'; }
is_metric() { [ "$(metric "$1" "${3:-}")" = "$2" ]; }
send() { # FILE
    "$SLUICE" enqueue -i "$1" -b "$BROKER" --progress none >/dev/null 2>enqueue.log || fail "enqueue: $(cat enqueue.log)"
}
collect() { # FILE OUT
    "$SLUICE" collect --run "$1.run" -b "$BROKER" -o "$2" --progress none 2>collect.log || true
}

# ---- what is counted ----

# A worker whose broker is away: it starts, then it is alive and not ready, and says why.
sim_start
config_for_sim away.yaml
"$SLUICE" worker -c away.yaml --set kafka.bootstrap.servers=127.0.0.1:1 --set kafka.group.id=away \
    --set cache.path=away --set observability.listen=0 2>away.log &
DEV=$!
PIDS+=("$DEV")
wait_for 20 grep -q "admin port url=" away.log || fail "no admin port: $(cat away.log)"
PORT=$(sed -n 's|.*admin port url=http://127.0.0.1:\([0-9]*\)/.*|\1|p' away.log)
page /readyz | grep -q '"not_ready":\["starting"\]' || fail "it does not start: $(page /readyz)"
is_without_broker() { [ "$(page /readyz)" = '{"ready":false,"not_ready":["not_member","producer_not_ready"]}' ]; }
wait_for 20 is_without_broker || fail "without a broker: $(page /readyz)"
is_code /livez 200 || fail "not alive without a broker"
dev_stop
sim_stop

sim_start --latency 20ms --fault 500:10
config_for_sim c.yaml
sed -i 's/^router_settings: {/&num_retries: 20, /' c.yaml
cat >>c.yaml <<CONF
observability: {admin_token: $token}
CONF
dev_start c.yaml --store store
prompts $count >in.jsonl
head -50 in.jsonl | sed 's/"custom_id":"q/"custom_id":"again/' >again.jsonl
echo '{"custom_id":"broken","body":{"model":"nobody","messages":[{"role":"user","content":"x"}]}}' >>again.jsonl
send in.jsonl
collect in.jsonl out.jsonl
all_answered out.jsonl $count
send again.jsonl
collect again.jsonl again.out
[ "$(wc -l <again.out)" = 51 ] || fail "$(wc -l <again.out) replies to 51 records"
wait_for 10 is_metric sluice_tasks_total 451 || fail "the tasks: $(page /metrics | grep sluice_tasks_total)"

equal() { [ "$1" = "$2" ] || fail "$3: $1, wanted $2"; }
equal "$(metric sluice_tasks_total 'outcome="success"')" 450 "successes"
equal "$(metric sluice_tasks_total 'outcome="success"')" "$(cat out.jsonl again.out | jq -r 'select(.response.status_code == 200) | 1' | wc -l)" "successes as replied"
equal "$(metric sluice_tasks_received_total)" 451 "received"
equal "$(metric sluice_upstream_requests_total)" "$(sim_stats .requests)" "calls as the simulator counted"
equal "$(metric sluice_upstream_requests_total 'class="ok"')" "$(sim_stats .ok)" "good calls as the simulator counted"
equal "$(metric sluice_upstream_requests_total 'class="transient"')" "$(sim_stats '.status["500"] // 0')" "failed calls"
[ "$(metric sluice_upstream_requests_total 'class="transient"')" -gt 0 ] || fail "no call failed, so this shows little"
equal "$(metric sluice_cache_results_total 'result="hit"')" 50 "hits"
equal "$(metric sluice_task_seconds_count)" 451 "task times"
equal "$(metric sluice_task_queue_seconds_count)" $count "queue times: one a task that made a call"
equal "$(metric sluice_call_seconds_count)" "$(sim_stats .requests)" "call times"
equal "$(metric sluice_overhead_seconds_count 'component="parse"')" 451 "records read"
equal "$(metric sluice_overhead_seconds_count 'component="format"')" "$(sim_stats .requests)" "requests made"
equal "$(metric sluice_overhead_seconds_count 'component="store"')" $count "outcomes written"
equal "$(metric gen_ai_client_operation_duration_seconds_count)" "$(sim_stats .requests)" "call times, by OpenTelemetry's name"
equal "$(metric sluice_tokens_total 'type="output"')" "$(jq -s 'map(.sluice.usage.output_tokens) | add' out.jsonl)" "output tokens"
equal "$(metric gen_ai_client_token_usage_sum 'token_type="output"')" "$(metric sluice_tokens_total 'type="output"')" "tokens, by OpenTelemetry's name"
equal "$(metric sluice_kafka_records_total)" 451 "records"
# The broker has the last reply a moment before the publisher and the ledger hear of it.
wait_for 10 is_metric sluice_replies_total 451 || fail "replies: $(metric sluice_replies_total)"
wait_for 10 is_metric sluice_ledger_open_records 0 || fail "open records: $(metric sluice_ledger_open_records)"
wait_for 10 is_metric sluice_backlog_records 0 || fail "the backlog is $(metric sluice_backlog_records)"
equal "$(metric sluice_ready)" 1 "ready"
[ "$(metric process_resident_memory_bytes)" -gt 1000000 ] || fail "no memory in use?"

page /status >status.json
jq -e --argjson calls "$(sim_stats .requests)" --argjson ok "$(sim_stats .ok)" '
    .ready and .pool.outcomes.success == 450 and .pool.calls == $calls and .pool.cache_hits == 50
    and .models[0].calls == $calls and .models[0].classes.ok == $ok and .models[0].model == "fast"
    and .kafka.records == 451 and .kafka.replies == 451 and .kafka.open == 0 and .kafka.partitions == 8
    and .failed_calls[0].class == "transient" and .failed_calls[0].count == $calls - $ok
    and (.failed_calls[0].last_task_id | test("^q[0-9]+$")) and .failed_tasks[0].last_task_id == "broken"
    ' status.json >/dev/null || fail "/status says something else: $(jq -c . status.json)"
! grep -q 'prompt\|echo:' status.json || fail "/status holds a prompt"

promtool=$(command -v promtool || true)
if [ -n "$promtool" ]; then
    page /metrics | promtool check metrics >promtool.log 2>&1 || fail "promtool: $(cat promtool.log)"
    [ ! -s promtool.log ] || fail "promtool has something to say: $(cat promtool.log)"
fi

"$SLUICE" top --once --url "http://127.0.0.1:$PORT" >top.out || fail "top"
grep -q "done 451  failed 1  cached 50 " top.out && grep -Eq "^fast +sim +ok +$(sim_stats .requests) +$(sim_stats .ok) " top.out &&
    grep -q " broken$" top.out || fail "top shows something else: $(cat top.out)"

# ---- who may do what ----

equal "$(code /readyz)" 200 "/readyz"
equal "$(code /livez)" 200 "/livez"
equal "$(code /status -H 'Host: evil.example')" 421 "a foreign host"
equal "$(code /)" 200 "the index"
equal "$(code /nothing)" 404 "an unknown page"
equal "$(code /pause)" 405 "GET of a POST"
for path in /pause /resume /drain "/log-level?level=debug"; do
    equal "$(post "$path")" 401 "$path without a token"
    equal "$(post "$path" -H 'Authorization: Bearer wrong-horse-battery')" 401 "$path with a wrong token"
    equal "$(post "$path" -H "Authorization: Bearer $token" -H 'Origin: http://evil.example')" 403 "$path from a page"
done
health >/dev/null || fail "something was done all the same: $(page /readyz)"
! grep -q "$token" dev.log || fail "the token is in the log"
auth=(-H "Authorization: Bearer $token")
equal "$(post '/log-level?level=debug' "${auth[@]}")" 200 "/log-level"
equal "$(page /log-level | jq -r .level)" debug "the level"
equal "$(post '/log-level?level=loud' "${auth[@]}")" 400 "/log-level=loud"
equal "$(post '/log-level?level=info' "${auth[@]}")" 200 "/log-level"

# ---- paused ----

equal "$(post /pause "${auth[@]}")" 200 "/pause"
equal "$(code /readyz)" 503 "/readyz while paused"
equal "$(jq -c .not_ready answer)" '["paused"]' "why"
equal "$(code /livez)" 200 "/livez while paused"
! health >/dev/null || fail "health says ready while paused"
health --live >/dev/null || fail "health --live while paused"
before=$(sim_stats .requests)
prompts 30 paused >paused.jsonl
send paused.jsonl
wait_for 20 is_metric sluice_backlog_records 30 || fail "the backlog is $(metric sluice_backlog_records), wanted 30"
equal "$(sim_stats .requests)" "$before" "calls while paused"
equal "$(post /resume "${auth[@]}")" 200 "/resume"
collect paused.jsonl paused.out
all_answered paused.out 30
wait_for 10 health || fail "not ready after /resume"

# ---- by command, and by the keys of top ----

steer() { "$SLUICE" "$1" --url "http://127.0.0.1:$PORT" "${@:2}" >steer.out 2>&1; }
is_paused() { page /status | jq -e ".paused == $1"; }
echo "$token" >token
rc=0
steer pause || rc=$?
{ [ $rc = 69 ] && grep -q "answers 401.*--token-file" steer.out; } || fail "pause without a token: $rc: $(cat steer.out)"
is_paused false >/dev/null || fail "paused without a token"
steer pause --token-file token || fail "pause: $(cat steer.out)"
is_paused true >/dev/null || fail "not paused"
steer resume -c c.yaml || fail "resume with the token of the configuration: $(cat steer.out)"
is_paused false >/dev/null || fail "not resumed"
steer drain --url http://127.0.0.1:1 && fail "drain where nobody is"

# One model: its tasks wait, the worker stays ready and takes records.
equal "$(post '/pause?model=nobody' "${auth[@]}")" 404 "an unknown model"
equal "$(post '/pause?model=fast')" 401 "one model without a token"
for query in 'pause?modle=fast' 'resume?model' 'drain?modle=fast' 'drain?model=fast&model=smart' 'pause?model=fast&x=1'; do
    equal "$(post "/$query" "${auth[@]}")" 400 "a misspelt query must not steer the whole worker: $query"
done
is_paused false >/dev/null || fail "paused by a misspelt query"
steer pause --model nobody --token-file token && fail "a model that is not there"
grep -q 'no model `nobody` in model_list' steer.out || fail "$(cat steer.out)"
: >no-token
for file in no-token:65:'no-token holds no token' .:66:'cannot be read: Is a directory'; do
    rc=0
    steer pause --token-file "${file%%:*}" || rc=$?
    [[ $rc:$(cat steer.out) = "$(cut -d: -f2 <<<"$file"):"*"${file##*:*:}"* ]] || fail "${file%%:*}: $rc: $(cat steer.out)"
done
rc=0
steer pause --url http:// || rc=$?
[ $rc = 64 ] || fail "an address without a host: $rc: $(cat steer.out)"
steer pause --model fast --token-file token || fail "pause --model: $(cat steer.out)"
is_model() { page /status | jq -e ".models[0].state == \"$1\""; }
wait_for 10 is_model paused || fail "the model is not paused: $(page /status | jq -c .models)"
equal "$(metric sluice_route_state 'state="paused"')" 1 "the state of its row"
before=$(sim_stats .requests)
prompts 5 one >one.jsonl
send one.jsonl
five_wait() { page /status | jq -e '.pool.waiting_for_limits == 5 and .models[0].held_up.now == "model_paused"'; }
wait_for 20 five_wait || fail "its tasks do not wait: $(page /status | jq -c '.pool, .models')"
equal "$(code /readyz)" 200 "/readyz with a paused model"
equal "$(sim_stats .requests)" "$before" "calls of a paused model"
steer resume --model fast -c c.yaml || fail "resume --model: $(cat steer.out)"
collect one.jsonl one.out
all_answered one.out 5
missing=()
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    mkfifo keys
    script -qec "'$SLUICE' top --every 200ms --token-file token --url http://127.0.0.1:$PORT" top.typed <keys >/dev/null &
    TOP=$!
    exec 7>keys
    wait_for 10 grep -q 'p pause' top.typed || fail "top offers no keys: $(cat top.typed)"
    printf p >&7
    wait_for 10 is_paused true || fail "p does not pause: $(tail -c 2000 top.typed)"
    wait_for 10 grep -q 'pause: done' top.typed || fail "top does not say so"
    printf r >&7
    wait_for 10 is_paused false || fail "r does not resume"
    printf q >&7
    exec 7>&-
    wait "$TOP" || fail "q does not end top"
else
    missing+=("top was not shown to a terminal: there is none to be had (/dev/pts)")
fi
wait_for 10 health || fail "not ready after r"

# ---- slow and garbage clients do not hurt ----

for ((i = 0; i < 80; i++)); do
    { exec 9<>"/dev/tcp/127.0.0.1/$PORT" && printf 'GET /metrics HTTP/1.1\r\nX-Slow: ' >&9 && read -r -t 20 _ <&9; } \
        2>/dev/null &
    SLOW+=($!)
done
for ((i = 0; i < 30; i++)); do
    { head -c 20000 /dev/urandom >"/dev/tcp/127.0.0.1/$PORT"; } 2>/dev/null || true
done
prompts 200 while >while.jsonl
send while.jsonl
collect while.jsonl while.out
all_answered while.out 200
wait_for 20 health || fail "the admin port does not come back after slow clients"
wait "${SLOW[@]}" 2>/dev/null || true
dev_stop

# ---- the provider goes away: ready all the same ----

dev_start c.yaml --store other --set router_settings.num_retries=1
sim_stop
prompts 20 gone >gone.jsonl
send gone.jsonl
is_cooling() { page /status | jq -e '.models[0].state != "ok" and .models[0].classes.transport > 0'; }
wait_for 20 is_cooling || fail "no sign of the outage: $(page /status | jq -c .models)"
equal "$(code /readyz)" 200 "/readyz in an outage of the provider"
equal "$(code /livez)" 200 "/livez in an outage of the provider"
[ "$(metric sluice_route_cooldowns_total)" -ge 1 ] || fail "the cool-down is not counted"

# ---- the token is wanted for reading, too ----

dev_stop
sim_start
dev_start c.yaml --store reads --set observability.admin_token_reads=true
for path in /status /history /metrics /log-level; do
    equal "$(code "$path")" 401 "$path without a token"
    equal "$(code "$path" "${auth[@]}")" 200 "$path with the token"
done
wait_for 20 health || fail "health needs no token"
for path in / /livez /readyz; do equal "$(code "$path")" 200 "$path, which is open"; done
"$SLUICE" top --once -c c.yaml --url "http://127.0.0.1:$PORT" >top.out || fail "top with the token of the configuration"
"$SLUICE" top --once --url "http://127.0.0.1:$PORT" 2>top.err >/dev/null && fail "top without a token"
grep -q 'answers 401.*--token-file' top.err || fail "top says something else: $(cat top.err)"

# ---- drain, as SIGTERM ----

kill -KILL "$DEV"
wait "$DEV" 2>/dev/null || true
sim_start --latency 10s # so long that a command or two begins and ends while the calls run
config_for_sim slow.yaml
dev_start slow.yaml --store third
prompts 5 slow >slow.jsonl
send slow.jsonl
five_run() { [ "$(sim_stats .in_flight)" = 5 ]; }
wait_for 20 five_run || fail "no calls"
equal "$(post '/drain?model=fast')" 202 "drain of a model whose calls run"
steer drain --model fast || fail "drain --model: $(cat steer.out)"
equal "$(sim_stats .in_flight)" 0 "calls when it has come back"
equal "$(post '/drain?model=fast')" 200 "drain of a model without calls"
equal "$(jq -c . answer)" '{"model":"fast","paused":true,"in_flight":0}' "what it says"
# five_calls NAME: five new calls are on their way
five_calls() {
    sed 's/"custom_id":"slow/"custom_id":"'"$1"'/; s/"content":"/&'"$1"' /' slow.jsonl >"$1.jsonl"
    send "$1.jsonl"
    steer resume --model fast || fail "resume --model: $(cat steer.out)"
    wait_for 20 five_run || fail "no calls after the model was resumed"
}

# Who resumes a model while another drains it is not overruled.
five_calls later
"$SLUICE" drain --model fast --url "http://127.0.0.1:$PORT" 2>drain.err &
DRAIN=$!
wait_for 10 is_model paused || fail "the model is not paused: $(page /status | jq -c .models)"
steer resume --model fast || fail "resume --model: $(cat steer.out)"
wait "$DRAIN" && fail "drain --model of a model that was resumed ends with 0"
grep -q 'fast was resumed before its calls had ended' drain.err || fail "drain says something else: $(cat drain.err)"
wait_for 10 is_model ok || fail "drain overruled the resume: $(page /status | jq -c .models)"
none_run() { [ "$(sim_stats .in_flight)" = 0 ]; }
wait_for 20 none_run || fail "calls that do not end"

five_calls last
equal "$(post /drain)" 202 "/drain, from this machine, without a token"
equal "$(code /readyz)" 503 "/readyz while draining"
equal "$(jq -c .not_ready answer)" '["draining"]' "why"
equal "$(code /livez)" 200 "/livez while draining"
equal "$(post /drain)" 202 "/drain a second time is no second signal"
ended=0
wait "$DEV" || ended=$?
[ $ended = 0 ] || fail "a drain by POST ended with $ended: $(tail dev.log)"
equal "$(sim_stats .ok)" 15 "running calls went on"
grep -q 'draining signal=15' dev.log || fail "no drain in the log"
rc=0
"$SLUICE" health --url "http://127.0.0.1:$PORT" 2>health.log || rc=$?
[ $rc = 1 ] && [ -s health.log ] || fail "health without a worker: exit code $rc"

# ---- the disk of the store is full: not ready until there is room ----

mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=24m tmpfs small 2>mount.log; then
    umount_small() {
        local pid
        for pid in "${PIDS[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
        wait 2>/dev/null || true
        umount "$WORK/small" 2>/dev/null || umount -l "$WORK/small" 2>/dev/null || true
        cleanup
    }
    trap umount_small EXIT
    sim_stop
    sim_start --answer-bytes 2k
    config_for_sim full.yaml
    dev_start full.yaml --store small/store --set cache.write_buffer=1MB
    dd if=/dev/zero of=small/ballast bs=64k 2>/dev/null || true
    prompts 300 full >full.jsonl
    send full.jsonl
    is_full() { page /readyz | jq -e '.not_ready == ["store_failing"]'; }
    wait_for 30 is_full || fail "ready on a full disk: $(page /readyz) $(page /status | jq -c .store)"
    equal "$(metric sluice_store_failing)" 1 "the store"
    equal "$(code /livez)" 200 "/livez on a full disk"
    rm small/ballast
    wait_for 30 health || fail "not ready although there is room: $(page /readyz)"
    collect full.jsonl full.out
    all_answered full.out 300
    dev_stop
else
    echo "left out: a full disk needs root and mount: $(cat mount.log 2>/dev/null)"
fi

# ---- the port is taken; no admin port ----

sim_stop
sim_start
config_for_sim c.yaml
rc=0
"$SLUICE" dev -c c.yaml --store store --set observability.listen="127.0.0.1:$SIM_PORT" 2>taken.log >/dev/null || rc=$?
[ $rc = 69 ] && grep -q "observability.listen: cannot listen on 127.0.0.1 port $SIM_PORT" taken.log ||
    fail "a taken port: exit code $rc: $(cat taken.log)"

[ -n "$promtool" ] || missing+=("the metrics were not shown to promtool: it is not installed (Debian package prometheus)")
if [ ${#missing[@]} -gt 0 ]; then
    echo "all good, but ${missing[*]}"
    exit 77
fi
echo "admin: all good"
