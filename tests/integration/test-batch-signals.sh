#!/usr/bin/env bash
# Ctrl-C once drains, twice stops; the job goes on afterwards. A provider that cannot be used ends a batch with
# one clear sentence, and an outage only costs time.
. "$(dirname "$0")/../lib/scene.sh"

N=2000
prompts $N >in.jsonl
sim_start --latency 100ms
config_for_sim c.yaml
batch() { exec "$SLUICE" batch -i in.jsonl -o out.jsonl -c c.yaml --store store --max-in-flight 50 --progress none "$@"; }
has_lines() { [ "$(wc -l <out.jsonl 2>/dev/null || echo 0)" -gt "$1" ]; }

rc=0; (batch 2>said.txt) & pid=$!
wait_for 30 has_lines 200 || fail "no progress"
kill -INT $pid; wait $pid || rc=$?
[ $rc = 130 ] || fail "exit code $rc after Ctrl-C"
calls=$(sim_stats .calls)
[ "$calls" = "$(wc -l <out.jsonl)" ] || fail "a drain threw $calls calls away: $(wc -l <out.jsonl) lines"

rc=0; (batch 2>said.txt) & pid=$!
wait_for 30 has_lines 700 || fail "no progress after resume"
kill -TERM $pid; kill -TERM $pid; wait $pid || rc=$?
[ $rc = 143 ] || fail "exit code $rc after two SIGTERM"
(batch 2>said.txt) || fail "resume: $(cat said.txt)"
all_answered out.jsonl $N
own_answers out.jsonl
[ "$(sim_stats .calls)" -le $((N + 50)) ] || fail "$(sim_stats .calls) calls for $N rows and one hard stop"
sim_stop

# A wrong key: one clear sentence, exit 77, resumable.
prompts 50 k >k.jsonl
sim_start --api-key right
config_for_sim c.yaml "api_key: wrong"
rc=0; "$SLUICE" batch -i k.jsonl -o k.out -c c.yaml --store store2 --progress none 2>said.txt || rc=$?
[ $rc = 77 ] || fail "exit code $rc with a wrong key: $(cat said.txt)"
grep -q "nothing is lost" said.txt || fail "no advice: $(cat said.txt)"
config_for_sim c.yaml "api_key: right"
"$SLUICE" batch -i k.jsonl -o k.out -c c.yaml --store store2 --progress none 2>said.txt || fail "$(cat said.txt)"
all_answered k.out 50
sim_stop

# Out of credit: exit 75.
sim_start --fault quota:100
config_for_sim c.yaml
rc=0; "$SLUICE" batch -i k.jsonl -o q.out -c c.yaml --store store3 --progress none 2>said.txt || rc=$?
[ $rc = 75 ] || fail "exit code $rc without credit: $(cat said.txt)"
[ "$(sim_stats .requests)" -le 50 ] || fail "calls went on without credit"
sim_stop

# An outage of some seconds costs time, not tasks.
prompts 300 o >o.jsonl
cat >outage.jsonl <<'J'
{"from":"1s","until":"5s","fault":{"kind":"500"}}
J
sim_start --latency 200ms --script outage.jsonl
config_for_sim c.yaml
"$SLUICE" batch -i o.jsonl -o o.out -c c.yaml --store store4 --max-in-flight 20 --progress none 2>said.txt || fail "$(cat said.txt)"
all_answered o.out 300

# No provider there at all: exit 69.
cat >dead.yaml <<'Y'
model_list:
  - {model_name: fast, params: {model: sim/x, api_base: "http://127.0.0.1:9/v1"}}
Y
rc=0; "$SLUICE" batch -i k.jsonl -o d.out -c dead.yaml --store store5 --progress none 2>said.txt || rc=$?
[ $rc = 69 ] || fail "exit code $rc without a provider: $(cat said.txt)"
echo "batch-signals: all good"
