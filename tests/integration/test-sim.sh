#!/bin/sh
# The simulated provider as a user meets it: a real process, curl, every fault on the wire, the counts.
# Usage: tests/integration/test-sim.sh [path of sluice]
set -u
SLUICE=${1:-${BUILD:-build}/sluice}
DIR=$(mktemp -d)
PID=
FAILED=0

stop() {
    [ -n "$PID" ] && kill "$PID" 2>/dev/null && wait "$PID"
    PID=
}
trap 'stop; rm -rf "$DIR"' EXIT

start() {
    stop
    rm -f "$DIR/port"
    "$SLUICE" sim --port 0 --port-file "$DIR/port" "$@" 2>"$DIR/err" &
    PID=$!
    tries=0
    while [ ! -s "$DIR/port" ] && [ $tries -lt 1200 ]; do
        kill -0 "$PID" 2>/dev/null || break
        tries=$((tries + 1))
        timeout 0.05 tail -f /dev/null
    done
    URL=http://127.0.0.1:$(cat "$DIR/port" 2>/dev/null)
}

ok() { # name, expected, actual
    if [ "$2" = "$3" ]; then
        echo "ok   $1"
    else
        echo "FAIL $1: expected '$2', got '$3'"
        FAILED=1
    fi
}

BODY='{"model":"m","max_tokens":64,"messages":[{"role":"user","content":"hello"}]}'
CHAT=v1/chat/completions

post() { # path, body, curl options...: body to $DIR/out, prints status and curl's exit code
    path=$1
    body=$2
    shift 2
    curl -s -m 60 -o "$DIR/out" -D "$DIR/head" -w '%{http_code} ' -d "$body" "$@" "$URL/$path"
    echo $?
}
stat() { curl -s "$URL/stats" | jq -c "$1"; }

soon() { # filter, value: what the filter gives once it is the value, or at the end of a minute
    tries=0
    while [ "$(stat "$1")" != "$2" ] && [ $tries -lt 600 ]; do
        tries=$((tries + 1))
        timeout 0.1 tail -f /dev/null
    done
    stat "$1"
}

start
ok "chat answers" "200 0" "$(post $CHAT "$BODY")"
ok "echo" '"echo: hello"' "$(jq '.choices[0].message.content' "$DIR/out")"
ok "messages answer" "200 0" "$(post v1/messages "$BODY")"
ok "echo in messages" '"echo: hello"' "$(jq '.content[0].text' "$DIR/out")"
ok "models" '"list"' "$(curl -s "$URL/v1/models" | jq .object)"
ok "bad JSON" "400 0" "$(post $CHAT '{')"
head -c 3000000 /dev/zero | tr '\0' x >"$DIR/long"
printf '{"model":"m","messages":[{"role":"user","content":"' >"$DIR/big"
cat "$DIR/long" >>"$DIR/big"
printf '"}]}' >>"$DIR/big"
ok "3 MB body, expect: 100-continue" "200 0" "$(post $CHAT "@$DIR/big" -H 'Expect: 100-continue')"
ok "3 MB body, chunked" "200 0" "$(post $CHAT "@$DIR/big" -H 'Transfer-Encoding: chunked')"
curl -s -X POST "$URL/reset" >/dev/null
curl -s -o /dev/null -d "$BODY" "$URL/$CHAT?[1-10000]"
ok "10,000 requests on one connection" "[10000,10000,10000,1,10000]" \
    "$(stat '[.requests,.calls,.paid,.distinct_bodies,.max_per_digest]')"
ok "connections are given back" 1 "$(stat .connections)"
post $CHAT "$BODY" -H 'X-Sluice-Digest: 00000000000000ff' >/dev/null
ok "counted header" '"00000000000000ff"' "$(curl -s "$URL/stats?digests=1" | jq '.headers[0].digest')"
kill -TERM "$PID"
wait "$PID"
ok "ends cleanly on SIGTERM" 0 $?
PID=
ok "prints a summary" 1 "$(grep -c '"requests":10001' "$DIR/err")"

start --body-max 100k
ok "body too large" "413" "$(post $CHAT "@$DIR/big" | cut -c1-3)"
ok "body too large, chunked" "413" "$(post $CHAT "@$DIR/big" -H 'Transfer-Encoding: chunked' | cut -c1-3)"

start --api-key secret
ok "no key" "401 0" "$(post $CHAT "$BODY")"
ok "bearer key" "200 0" "$(post $CHAT "$BODY" -H 'Authorization: Bearer secret')"
ok "x-api-key" "200 0" "$(post v1/messages "$BODY" -H 'x-api-key: secret')"
ok "wrong key" "401 0" "$(post v1/messages "$BODY" -H 'x-api-key: secrets')"

fault() { # spec, expected "status exit"
    start --fault "$1"
    ok "fault $1" "$2" "$(post $CHAT "$BODY")"
    kind=${1%%:*}
    ok "fault $1 is counted" 1 "$(stat ".faults[\"$kind\"]")"
    ok "fault $1 leaves nothing in flight" 0 "$(stat .in_flight)"
}
fault 429:100,wait=2s "429 0"
ok "retry-after" 1 "$(grep -ci '^retry-after: 2' "$DIR/head")"
fault 500:100 "500 0"
fault 503:100 "503 0"
fault 529:100 "529 0"
fault quota:100 "429 0"
fault auth:100 "401 0"
fault notfound:100 "404 0"
fault context:100 "400 0"
fault reset:100 "000 56"
fault stall:100,for=200ms "000 52"
ok "a stall is no call" 0 "$(stat .calls)"
fault cut:100 "200 18"
ok "a cut answer is a call" "[1,0]" "$(stat '[.calls,.paid]')"
fault drip:100,bytes=100,wait=20ms "200 0"
ok "a drip is whole" '"echo: hello"' "$(jq '.choices[0].message.content' "$DIR/out")"
fault error200:100 "200 0"
fault empty200:100 "200 0"
fault html200:100 "200 0"
fault notjson:100 "200 0"
fault refusal:100 "200 0"
fault length:100 "200 0"
fault filter:100 "200 0"
fault huge:100,bytes=40M "200 0"
ok "huge is huge" 41943040 "$(wc -c <"$DIR/out")"
ok "and still JSON" '"echo: hello"' "$(jq '.choices[0].message.content' "$DIR/out")"

start --latency 3s
ok "a client that leaves" "000 28" "$(post $CHAT "$BODY" -m 1)"
ok "is a call, abandoned, not paid" "[1,1,0,0]" "$(soon '[.calls,.abandoned,.paid,.in_flight]' '[1,1,0,0]')"
start --latency 300ms
ok "latency is kept" 1 "$(curl -s -o /dev/null -w '%{time_total}' -d "$BODY" "$URL/$CHAT" |
    awk '{print ($1 >= 0.3 && $1 < 20)}')"

start --rpm 3 --limit-window 5s
for _ in 1 2 3; do post $CHAT "$BODY" >/dev/null; done
ok "over the limit" "429 0" "$(post $CHAT "$BODY")"
ok "violation counted" '{"rpm":1}' "$(stat '.violations | with_entries(select(.value > 0))')"
timeout 5.1 tail -f /dev/null
ok "the window slides" "200 0" "$(post $CHAT "$BODY")"

cat >"$DIR/script" <<'END'
# the first try of hello fails twice over
{"match":{"contains":"hello","attempt":1},"fault":{"kind":"500"}}
{"match":{"contains":"hello","attempt":2},"fault":{"kind":"429","header":"retry-after-ms","wait":"50ms"}}
END
start --script "$DIR/script"
ok "scripted 500" "500 0" "$(post $CHAT "$BODY")"
ok "scripted 429" "429 0" "$(post $CHAT "$BODY")"
ok "then good" "200 0" "$(post $CHAT "$BODY")"

echo '{"fault":{"kind":"bad"}}' >"$DIR/script"
"$SLUICE" sim --port 0 --script "$DIR/script" 2>"$DIR/err"
ok "a bad script is refused" 65 $?
ok "with its line" 1 "$(grep -c 'script:1' "$DIR/err")"

start --threads 2 --fault 500:10 --seed 5
seq 1 200 | sed 's/.*/{"model":"m","messages":[{"role":"user","content":"q &"}]}/' >"$DIR/many"
run_many() { xargs -d '\n' -P 4 -n 1 curl -s -o /dev/null "$URL/$CHAT" -d <"$DIR/many"; }
run_many
FIRST=$(stat .faults)
curl -s -X POST "$URL/reset" >/dev/null
run_many
ok "faults repeat in any order, on two threads" "$FIRST" "$(stat .faults)"
ok "200 different bodies" 200 "$(stat .distinct_bodies)"

[ $FAILED = 0 ] && echo "test-sim: all passed"
exit $FAILED
