# dialects: every dialect as a model of one configuration at the simulator, for tests that put the same
# questions to all of them. Source it after scene.sh. A new dialect is a row of dialect_params().
# shellcheck shell=bash

# known FOLDER: is there a dialect with fixtures in this folder?
known() { [ -d "$ROOT/tests/fixtures/providers/$1" ]; }

# In the order in which they are compared: the first one is what the others must equal.
DIALECTS=(openai anthropic)
# Those that have embeddings.
EMBEDDING_DIALECTS=(openai)
[ -e "$ROOT/cmd/sim/responses.c" ] && DIALECTS+=(responses)
for pair in gemini:gemini gemini:vertex bedrock:bedrock azure:azure mistral:mistral cohere:cohere ollama_chat:ollama; do
    known "${pair%%:*}" || continue
    DIALECTS+=("${pair##*:}")
    EMBEDDING_DIALECTS+=("${pair##*:}")
done

# dialect_params NAME KIND: the params of a model at the simulator; KIND is chat or embed.
dialect_params() {
    local at=http://127.0.0.1:$SIM_PORT
    case $1 in
    openai) echo "model: sim/$2-sim, api_base: \"$at/v1\", api_key: sk-sim" ;;
    anthropic) echo "model: anthropic/claude-sim, api_base: \"$at/v1\", api_key: sk-sim" ;;
    responses) echo "model: sim/responses/gpt-sim, api_base: \"$at/v1\", api_key: sk-sim" ;;
    gemini) echo "model: gemini/gemini-$2-sim, api_base: \"$at/v1beta\", api_key: sk-sim" ;;
    vertex) echo "model: vertex_ai/$([ "$2" = embed ] && echo text-embedding-005 || echo gemini-sim), api_base: \"$at/v1/projects/p/locations/l\", api_key: sk-sim" ;;
    bedrock) echo "model: \"bedrock/$([ "$2" = embed ] && echo amazon.titan-embed-text-v2:0 || echo us.anthropic.claude-sim-v1:0)\", api_base: \"$at\", api_key: sk-sim" ;;
    azure) echo "model: azure/$2-deployed, api_base: \"$at\", api_version: 2024-10-21, api_key: sk-sim" ;;
    mistral) echo "model: mistral/mistral-$2-sim, api_base: \"$at/v1\", api_key: sk-sim" ;;
    cohere) echo "model: cohere/$2-sim, api_base: \"$at/v2\", api_key: sk-sim" ;;
    ollama) echo "model: ollama_chat/$2-sim, api_base: \"$at\", api_key: sk-sim" ;;
    *) fail "dialects.sh: no params for $1" ;;
    esac
}

# dialect_config FILE: a model of each dialect's name, and NAME-embed for embeddings.
dialect_config() {
    local name
    {
        echo "model_list:"
        for name in "${DIALECTS[@]}"; do
            echo "  - {model_name: $name, params: {$(dialect_params "$name" chat)}, model_info: {max_output_tokens: 1000}}"
        done
        for name in "${EMBEDDING_DIALECTS[@]}"; do
            echo "  - {model_name: $name-embed, params: {$(dialect_params "$name" embed)}}"
        done
        echo "router_settings: {num_retries: 1, allowed_fails: 1000, retry_base: 20ms, retry_max: 100ms, cooldown_time: 200ms}"
    } >"$1"
}
