#!/bin/bash
# Which of several rows of one model serves: by price, by time for a token, by calls running, and by session.
. "$(dirname "$0")/../lib/scene.sh"
echo '{"match":{"model":"slow"},"fault":{"kind":"drip","bytes":100,"wait":"100ms"}}' >script.jsonl
sim_start --script script.jsonl

config() { # STRATEGY MORE
    echo "router_settings: {routing_strategy: $1${2:-}}"
    echo "model_list:"
    row one 3e-6 "$3"
    row two 1e-6 "$4"
    row three 2e-6 "$5"
}

row() { # KEY PRICE UPSTREAM
    echo "  - {model_name: m, params: {model: sim/$3, api_base: 'http://127.0.0.1:$SIM_PORT/v1', api_key: $1}, model_info: {input_cost_per_token: $2, output_cost_per_token: $2}}"
}

# run NAME: who has served how many of NAME.in, as "upstream count" with a line each
run() {
    "$SLUICE" check -c "$1.yaml" >check.said 2>&1 || fail "$1: $(cat check.said)"
    "$SLUICE" batch -i "$1.in" -o "$1.out" -c "$1.yaml" --store "$1.store" --progress none 2>"$1.said" || fail "$1: $(cat "$1.said")"
    jq -r .sluice.upstream_model "$1.out" | sort | uniq -c | awk '{print $2, $1}'
}

# requests COUNT SLUICE BODY: $n in these is the number
requests() {
    seq "$1" | jq -c ". as \$n | {custom_id: \"r\(\$n)\", sluice: $2, body: ({model: \"m\", max_tokens: 20,
        messages: [{role: \"user\", content: \"say this number \(\$n)\"}]} + $3)}"
}

config cost-based-routing "" a b c >cost.yaml
requests 60 '{}' '{}' >cost.in
[ "$(run cost)" = "b 60" ] || fail "lowest cost: $(run cost)"

# One at a time, so that each call is chosen with all others known.
{ config lowest-latency "" slow quick slow; echo "pool: {workers: 1, max_calls: 1}"; } >latency.yaml
requests 40 '{}' '{}' >latency.in
run latency >served
awk '$1 == "quick" && $2 >= 30 { good = 1 } END { exit !good }' served || fail "lowest latency: $(cat served)"

# What does not end is not given more: of 30 calls at once, 10 are with each row.
{ config least-busy "" a b c; echo "pool: {max_calls: 30}"; } >busy.yaml
requests 30 '{}' '{}' >busy.in
sim_stop
sim_start --latency 4s
sed -i "s,127.0.0.1:[0-9]*,127.0.0.1:$SIM_PORT," busy.yaml
[ "$(run busy | tr '\n' ' ')" = "a 10 b 10 c 10 " ] || fail "least busy: $(run busy)"
sim_stop
sim_start

# The sessions of a file are on one row each; of twelve, more than one row has some.
homes() { # NAME FIELD
    jq -r '"\(.custom_id) \(.sluice.upstream_model)"' "$1.out" | sed 's/^r//' | awk '{ print $1 % 12, $2 }' | sort -u >homes
    [ "$(wc -l <homes)" = 12 ] || fail "$1: a session is on two rows: $(cat homes)"
    [ "$(awk '{print $2}' homes | sort -u | wc -l)" -gt 1 ] || fail "$1: all sessions are on one row"
}
for by in sluice body tenant; do
    config simple-shuffle ", sticky: session" a b c >"$by.yaml"
    case $by in
    sluice) requests 240 '{session: "chat-\($n % 12)"}' '{}' ;;
    body) requests 240 '{}' '{prompt_cache_key: "chat-\($n % 12)"}' ;;
    tenant) requests 240 '{tenant: "chat-\($n % 12)"}' '{}' ;;
    esac >"$by.in"
    [ "$by" != tenant ] || sed -i 's/sticky: session/sticky: tenant/' "$by.yaml"
    run "$by" >/dev/null
    homes "$by"
    [ "$by" = sluice ] || cmp -s homes homes.before || fail "$by: the rows are not those of the same names before"
    cp homes homes.before
done
echo "test-routing: ok"
