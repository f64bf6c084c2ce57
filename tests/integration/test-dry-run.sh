#!/bin/bash
# `batch --dry-run`: rows, tokens, cost and time of a job without a call, a file or a key in sight; and what it says is
# at most spent is not passed by the run itself.
. "$(dirname "$0")/../lib/scene.sh"

sim_start --answer lorem --output-tokens 60
cat >c.yaml <<CONF
model_list:
  - model_name: fast
    params: {model: sim/gpt-sim, api_base: "http://127.0.0.1:$SIM_PORT/v1", api_key: sk-secret-1, rpm: 600, extra_headers: {X-Team: secret-2}}
    model_info: {input_cost_per_token: 0.001, output_cost_per_token: 0.002}
  - model_name: plain
    params: {model: anthropic/claude, api_base: "http://127.0.0.1:$SIM_PORT/v1", api_key: sk-secret-3}
router_settings: {num_retries: 0}
CONF
prompts 120 | sed 's/}}$/,"max_completion_tokens":100}}/' >in.jsonl
prompts 3 plain | sed 's/"model":"fast"/"model":"plain"/' >>in.jsonl
mkdir empty
cd empty || fail "no folder"
"$SLUICE" batch -c ../c.yaml -i ../in.jsonl --dry-run >../said 2>../said.log || fail "dry run: $(cat ../said.log)"
[ -z "$(ls -A)" ] || fail "files were made: $(ls -A)"
cd .. || fail "no folder"
[ "$(sim_stats .requests)" = 0 ] || fail "calls were made"
! grep -q secret said || fail "a secret is shown: $(grep secret said)"
for line in 'rows       123 (0 bad)' 'fast (sim/gpt-sim)' 'time     at least 12 s, by rpm' 'rows     120, about' \
    'cost     not known: give prices under model_info of plain' 'no limit of requests or tokens holds it up' 'first request, of "q1"' \
    "POST http://127.0.0.1:$SIM_PORT/v1/chat/completions" '^Authorization: \*\*\*$' '^X-Team: \*\*\*$'; do
    grep -q -- "$line" said || fail "\"$line\" is not in: $(cat said)"
done
tail -1 said | jq -e '.model == "gpt-sim" and .messages[0].content == "prompt q1"' >/dev/null || fail "the body: $(tail -1 said)"

# What a day allows may be used at once by one process, and is given out evenly to workers.
while read -r rpd said more; do
    head -120 in.jsonl >day.jsonl
    # shellcheck disable=SC2086
    "$SLUICE" batch -c c.yaml -i day.jsonl --dry-run --set model_list.0.params.rpm=0 --set model_list.0.params.rpd="$rpd" $more >day.said
    grep -q "time     $said" day.said || fail "rpd $rpd $more: $(grep time day.said), wanted $said"
done <<'END'
120 no.limit
119 at.least.24.0.h,.by.rpd
50 at.least.48.0.h,.by.rpd
240 at.least.12.0.h,.by.rpd --set kafka.bootstrap.servers=127.0.0.1:1
240 no.limit --set kafka.bootstrap.servers=127.0.0.1:1 --set limits_scope=process
END

# Rows that the pool would refuse are said, and cost nothing.
"$SLUICE" batch -c c.yaml -i day.jsonl --dry-run --set model_list.0.params.tpm=50 >day.said
grep -q 'refused  120, since no row of model_list takes them: larger than tpm' day.said || fail "rows larger than tpm: $(cat day.said)"
! grep -q 'cost ' day.said || fail "what is refused has a cost: $(cat day.said)"

# Of several rows of a name any may be chosen, the dear one too, and one of weight 0 as a last resort.
cat >rows.yaml <<CONF
model_list:
  - {model_name: fast, params: {model: sim/off, api_base: "http://127.0.0.1:$SIM_PORT/v1", weight: 0, rpm: 9000}, model_info: {input_cost_per_token: 0, output_cost_per_token: 0.004}}
  - {model_name: fast, params: {model: sim/cheap, api_base: "http://127.0.0.1:$SIM_PORT/v1", rpm: 20}, model_info: {input_cost_per_token: 0, output_cost_per_token: 0.001}}
  - {model_name: fast, params: {model: sim/dear, api_base: "http://127.0.0.1:$SIM_PORT/v1", rpm: 20}, model_info: {input_cost_per_token: 0, output_cost_per_token: 0.003}}
CONF
"$SLUICE" batch -c rows.yaml -i day.jsonl --dry-run >day.said
for line in '\$0.0000 without the answers, about \$12.0000 if' '\$48.0000 at most (one call each)' 'at least 3 min, by rpm' '"model":"cheap"'; do
    grep -q -- "$line" day.said || fail "several rows: \"$line\" is not in: $(cat day.said)"
done

# The most that it can cost, against what it does cost.
most=$(sed -n 's/.*, \$\([0-9.]*\) at most (one call each)$/\1/p' said)
head -120 in.jsonl >fast.jsonl
"$SLUICE" batch -c c.yaml -i fast.jsonl -o out.jsonl --store store --set model_list.0.params.rpm=0 --progress none 2>batch.log ||
    fail "batch: $(cat batch.log)"
spent=$(jq -s 'map(.sluice.cost_usd) | add' out.jsonl)
jq -ne --argjson spent "$spent" --argjson most "$most" '$spent > 0 and $spent <= $most' >/dev/null ||
    fail "the dry run said at most $most, the run cost $spent"

# Without a bound of the answers there is none of the cost, and bad rows are told as ever.
prompts 2 >open.jsonl
"$SLUICE" batch -c c.yaml -i open.jsonl --dry-run >said || fail "a dry run of rows without a bound"
grep -q 'no bound: its answer may have any length' said || fail "no bound? $(cat said)"
echo '{"custom_id":"x"}' >>open.jsonl
code=0
"$SLUICE" batch -c c.yaml -i open.jsonl --dry-run >said 2>said.log || code=$?
[ $code = 65 ] && grep -q 'open.jsonl:3: ' said.log || fail "a bad row: exit code $code: $(cat said.log)"
"$SLUICE" batch -c c.yaml -i open.jsonl -k --dry-run >said 2>said.log && grep -q 'rows       3 (1 bad)' said || fail "-k: $(cat said said.log)"

# Ids, models and values of the input cannot steer a terminal.
printf '{"custom_id":"\\u001b[2J\\u009b1m","body":{"model":"fast","messages":[{"role":"user","content":"x"}]}}\n' >steer.jsonl
printf '{"custom_id":"\\u001b]0;t\\u0007","body":{"model":"\\u001b[31m","messages":[{"role":"user","content":"x"}]}}\n' >>steer.jsonl
"$SLUICE" batch -c c.yaml -i steer.jsonl -k --dry-run >said 2>&1 || fail "ids that steer: $(cat -v said)"
grep -q 'first request, of "?\[2J??1m"' said && grep -q 'custom_id "?]0;t?": body.model: model "?\[31m"' said &&
    ! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f]\|\xc2\x9b' said || fail "what steers a terminal is shown: $(cat -v said)"

# A pipe cannot be read twice.
code=0
head -2 fast.jsonl | "$SLUICE" batch -c c.yaml -i - --dry-run >said 2>said.log || code=$?
[ $code = 64 ] && grep -q 'is read twice' said.log || fail "a pipe: $code: $(cat said.log)"
echo "dry run: all good"
