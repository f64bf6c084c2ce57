#!/usr/bin/env bash
# Cohere's and Ollama's own interfaces, end to end: chat, tools, a schema, embeddings, a limit that is honoured,
# a blocked prompt, and a prompt that does not fit Ollama's window.
. "$(dirname "$0")/../lib/scene.sh"

# rows FILE: one batch line for each feature. The named tool is in the prompt, because Ollama's side can force none.
rows() {
    cat >"$1" <<'LINES'
{"custom_id":"chat","body":{"model":"MODEL","messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":"hello"}],"temperature":0,"stop":"END","max_completion_tokens":50}}
{"custom_id":"cut","body":{"model":"MODEL","messages":[{"role":"user","content":"a long answer, please"}],"max_tokens":1}}
{"custom_id":"tool","body":{"model":"MODEL","messages":[{"role":"user","content":"use weather"}],"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],"tool_choice":"CHOICE"}}
{"custom_id":"result","body":{"model":"MODEL","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"clear"},{"role":"user","content":"and now?"}]}}
{"custom_id":"schema","body":{"model":"MODEL","messages":[{"role":"user","content":"give me json"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"n":{"type":"integer","minimum":5}},"required":["n"]}}}}}
{"custom_id":"image","body":{"model":"MODEL","messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]}}
{"custom_id":"logprobs","body":{"model":"MODEL","messages":[{"role":"user","content":"lp"}],"logprobs":true}}
{"custom_id":"reasoning","body":{"model":"MODEL","messages":[{"role":"user","content":"think"}],"reasoning_effort":"low"}}
{"custom_id":"vectors","url":"/v1/embeddings","body":{"model":"MODEL","input":["a","b"],"dimensions":3}}
{"custom_id":"packed","url":"/v1/embeddings","body":{"model":"MODEL","input":"a","dimensions":3,"encoding_format":"base64"}}
LINES
    sed -i "s/MODEL/$2/; s/\"CHOICE\"/$3/" "$1"
}

config() {
    cat >c.yaml <<LINES
model_list:
  - model_name: own
    params: {model: cohere/command-sim, api_base: "http://127.0.0.1:$SIM_PORT/v2", api_key: secret-key-1}
  - model_name: local
    params: {model: ollama_chat/llama-sim, api_base: "http://127.0.0.1:$SIM_PORT", api_key: secret-key-1}
    model_info: {max_input_tokens: 100}
router_settings: {retry_base: 50ms, retry_max: 500ms, cooldown_time: 500ms}
LINES
}

# of OUT ID FILTER: one value of one reply.
of() { jq -r --arg id "$2" "select(.custom_id == \$id) | $3" "$1"; }

# is OUT ID FILTER WANT
is() {
    local got
    got=$(of "$1" "$2" "$3")
    [ "$got" = "$4" ] || fail "$1: $2: $3 is $got instead of $4: $(of "$1" "$2" .)"
}

batch() { "$SLUICE" batch --progress none -c c.yaml "$@" 2>said.txt; }

# ---- each feature, in both dialects ----

sim_start --api-key secret-key-1 --reasoning-tokens 7 --cached-percent 50
config
own_choice='{"type":"function","function":{"name":"weather"}}'
for model in own local; do
    [ "$model" = own ] && choice=$own_choice || choice='"auto"'
    rows $model.jsonl $model "$choice"
    batch -i $model.jsonl -o $model.out --store store-$model || fail "$model: $(cat said.txt)"
    all_answered $model.out 10
    text='.response.body.choices[0].message.content'
    is $model.out chat "$text" "echo: hello"
    is $model.out chat '.response.body.choices[0].finish_reason' stop
    is $model.out cut '.response.body.choices[0].finish_reason' length
    is $model.out tool '.response.body.choices[0].finish_reason' tool_calls
    is $model.out tool '.response.body.choices[0].message.tool_calls[0].function.name' weather
    is $model.out tool '.response.body.choices[0].message.tool_calls[0].function.arguments' '{"city":"echo"}'
    is $model.out result "$text" "echo: and now?"
    is $model.out schema "$text" '{"n":5}'
    is $model.out image "$text" "echo: see"
    is $model.out logprobs '.response.body.choices[0].logprobs.content[0].token' echo
    is $model.out reasoning '.response.body.choices[0].message.reasoning_content' "(simulated)"
    is $model.out vectors '.response.body.data | map(.embedding | length) | tostring' '[3,3]'
    is $model.out packed '.response.body.data[0].embedding | @base64d | length > 0' true
    is $model.out chat '.sluice.usage.output_tokens' 10
done
is own.out tool '.response.body.choices[0].message.tool_plan' "I will use the weather tool."
is own.out chat '.sluice.usage.cached_input_tokens' 5
[ "$(of own.out vectors '.response.body.data[0].embedding | tostring')" != "$(of own.out vectors '.response.body.data[1].embedding | tostring')" ] ||
    fail "two texts have the same vector"

# ---- a second run is answered from the cache; what was cut is not in it ----

calls=$(sim_stats .calls)
batch -i own.jsonl -o again.out --store store-own || fail "again: $(cat said.txt)"
is again.out chat .sluice.cache hit
is again.out cut .sluice.cache miss
[ "$(sim_stats .calls)" = $((calls + 1)) ] || fail "$(($(sim_stats .calls) - calls)) calls for what was cached"
sim_stop

# ---- a field that cannot be said is named; a prompt that does not fit is refused, not cut ----

sim_start
config
long=$(printf 'word %.0s' $(seq 200))
cat >bad.jsonl <<LINES
{"custom_id":"bias","body":{"model":"own","messages":[{"role":"user","content":"x"}],"logit_bias":{"1":1}}}
{"custom_id":"forced","body":{"model":"local","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"}}
{"custom_id":"long","body":{"model":"local","messages":[{"role":"user","content":"$long"}]}}
{"custom_id":"good","body":{"model":"local","messages":[{"role":"user","content":"short"}]}}
LINES
rc=0
batch -i bad.jsonl -o bad.out --store store-bad || rc=$?
[ "$rc" = 1 ] || fail "exit code $rc instead of 1: $(cat said.txt)"
of bad.out bias '.error // .response.body.error | .message' | grep -q 'logit_bias' || fail "no name of the field: $(of bad.out bias .)"
of bad.out forced '.error // .response.body.error | .message' | grep -q 'tool_choice' || fail "no name of the field: $(of bad.out forced .)"
is bad.out long '.sluice.attempts[-1].class' context_window
is bad.out good '.response.body.choices[0].message.content' "echo: short"
sim_stop

# ---- limits, outages, a blocked prompt, a month's quota: each in the words of its API ----

head -n 2 own.jsonl | tail -n 1 | sed 's/"cut"/"one"/; s/,"max_tokens":1//' >own-one.jsonl
sed 's/"own"/"local"/' own-one.jsonl >local-one.jsonl
for model in own local; do
    # The first request gets a 429 that asks for 2 s.
    echo '{"match":{"nth":1},"fault":{"kind":"429","header":"retry-after","wait":"2s"}}' >script.jsonl
    sim_start --script script.jsonl
    config
    started=$(date +%s%3N)
    batch -i $model-one.jsonl -o $model-429.out --store store-429-$model || fail "429 of $model: $(cat said.txt)"
    took=$(($(date +%s%3N) - started))
    is $model-429.out one '.sluice.attempts | map(.class) | join(",")' rate_limit,ok
    [ "$took" -ge 2000 ] || fail "429 of $model: asked again after $took ms of the 2 s that it asked for"
    [ "$(sim_stats .requests)" = 2 ] || fail "429 of $model: $(sim_stats .requests) requests instead of 2"
    sim_stop
done
for row in own:refusal:content_policy own:context:context_window local:context:context_window own:notfound:model_access local:notfound:model_access; do
    IFS=: read -r model kind class <<<"$row"
    sim_start --fault "$kind:100"
    config
    rc=0
    batch -i "$model-one.jsonl" -o "$model-$kind.out" --store "store-$model-$kind" || rc=$?
    [ "$rc" != 0 ] || fail "$row: a success: $(cat "$model-$kind.out")"
    is "$model-$kind.out" one '.sluice.attempts[-1].class' "$class"
    sim_stop
done
echo "dialect-cohere: all good"
