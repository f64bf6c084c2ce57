#!/usr/bin/env bash
# What a reader copies first: the examples in deploy/examples, and the configuration that the README shows.
. "$(dirname "$0")/../lib/scene.sh"

examples=$ROOT/deploy/examples
export OPENAI_API_KEY=x ANTHROPIC_API_KEY=y AZURE_API_KEY=z AZURE_TOKEN=t MISTRAL_API_KEY=m
for file in "$examples"/*.yaml; do
    "$SLUICE" check -c "$file" >said.txt 2>&1 || fail "$file: $(cat said.txt)"
done

# The indented block of the README that begins with kafka:. Its key file is made here.
sed -n '/^    kafka: /,/^$/s/^    //p' "$ROOT/README.md" | sed "s|/etc/sluice/keys/anthropic|$PWD/key|" >readme.yaml
echo secret >key
chmod 600 key
[ "$(wc -l <readme.yaml)" -gt 10 ] || fail "no configuration found in README.md"
"$SLUICE" check -c readme.yaml >said.txt 2>&1 || fail "README.md: $(cat said.txt)"

# The simulator's script, with the configuration that belongs to it: a stall and an overload, and answers.
sim_start --script "$examples/outage.jsonl" --latency 20ms
sed "s|127.0.0.1:8089|127.0.0.1:$SIM_PORT|" "$examples/simulated.yaml" >simulated.yaml
{ prompts 20; prompts 2 slow; } >in.jsonl
curl -s -X POST "http://127.0.0.1:$SIM_PORT/reset" >reset.txt # the script counts its seconds from now
"$SLUICE" batch -c simulated.yaml -i in.jsonl -o out.jsonl --progress none 2>said.txt || fail "$(cat said.txt)"
all_answered out.jsonl 22
own_answers out.jsonl
for kind in 429 stall; do
    [ "$(sim_stats ".faults.\"$kind\"")" -gt 0 ] || fail "outage.jsonl made no fault of kind $kind"
done

# The same provider by a configuration of LiteLLM's proxy.
cat >litellm.yaml <<LITELLM
model_list:
  - model_name: fast
    litellm_params: {model: openai/gpt-sim, base_url: "http://127.0.0.1:$SIM_PORT/v1", api_key: os.environ/SIM_KEY, rpm: 100000}
router_settings: {num_retries: 20, redis_host: localhost}
litellm_settings: {drop_params: True}
LITELLM
SIM_KEY=k "$SLUICE" import-litellm litellm.yaml >imported.yaml 2>said.txt || fail "import-litellm: $(cat said.txt)"
cat >expected.txt <<'SAID'
litellm.yaml:4: `redis_host` is left out: limits are shared by the partitions of the topic, without Redis
import-litellm: 1 keys were left out or changed
SAID
cmp -s said.txt expected.txt || fail "import-litellm said: $(cat said.txt)"
SIM_KEY=k "$SLUICE" batch -c imported.yaml -i in.jsonl -o imported.jsonl --store store --progress none 2>said.txt || fail "$(cat said.txt)"
all_answered imported.jsonl 22

# A client without anything of ours.
"$SLUICE" dev --store store --ready-file ready --partitions 4 >dev.out 2>dev.log &
PIDS+=($!)
wait_for 20 test -s ready || fail "sluice dev did not start: $(cat dev.log)"
said=$(sh "$examples/kcat.sh" "$(cat ready)" 'Say "hi"') || fail "kcat.sh: $said"
[ "$said" = 'echo: Say "hi"' ] || fail "kcat.sh said: $said"
echo "examples: all good"
