#!/usr/bin/env bash
# Azure OpenAI end to end: batch against the simulator in the classic form and in the v1 form, waits, the
# content filter, deployments and keys that are none.
. "$(dirname "$0")/../lib/scene.sh"

# azure_config FILE BASE [extra YAML for the row...]
azure_config() {
    local file=$1 base=$2
    shift 2
    {
        echo "model_list:"
        echo "  - model_name: fast"
        echo "    params:"
        echo "      model: azure/dep-1"
        echo "      api_base: http://127.0.0.1:$SIM_PORT$base"
        echo "      api_key: key-1"
        for line in "$@"; do echo "      $line"; done
        echo "router_settings: {retry_base: 50ms, retry_max: 200ms, cooldown_time: 200ms}"
    } >"$file"
}

# run NAME CONFIG: batch over NAME.jsonl; RC is its exit code.
run() {
    RC=0
    "$SLUICE" batch -i "$1.jsonl" -o "$1.out" -e "$1.err" -c "$2" --store "$1.store" --progress none 2>"$1.report" || RC=$?
}

# classes FILE: the different classes of all attempts.
classes() { jq -r '.sluice.attempts[].class' "$1" | sort -u | paste -sd' '; }

# 1. Both forms answer chat and embeddings; the key goes into its header, the deployment where it belongs.
sim_start --api-key key-1 --model dep-1
for form in classic v1 v1base; do
    case $form in
    classic) azure_config c.yaml "" "api_version: 2024-10-21" ;;
    v1) azure_config c.yaml "" ;;
    v1base) azure_config c.yaml /openai/v1 ;;
    esac
    prompts 20 "$form" >"$form.jsonl"
    run "$form" c.yaml
    [ "$RC" = 0 ] || fail "$form: batch ended with $RC: $(cat "$form.report")"
    all_answered "$form.out" 20
    own_answers "$form.out"
    [ "$(jq -r .sluice.provider "$form.out" | sort -u)" = azure ] || fail "$form: not the provider azure"
    [ "$(jq -c '.response.body.prompt_filter_results[0].prompt_index' "$form.out" | sort -u)" = 0 ] ||
        fail "$form: no results of the filter"
    echo '{"custom_id":"e1","url":"/v1/embeddings","body":{"model":"fast","input":["a","b"],"dimensions":3}}' >"$form-e.jsonl"
    run "$form-e" c.yaml
    [ "$RC" = 0 ] || fail "$form: embeddings ended with $RC: $(cat "$form-e.report")"
    [ "$(jq -c '[.response.body.data[].embedding | length]' "$form-e.out")" = '[3,3]' ] || fail "$form: no embeddings"
    "$SLUICE" check -c c.yaml --online >check.txt 2>&1 || fail "$form: check: $(cat check.txt)"
    grep -q "model fast (azure/dep-1): ok" check.txt || fail "$form: check --online: $(cat check.txt)"
done
[ "$(sim_stats .calls)" = 63 ] || fail "$(sim_stats .calls) calls for 63 requests"

# 2. A key that is refused stops the job with its reason, a deployment that does not exist ends the task.
azure_config c.yaml "" "api_version: 2024-10-21"
sed -i 's/key-1/key-2/' c.yaml
prompts 1 key >key.jsonl
run key c.yaml
[ "$RC" = 77 ] && grep -q "credential, HTTP 401" key.report || fail "a bad key: $RC, $(cat key.report)"
azure_config c.yaml "" "api_version: 2024-10-21"
sed -i 's/dep-1/dep-2/' c.yaml
prompts 1 dep >dep.jsonl
run dep c.yaml
[ "$RC" = 1 ] && [ "$(classes dep.err)" = model_access ] || fail "no deployment: $RC, $(cat dep.err)"
[ "$(jq -r .response.body.error.code dep.err)" = DeploymentNotFound ] || fail "wrong code: $(cat dep.err)"
sim_stop

# 3. A wait is honoured in each form that Azure says it: Retry-After, retry-after-ms, whole seconds until a
# reset; high demand lets the route rest.
for header in retry-after retry-after-ms reset; do
    echo "{\"match\":{\"attempt\":1},\"fault\":{\"kind\":\"429\",\"header\":\"$header\",\"wait\":\"2s\"}}" >script.jsonl
    sim_start --script script.jsonl
    azure_config c.yaml "" "api_version: 2024-10-21"
    prompts 1 "w-$header" >"w-$header.jsonl"
    begin=$(date +%s%N)
    run "w-$header" c.yaml
    took=$((($(date +%s%N) - begin) / 1000000))
    [ "$RC" = 0 ] || fail "$header: batch ended with $RC: $(cat "w-$header.report")"
    [ "$(classes "w-$header.out")" = "ok rate_limit" ] || fail "$header: classes $(classes "w-$header.out")"
    [ "$took" -ge 2000 ] || fail "$header: called again after $took ms instead of 2000"
    [ "$(sim_stats .requests)" = 2 ] || fail "$header: $(sim_stats .requests) requests instead of 2"
    sim_stop
done
echo '{"match":{"attempt":1},"fault":{"kind":"529"}}' >script.jsonl
sim_start --script script.jsonl
azure_config c.yaml "" "api_version: 2024-10-21"
prompts 1 demand >demand.jsonl
run demand c.yaml
[ "$RC" = 0 ] && [ "$(classes demand.out)" = "ok overload" ] || fail "high demand: $RC, $(classes demand.out)"
[ "$(jq -r '.sluice.attempts[0].status' demand.out)" = 429 ] || fail "high demand is a 429 at Azure"
sim_stop

# 4. What the filter stops is content_policy at the prompt and a finish reason in the answer; neither is asked
# for again nor kept.
sim_start --fault filter:100
azure_config c.yaml "" "api_version: 2024-10-21"
prompts 40 f >filter.jsonl
run filter c.yaml
[ "$RC" = 1 ] || fail "filter: exit code $RC: $(cat filter.report)"
refused=$(wc -l <filter.err)
answered=$(wc -l <filter.out)
[ "$refused" -gt 0 ] && [ "$answered" -gt 0 ] && [ $((refused + answered)) = 40 ] || fail "$refused refused, $answered answered"
[ "$(classes filter.err)" = content_policy ] || fail "classes: $(classes filter.err)"
[ "$(jq -r '[.response.status_code, .response.body.error.code] | join(" ")' filter.err | sort -u)" = "400 content_filter" ] ||
    fail "errors: $(head -n 1 filter.err)"
[ "$(jq -r '.response.body.choices[0].finish_reason' filter.out | sort -u)" = content_filter ] || fail "finish reasons"
[ "$(sim_stats .requests)" = 40 ] || fail "$(sim_stats .requests) requests for 40 prompts"
rm -f filter.out filter.err filter.out.job
run filter c.yaml
[ "$(sim_stats .requests)" = 80 ] || fail "a filtered answer was kept: $(sim_stats .requests) requests"
sim_stop
