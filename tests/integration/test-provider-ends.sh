#!/usr/bin/env bash
# Every way a call can end: each row gets one reply that says what happened, the rows beside it are answered,
# only whole answers are cached, and a provider that cannot be used at all ends the run with advice.
. "$(dirname "$0")/../lib/scene.sh"

batch() { "$SLUICE" batch --progress none "$@"; }

# wants CODE ARGS...: batch ends with this code; what it says is in said.txt.
wants() {
    local code=$1 rc=0
    shift
    batch "$@" 2>said.txt || rc=$?
    [ "$rc" = "$code" ] || { cat said.txt >&2; fail "exit code $rc instead of $code for: $*"; }
}

# row ID TEXT [MODEL]
row() { echo "{\"custom_id\":\"$1\",\"body\":{\"model\":\"${3:-fast}\",\"messages\":[{\"role\":\"user\",\"content\":\"$2\"}]}}"; }

# of OUT ID FILTER: one value of one reply.
of() { jq -r --arg id "$2" "select(.custom_id == \$id) | $3" "$1"; }

once() { # OUT N: N lines, N different ids
    [ "$(wc -l <"$1")" = "$2" ] && [ "$(jq -r .custom_id "$1" | sort -u | wc -l)" = "$2" ] ||
        fail "$1: $(wc -l <"$1") lines, $(jq -r .custom_id "$1" | sort -u | wc -l) ids; wanted $2"
}

# ---- a provider that nobody can reach: exit 69, the reason, and nothing lost ----

openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 2>/dev/null || fail "openssl req"
openssl s_server -accept 127.0.0.1:0 -key key.pem -cert cert.pem -www >tls.log 2>&1 &
wait_for 20 grep -q '^ACCEPT' tls.log || fail "openssl s_server: $(cat tls.log)"
tls_port=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' tls.log)
sim_start
prompts 5 >five.jsonl

# unreachable NAME PATTERN URL: runs in a directory of its own, so that three can wait at the same time.
unreachable() {
    local rc=0
    mkdir "$1"
    cd "$1" || exit 1
    printf 'model_list:\n  - {model_name: fast, params: {model: sim/x, api_base: "%s"}}\n' "$3" >c.yaml
    batch -i ../five.jsonl -o out -c c.yaml --store store 2>said.txt || rc=$?
    [ "$rc" = 69 ] || { cat said.txt >&2; fail "$1: exit code $rc instead of 69"; }
    grep -qE "no provider can be reached.*$2.*nothing is lost.*api_base" said.txt || { cat said.txt >&2; fail "$1: no advice"; }
    [ "$(wc -l <out)" = 0 ] || fail "$1: rows were given up: $(cat out)"
    config_for_sim c.yaml
    batch -i ../five.jsonl -o out -c c.yaml --store store 2>said.txt || fail "$1: resume: $(cat said.txt)"
    all_answered out 5
}
waiting=()
(trap - EXIT; unreachable resolve "[Rr]esolve host" http://no-such-host.invalid/v1) & waiting+=($!)
(trap - EXIT; unreachable refuse "[Cc]onnect" http://127.0.0.1:1/v1) & waiting+=($!)
(trap - EXIT; unreachable certificate "certificate" "https://127.0.0.1:$tls_port/v1") & waiting+=($!)
for pid in "${waiting[@]}"; do wait "$pid" || fail "an unreachable provider (see above)"; done
sim_stop

# ---- one bad answer among good ones ----

# kind: what the reply's error code must be, "" for an answer that is passed on
kinds="html200:not_json notjson:not_json empty200:empty_answer error200:server_error cut:response_cut
       reset:connection_reset stall:timeout drip:timeout huge:response_too_large 500:server_error context:context_length_exceeded"
for pair in $kinds; do
    echo "{\"match\":{\"contains\":\"meets ${pair%%:*}\"},\"fault\":{\"kind\":\"${pair%%:*}\",\"for\":\"20s\",\"wait\":\"400ms\",\"bytes\":$([[ $pair = drip* ]] && echo 64 || echo 3000000)}}"
done >script.jsonl
{ prompts 60; for pair in $kinds; do row "${pair%%:*}" "meets ${pair%%:*}"; done; } >ends.jsonl
sim_start --script script.jsonl --latency 10ms
config_for_sim c.yaml "timeout: 2s" # less than a drip takes, much more than a good answer
# allowed_fails: the last rows to be served are the bad ones, which alone would cool the only route.
sed -i 's/^router_settings: {/&num_retries: 1, allowed_fails: 1000, /' c.yaml
wants 1 -i ends.jsonl -o ends.out -c c.yaml --store ends.store --max-in-flight 4 --set limits.response_bytes=1MB
once ends.out $((60 + $(echo "$kinds" | wc -w)))
good=$(jq -r 'select(.response.status_code == 200 and .response.body.choices[0].message.content == "echo: prompt " + .custom_id) | .custom_id' ends.out | wc -l)
[ "$good" = 60 ] || fail "$good good rows of 60 were answered: the bad ones disturb them"
for pair in $kinds; do
    id=${pair%%:*}
    got=$(of ends.out "$id" '(.error.code // .response.body.error.code // "an answer")')
    [ "$got" = "${pair#*:}" ] || fail "$id: the reply says \"$got\", not \"${pair#*:}\": $(of ends.out "$id" .)"
    [ -n "$(of ends.out "$id" '(.error.message // .response.body.error.message // "")')" ] || fail "$id: no message"
done
[ "$(of ends.out context '.sluice.attempts | length')" = 1 ] || fail "a prompt that is too long was sent twice"
[ "$(of ends.out html200 '.sluice.attempts | length')" = 2 ] || fail "html200 was not tried again num_retries times"
[ "$(of ends.out stall '[.sluice.attempts[].maybe_paid] | unique | @json')" = '[true]' ] || fail "a call that was cut off may have been billed: $(of ends.out stall .sluice)"
[ "$(of ends.out 500 '[.sluice.attempts[].maybe_paid] | unique | @json')" = '[null]' ] || fail "a 500 is not billed: $(of ends.out 500 .sluice)"
before=$(sim_stats .requests)
wants 0 -i ends.jsonl -o ends.out -c c.yaml --store ends.store
once ends.out $((60 + $(echo "$kinds" | wc -w)))
[ "$(sim_stats .requests)" = "$before" ] || fail "a second run made calls"
sim_stop

# ---- the model stops early: answered, but not kept ----

for kind in refusal length filter none; do
    echo "{\"match\":{\"contains\":\"meets $kind\"},\"fault\":{\"kind\":\"$kind\"}}"
done >script.jsonl
for kind in refusal length filter none; do row "$kind" "meets $kind"; done >early.jsonl
sim_start --script script.jsonl
config_for_sim c.yaml
for run in 1 2; do
    rc=0
    batch -i early.jsonl -o early$run.out -c c.yaml --store early.store 2>said.txt || rc=$?
    [ $rc -le 1 ] || fail "stops: exit code $rc: $(cat said.txt)"
    once early$run.out 4
done
[ "$(of early2.out none .sluice.cache)" = hit ] || fail "a whole answer was not kept"
for kind in refusal length filter; do
    [ "$(of early2.out $kind .sluice.cache)" = miss ] || fail "$kind: an answer that is not whole was kept"
done
[ "$(of early1.out length '.response.body.choices[0].finish_reason')" = length ] || fail "finish_reason length is lost"
[ -n "$(of early1.out refusal '.response.body.choices[0].message.refusal // empty')" ] || fail "the refusal is lost"
[ "$(sim_stats .requests)" = 7 ] || fail "$(sim_stats .requests) requests instead of 4 + 3"

# ---- cache: off and refresh ----

cached() { printf '{"custom_id":"%s","body":{"model":"fast","messages":[{"role":"user","content":"meets none"}]},"sluice":{"cache":"%s"}}\n' "$1" "$2"; }
before=$(sim_stats .requests)
{ cached a off; cached b off; } >off.jsonl
wants 0 -i off.jsonl -o off.out -c c.yaml --store early.store
[ "$(sim_stats .requests)" = $((before + 2)) ] || fail "cache: off took an answer from the cache or a twin"
cached c refresh >refresh.jsonl
wants 0 -i refresh.jsonl -o refresh.out -c c.yaml --store early.store
[ "$(sim_stats .requests)" = $((before + 3)) ] || fail "cache: refresh took an answer from the cache"
cached d use >use.jsonl
wants 0 -i use.jsonl -o use.out -c c.yaml --store early.store
[ "$(sim_stats .requests)" = $((before + 3)) ] && [ "$(of use.out d .sluice.cache)" = hit ] || fail "cache: use did not find the answer"
sim_stop

# ---- other models take over ----

cat >script.jsonl <<'J'
{"match":{"model":"short"},"fault":{"kind":"context"}}
{"match":{"model":"gone"},"fault":{"kind":"notfound"}}
{"match":{"model":"locked"},"fault":{"kind":"auth"}}
{"match":{"model":"poor"},"fault":{"kind":"quota"}}
J
sim_start --script script.jsonl
model() { printf '  - {model_name: %s, params: {model: sim/%s, api_base: "http://127.0.0.1:%s/v1", weight: %s}, model_info: {max_input_tokens: %s}}\n' "$1" "$2" "$SIM_PORT" "${3:-1}" "${4:-1000}"; }
{
    echo "model_list:"
    model fast short
    model long long 1 100000
    model lost gone
    model shut locked
    model empty poor
    model mixed heavy 1
    model mixed unused 0
    model reserve gone 1
    model reserve last 0
    cat <<'Y'
router_settings:
  context_window_fallbacks: [{fast: [long]}]
  fallbacks: [{lost: [long]}, {shut: [long]}, {empty: [long]}]
Y
} >c.yaml
{ for i in 1 2 3; do for m in fast lost shut empty mixed reserve; do row "$m$i" "prompt $m$i" $m; done; done; } >over.jsonl
wants 0 -i over.jsonl -o over.out -c c.yaml --store over.store
all_answered over.out 18
own_answers over.out
for m in fast lost shut empty; do
    [ "$(of over.out ${m}2 .sluice.model)" = long ] || fail "$m was answered by $(of over.out ${m}2 .sluice.model), not by its fallback"
done
[ "$(sim_stats '.models.unused.requests // 0')" = 0 ] || fail "a row of weight 0 was called while its sister can serve"
[ "$(sim_stats '.models.last.requests // 0')" = 3 ] || fail "the row of weight 0 did not take over from its sister that is off"
[ "$(sim_stats .models.gone.requests)" -le 6 ] || fail "a model that does not exist was asked again and again"
sim_stop

# ---- an answer of 300 MB: read up to limits.response_bytes, in bounded memory ----

echo '{"fault":{"kind":"huge","bytes":300000000}}' >script.jsonl
sim_start --script script.jsonl
config_for_sim c.yaml
sed -i 's/^router_settings: {/&num_retries: 0, allowed_fails: 1000, /' c.yaml
prompts 2 >huge.jsonl
cat >peak.py <<'P'
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)
P
rc=0
peak=$(python3 peak.py "$SLUICE" batch --progress none -i huge.jsonl -o huge.out -c c.yaml --store huge.store --max-in-flight 1 2>said.txt) || rc=$?
[ $rc = 1 ] || fail "exit code $rc with an answer of 300 MB: $(cat said.txt)"
once huge.out 2
[ "$(jq -r .error.code huge.out | sort -u)" = response_too_large ] || fail "300 MB: $(head -1 huge.out)"
case $SLUICE in
*/asan/*) ;; # the sanitizer keeps what is freed
*) [ "$peak" -lt 300 ] || fail "$peak MB of memory for an answer that is cut at 64 MB" ;;
esac
echo "provider-ends: all good (peak $peak MB with answers of 300 MB)"
