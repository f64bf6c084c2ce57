#!/bin/bash
# A server of somebody's own that speaks OpenAI's API and wants a key: from the command line alone, and what is said where
# an option is missing or out of place; with a configuration, through Kafka's protocol.
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"

python3 "$ROOT/tests/lib/own_server.py" port correct-horse qwen2.5-7b-instruct 2>server.log &
PIDS+=("$!")
wait_for 20 test -s port || fail "no server: $(cat server.log)"
base=http://127.0.0.1:$(cat port)/v1
printf 'id,city\nrom,Rome\npar,Paris\nlis,Lisbon\n' >questions.csv
export OWN_KEY=correct-horse OPENAI_API_KEY=wrong-horse

batch() { # CODE WHAT OPTIONS...: how it ends, and what it says
    local wanted=$1 what=$2 code=0
    shift 2
    "$SLUICE" batch -i questions.csv -o "$output" -t 'What is there in {city}?' --store store --progress none "$@" >said 2>&1 || code=$?
    { [ $code = "$wanted" ] && grep -qF -- "$what" said; } || fail "$*: exit code $code, said: $(cat said)"
}
model=openai/qwen2.5-7b-instruct output=answers.jsonl
batch 77 "no key was sent, since a vendor's usual variable is for its own address only: name one with --api-key-env" -m $model --api-base "$base"
batch 77 "correct the key or the model" -m $model --api-base "$base" --api-key-env OPENAI_API_KEY
output=of-no-model.jsonl batch 77 "correct the key or the model" -m openai/qwen3 --api-base "$base" --api-key-env OWN_KEY
batch 64 "--api-base gpu-1:8000/v1: it must begin with http:// or https://" -m $model --api-base gpu-1:8000/v1
batch 78 "--api-key-env: the environment variable NO_KEY is not set; export it" -m $model --api-base "$base" --api-key-env NO_KEY
batch 64 "put in front of it whose API the server speaks, such as openai/qwen2.5-7b-instruct" -m qwen2.5-7b-instruct --api-base "$base"
batch 78 "write openai/qwen2.5-7b-instruct and set api_base" -m Qwen/qwen2.5-7b-instruct --api-base "$base"
batch 78 "no model is configured" --api-base "$base"
batch 0 "3 of 3 done" -m $model --api-base "$base" --api-key-env OWN_KEY
all_answered answers.jsonl 3
[ "$(jq -r 'select(.custom_id == "rom") | .response.body.choices[0].message.content' answers.jsonl)" = \
    "qwen2.5-7b-instruct says: What is there in Rome?" ] || fail "another answer: $(cat answers.jsonl)"

cat >mine.yaml <<Y
model_list:
  - model_name: mine
    params: {model: $model, api_base: "$base", api_key: os.environ/OWN_KEY, max_parallel_requests: 8}
default_model: mine
Y
for option in "--api-base $base" "--api-key-env OWN_KEY"; do
    # shellcheck disable=SC2086 # two words
    batch 64 "${option%% *} is for --model PROVIDER/MODEL without a configuration file: name it in model_list of mine.yaml" -c mine.yaml $option
done
"$SLUICE" check -c mine.yaml --online >check.log 2>&1 || fail "check: $(cat check.log)"
"$SLUICE" dev -c mine.yaml --store dev.store --ready-file ready >dev.out 2>dev.log &
PIDS+=("$!")
wait_for 20 test -s ready || fail "dev did not start: $(cat dev.log)"
"$SLUICE" enqueue -b "$(cat ready)" -i questions.csv -t 'What is there in {city}?' --progress none >enqueue.log 2>&1 || fail "enqueue: $(cat enqueue.log)"
"$SLUICE" collect -b "$(cat ready)" --run questions.csv.run -o replies.jsonl --progress none >collect.log 2>&1 || fail "collect: $(cat collect.log)"
all_answered replies.jsonl 3
! grep -rq horse said ./*.log || fail "a key is in a log"
echo "own-server: all good"
