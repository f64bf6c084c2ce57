#!/usr/bin/env bash
# Limits of requests and of tokens together, against a provider that refuses and counts every call over one of them.
# Tokens bind, and answers are a tenth of what they may be, which the row has to learn: after the first minute at
# least 95 % of the tokens are used, and none over any limit. A request that can never fit says which limit it is.
. "$(dirname "$0")/../lib/scene.sh"

span=${MEASURED_SECONDS:-30}
tpm=20000
row=(rps:50 rpm:600 rpd:100000 "tpm:$tpm" input_tpm:15000 output_tpm:20000 tpd:1000000)

options=(--latency 1s --answer lorem --output-tokens 20..60)
for limit in "${row[@]}"; do
    name=${limit%%:*}
    options+=("--${name/_/-}" "${limit##*:}")
done
sim_start "${options[@]}"
config_for_sim c.yaml "${row[@]/:/: }"

prompts 1 | sed 's/"model":"fast",/"model":"fast","max_tokens":30000,/' >large.jsonl
rc=0
"$SLUICE" batch -i large.jsonl -o large.out -c c.yaml --store large.store --progress none 2>said.txt || rc=$?
[ "$rc" = 1 ] || fail "a request larger than a limit: exit code $rc"
jq -r .error.message large.out | grep -q 'larger than tpm of "fast"' || fail "the limit is not named: $(cat large.out)"
[ "$(sim_stats .requests)" = 0 ] || fail "it was called nevertheless"

prompts 2000 | sed 's/"model":"fast",/"model":"fast","max_tokens":400,/' >many.jsonl
"$SLUICE" batch -i many.jsonl -o many.out -c c.yaml --store many.store --progress none 2>said.txt &
batch=$!
PIDS+=("$batch")

# tokens FILE: of all answers in it
tokens() {
    grep '}$' "$1" | jq -s 'map(.sluice.usage | .input_tokens + .output_tokens) | add // 0'
}
now_ms() {
    echo $((${EPOCHREALTIME/./} / 1000))
}
hold() {
    read -r -t "$1" _ <> <(:) || true
}

wait_for 30 test -s many.out || fail "no answer: $(cat said.txt)"
hold 60
# What is there is copied at the two moments and counted later, as that takes its time.
cp many.out before.out
from=$(now_ms)
hold "$span"
cp many.out after.out
took=$(($(now_ms) - from))
percent=$((($(tokens after.out) - $(tokens before.out)) * 60 * 1000 * 100 / (took * tpm)))
over=$(sim_stats '[.violations[]] | add')
echo "limits: $percent % of $tpm tokens a minute used over $took ms, $over calls over a limit"
[ "$over" = 0 ] || fail "$(sim_stats .violations)"
[ "$percent" -ge 95 ] || fail "only $percent % of the tokens were used"
kill -TERM "$batch"
wait "$batch" || true
echo "limits: all good"
