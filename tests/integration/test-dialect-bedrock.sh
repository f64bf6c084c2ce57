#!/usr/bin/env bash
# Amazon Bedrock end to end: `sluice batch` against `sluice sim` that speaks Converse: chat, tools, schemas, embeddings,
# bearer keys and signed requests, throttling, and regions of which one fails. The signature itself: test-sigv4.sh.
. "$(dirname "$0")/../lib/scene.sh"

KEY=ABSKsimulated0123456789
SECRET=hush/hush+hush/hush
unset AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK

# row NAME MODEL PARAMS...: one row of model_list.
row() {
    local name=$1 model=$2
    shift 2
    printf '  - model_name: %s\n    params:\n      model: "bedrock/%s"\n' "$name" "$model"
    printf '      %s\n' "$@"
}

# rest: the settings behind the rows.
rest() { echo "router_settings: {retry_base: 20ms, retry_max: 200ms, cooldown_time: ${1:-300ms}}"; }

# batch NAME OPTIONS...: NAME.jsonl with c.yaml to NAME.out.
batch() {
    local name=$1
    shift
    "$SLUICE" batch -i "$name.jsonl" -o "$name.out" -c c.yaml --store "$name.store" --progress none "$@" 2>"$name.log"
}

# of OUT ID FILTER: one value of one reply.
of() { jq -r --arg id "$2" "select(.custom_id == \$id) | $3" "$1"; }

# same WHAT GOT WANT
same() { [ "$2" = "$3" ] || fail "$1: \"$2\", not \"$3\""; }

# ---- a bearer key; text, tools, a schema, thinking, limits of the answer ----

sim_start --api-key "$KEY" --cached-percent 50 --reasoning-tokens 7
{
    echo "model_list:"
    row fast us.anthropic.claude-sim-v1:0 "api_key: $KEY" "api_base: http://127.0.0.1:$SIM_PORT"
    rest
} >c.yaml
tool='{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}'
schema='{"type":"object","properties":{"n":{"type":"integer","minimum":3}},"required":["n"]}'
say() { # ID MORE
    printf '{"custom_id":"%s","body":{"model":"fast","messages":[{"role":"developer","content":"Be kind."},{"role":"user","content":"hello"}]%s}}\n' "$1" "$2"
}
{
    prompts 40
    say tool ",\"tools\":[$tool],\"tool_choice\":\"required\""
    say schema ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":$schema}}"
    say short ',"max_completion_tokens":1'
    echo "{\"custom_id\":\"after\",\"body\":{\"model\":\"fast\",\"tools\":[$tool],\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"sunny\"},{\"role\":\"user\",\"content\":\"so?\"}]}}"
} >chat.jsonl
batch chat || fail "chat: $(cat chat.log)"
all_answered chat.out 44
grep -v -e '"tool"' -e '"schema"' -e '"short"' -e '"after"' chat.out >plain.out
own_answers plain.out
message='.response.body.choices[0].message'
same tool "$(of chat.out tool "$message.tool_calls[0].function | .name + .arguments")" 'weather{"city":"echo"}'
same "end by a tool" "$(of chat.out tool '.response.body.choices[0].finish_reason')" tool_calls
same schema "$(of chat.out schema "$message.content")" '{"n":3}'
same short "$(of chat.out short '.response.body.choices[0].finish_reason')" length
same "after a tool" "$(of chat.out after "$message.content")" "echo: so?"
same thinking "$(of chat.out q1 "$message.reasoning_content")" "Simulated thought."
same "cached tokens are a part of the input" \
    "$(of chat.out q1 '.sluice.usage | (.cached_input_tokens > 0 and .input_tokens > .cached_input_tokens)')" true
same model "$(of chat.out q1 .sluice.upstream_model)" us.anthropic.claude-sim-v1:0
same "the id of the request" "$(of chat.out q1 '.response.request_id | length > 8')" true
grep -rqF "$KEY" chat.out chat.log chat.store && fail "the key is in the replies, the log or the store"
sim_stop

# ---- an access key: signed; an ARN for a model; embeddings; the wrong key ----

ARN=arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123
signed=("aws_access_key_id: AKIDSIM" "aws_secret_access_key: $SECRET" "aws_session_token: token==" "aws_region_name: us-east-1")
sim_start --api-key AKIDSIM
{
    echo "model_list:"
    row fast "$ARN" "${signed[@]}" "api_base: http://127.0.0.1:$SIM_PORT"
    row vector amazon.titan-embed-text-v2:0 "${signed[@]}" "api_base: http://127.0.0.1:$SIM_PORT"
    row vectors cohere.embed-v4:0 "${signed[@]}" "api_base: http://127.0.0.1:$SIM_PORT"
    rest
} >c.yaml
{
    prompts 20
    echo '{"custom_id":"one","url":"/v1/embeddings","body":{"model":"vector","input":"a","dimensions":3}}'
    echo '{"custom_id":"two","url":"/v1/embeddings","body":{"model":"vectors","input":["a","b"],"dimensions":3}}'
} >signed.jsonl
batch signed || fail "signed: $(cat signed.log)"
all_answered signed.out 22
same "requests for the ARN" "$(sim_stats ".models[\"$ARN\"].requests")" 20
same "one vector" "$(of signed.out one '[.response.body.data[].embedding | length] | tostring')" "[3]"
same "two vectors" "$(of signed.out two '[.response.body.data[].embedding | length] | tostring')" "[3,3]"
grep -rqF -e "$SECRET" -e "token==" signed.out signed.log signed.store && fail "a secret is in the replies, the log or the store"
"$SLUICE" check --print -c c.yaml >print.txt 2>&1 || fail "check --print: $(cat print.txt)"
grep -qF -e "$SECRET" -e "token==" -e AKIDSIM print.txt && fail "check --print shows a secret"
sed -i 's/AKIDSIM/AKIDOTHER/' c.yaml
head -3 signed.jsonl >wrong.jsonl
rc=0
batch wrong || rc=$?
[ $rc = 77 ] && grep -q "class=credential code=UnrecognizedClientException" wrong.log || fail "a wrong key: exit code $rc: $(cat wrong.log)"
sim_stop

# ---- throttling: waited for, not given up ----

sim_start --fault 429:40,wait=10ms,header=retry-after-ms
{
    echo "model_list:"
    row fast amazon.nova-sim-v1:0 "api_base: http://127.0.0.1:$SIM_PORT"
    rest
} >c.yaml
prompts 60 >slow.jsonl
batch slow || fail "throttling: $(cat slow.log)"
all_answered slow.out 60
own_answers slow.out
grep -q '"class":"rate_limit"' slow.out || fail "no 429 was met"
sim_stop

# ---- two regions with weights: here a region is the port of its simulator ----

sim_start
good=$SIM_PORT good_pid=$SIM_PID
sim_start
other=$SIM_PORT other_pid=$SIM_PID
requests() { curl -s "http://127.0.0.1:$1/stats" | jq .requests; }
{
    echo "model_list:"
    row fast amazon.nova-sim-v1:0 "api_base: \"http://127.0.0.1:{region}\"" "aws_region_name: {\"$good\": 3, \"$other\": 1}"
    rest
} >c.yaml
prompts 400 >shared.jsonl
batch shared || fail "regions: $(cat shared.log)"
all_answered shared.out 400
share=$(requests "$good")
[ $((share + $(requests "$other"))) = 400 ] && [ "$share" -gt 250 ] && [ "$share" -lt 350 ] ||
    fail "$share of 400 requests went to the region of weight 3, $(requests "$other") to that of weight 1"
kill "$other_pid"
wait "$other_pid" 2>/dev/null || true

# One of them fails: it alone cools down, and no row is lost.
sim_start --fault 503:100
bad=$SIM_PORT
{
    echo "model_list:"
    row fast amazon.nova-sim-v1:0 "api_base: \"http://127.0.0.1:{region}\"" "aws_region_name: [\"$bad\", \"$good\"]"
    rest 60s
} >c.yaml
prompts 300 z >half.jsonl
batch half --max-in-flight 10 --set observability.log_level=debug || fail "a region that fails: $(cat half.log)"
all_answered half.out 300
own_answers half.out
same "rows that only the good region answered" "$(($(requests "$good") - share))" 300
grep -q "route cooling.* region=$bad " half.log || fail "the log does not name the region that cools down: $(cat half.log)"
grep -q "region=$good " half.log && fail "the good region cools down: $(cat half.log)"
asked=$(requests "$bad")
[ "$asked" -gt 0 ] || fail "the bad region was never asked"
[ "$asked" -lt 40 ] || fail "the bad region was asked $asked times: it did not cool down"
sim_stop
kill "$good_pid"
wait "$good_pid" 2>/dev/null || true
echo "dialect-bedrock: all good ($share of 400 to the region of weight 3; $asked calls to the one that fails)"
