#!/usr/bin/env bash
# What a batch may cost: never passed with thousands of calls in flight, used nearly whole, kept over kill -9 and
# resumed with a higher one; what cannot be bounded is refused with the reason.
. "$(dirname "$0")/../lib/scene.sh"

IN=1e-6
OUT=1e-5

# priced FILE [YAML LINES...]: the simulator with prices and a longest answer.
priced() {
    local file=$1
    shift
    {
        echo "model_list:"
        echo "  - model_name: fast"
        echo "    params: {model: sim/gpt-sim, api_base: \"http://127.0.0.1:$SIM_PORT/v1\"}"
        echo "    model_info: {input_cost_per_token: $IN, output_cost_per_token: $OUT, max_output_tokens: 2000}"
        echo "router_settings: {retry_base: 50ms, retry_max: 500ms, cooldown_time: 500ms}"
        for line in "$@"; do echo "$line"; done
    } >"$file"
}

batch() { "$SLUICE" batch --store store --progress none "$@" 2>said.txt; }
# The price of the answers in a file of replies, from their tokens and not from what we say they cost.
price_of() { jq -s "[.[].sluice.usage | select(.) | .input_tokens * $IN + .output_tokens * $OUT] | add // 0" "$1"; }
between() { awk -v low="$1" -v x="$2" -v high="$3" 'BEGIN { exit !(low <= x && x <= high + 1e-9) }'; }
code_of() {
    local rc=0
    "$@" || rc=$?
    echo $rc
}

# 2,000 in flight, answers from 20 to 2,000 tokens.
CAP=45
prompts 6000 >in.jsonl
sim_start --answer lorem --output-tokens 20..2000 --latency uniform:3s,3500ms # a slow machine, too, begins 2,000 in that time
priced c.yaml
for none in 0 -1 nan; do # an amount that bounds nothing is a mistake, not "no bound"
    rc=$(code_of batch -i in.jsonl -o none.jsonl -c c.yaml --max-cost=$none)
    [ "$rc" = 64 ] || fail "exit code $rc with --max-cost=$none"
done
rc=$(code_of batch -i in.jsonl -o out.jsonl -c c.yaml --max-in-flight 2000 --max-cost $CAP)
[ "$rc" = 75 ] || fail "exit code $rc at the end of the budget: $(cat said.txt)"
spent=$(price_of out.jsonl)
[ "$(sim_stats .calls)" = "$(wc -l <out.jsonl)" ] || fail "calls and replies differ"
most=$(sim_stats .max_in_flight)
[ "$most" -ge 1900 ] || fail "only $most calls were in flight"
between "$(awk "BEGIN { print $CAP * 0.9 }")" "$spent" $CAP || fail "spent $spent of $CAP"
grep -q "budget is used up" said.txt && grep -q "higher --max-cost" said.txt || fail "said: $(cat said.txt)"
echo "max_cost: \$$spent of \$$CAP spent, $most in flight"

# The same again buys nothing more, and a higher budget ends the job.
calls=$(sim_stats .calls)
rc=$(code_of batch -i in.jsonl -o out.jsonl -c c.yaml --max-in-flight 2000 --max-cost $CAP)
[ "$rc" = 75 ] || fail "exit code $rc when nothing is left: $(cat said.txt)"
[ "$(sim_stats .calls)" -le $((calls + 20)) ] || fail "a budget that was used up bought $(sim_stats .calls) calls"
between 0 "$(price_of out.jsonl)" $CAP || fail "the second run passed the budget"
batch -i in.jsonl -o out.jsonl -c c.yaml --max-in-flight 2000 --max-cost 200 || fail "not resumed: $(cat said.txt)"
all_answered out.jsonl 6000
sim_stop

# Killed again and again: all that was ever billed is within the budget. Each answer has 500 tokens; a kill writes
# off 100 calls of 2,000.
sim_start --answer lorem --output-tokens 500 --latency uniform:50ms,150ms
priced k.yaml
prompts 3000 k >k.jsonl
has_more() { [ "$(wc -l <k.out 2>/dev/null || echo 0)" -gt "$1" ]; }
for at in 100 250 400; do
    "$SLUICE" batch --store store --progress none -i k.jsonl -o k.out -c k.yaml --max-in-flight 100 \
        --max-cost 12 2>said.txt & pid=$!
    wait_for 30 has_more $at || fail "no progress to $at lines: $(cat said.txt)"
    kill -9 $pid 2>/dev/null || true # it may just have ended
    wait $pid 2>/dev/null || true
done
rc=$(code_of batch -i k.jsonl -o k.out -c k.yaml --max-in-flight 100 --max-cost 12)
[ "$rc" = 75 ] || fail "exit code $rc after kills: $(cat said.txt)"
billed=$(awk "BEGIN { print $(sim_stats .calls) * 500 * $OUT }")
between 5 "$billed" 12 || fail "\$$billed billed of \$12 with three kills"
echo "three kills: \$$billed billed of \$12"

# A budget that comes after the first run counts what the replies say.
prompts 1000 late >late.jsonl
batch -i late.jsonl -o late.out -c k.yaml --limit 300 || fail "$(cat said.txt)"
rc=$(code_of batch -i late.jsonl -o late.out -c k.yaml --max-cost 2.5)
[ "$rc" = 75 ] || fail "exit code $rc with a late budget: $(cat said.txt)"
between 2.2 "$(price_of late.out)" 2.5 || fail "late budget: $(price_of late.out) of 2.5"

# Calls are counted one by one; retries as well.
sim_stop
sim_start --fault 500:20
priced c.yaml
prompts 500 m >m.jsonl
rc=$(code_of batch -i m.jsonl -o m.out -c c.yaml --max-in-flight 64 --max-requests 200)
[ "$rc" = 75 ] || fail "exit code $rc with --max-requests: $(cat said.txt)"
[ "$(sim_stats .requests)" = 200 ] || fail "$(sim_stats .requests) calls of 200"

# A tenant that has nothing left waits; the others are served first.
sim_stop
sim_start
priced t.yaml "tenants:" "  a: {max_requests: 30}"
awk 'BEGIN { for (i = 1; i <= 400; i++) printf "{\"custom_id\":\"t%d\",\"body\":{\"model\":\"fast\",\"prompt\":\"tenant %d\"},\"sluice\":{\"tenant\":\"%s\"}}\n", i, i, i % 2 ? "a" : "b" }' >t.jsonl
rc=$(code_of batch -i t.jsonl -o t.out -c t.yaml --max-in-flight 16)
[ "$rc" = 75 ] || fail "exit code $rc with a tenant that is broke: $(cat said.txt)"
[ "$(wc -l <t.out)" = 230 ] || fail "$(wc -l <t.out) replies: 200 of b and 30 of a were due"
batch -i t.jsonl -o t.out -c t.yaml --set tenants.a.max_requests=200 || fail "tenant not resumed: $(cat said.txt)"
all_answered t.out 400

# Without a longest answer, or without prices, nobody can keep a budget.
priced c.yaml
sed 's/, max_output_tokens: 2000//' c.yaml >open.yaml
prompts 3 u >u.jsonl
rc=$(code_of batch -i u.jsonl -o u.out -c open.yaml --max-cost 1)
[ "$rc" = 1 ] || fail "exit code $rc without max_output_tokens: $(cat said.txt)"
[ "$(jq -r 'select(.error.code == "budget_unknown_cost") | .error.message' u.out | grep -c max_output_tokens)" = 3 ] ||
    fail "no reason: $(cat u.out)"
sed 's/model_info:.*/model_info: {max_output_tokens: 2000}/' c.yaml >free.yaml
rc=$(code_of batch -i u.jsonl -o v.out -c free.yaml --max-cost 1)
[ "$rc" = 78 ] || fail "exit code $rc without prices: $(cat said.txt)"
grep -q "no row of model_list has prices" said.txt || fail "said: $(cat said.txt)"
batch -i u.jsonl -o v.out -c free.yaml --max-cost 1 --set budget.unknown_price=allow || fail "allow: $(cat said.txt)"
echo "batch-budget: all good"
