#!/usr/bin/env bash
# runs: a job is listed while it runs, followed to its end with its exit code, and told from one whose process is gone.
# shellcheck disable=SC2015 # fail() ends the script
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"

mkdir jobs .hidden
state() { "$SLUICE" runs ls jobs --json | jq -r --arg path "jobs/$1" 'select(.path == $path) | .state'; }
has_state() { [ "$(state "$1")" = "$2" ]; }
job=(-i in.jsonl -c c.yaml --store store --progress none)
start() { # ARGUMENTS...: in the background, as $pid
    "$SLUICE" batch "${job[@]}" "$@" 2>report.txt &
    pid=$!
    PIDS+=("$pid")
}

# 1. Nothing there.
"$SLUICE" runs >list.txt 2>err.txt || fail "an empty directory is no mistake"
[ ! -s list.txt ] && grep -q "no job here" err.txt || fail "$(cat list.txt err.txt)"

# 2. A job that ends while it is followed, with the numbers of its output.
sim_start --latency 200ms --fault context:5 # so that jobs run while they are looked at
config_for_sim c.yaml
prompts 300 >in.jsonl
start -o jobs/a.jsonl -e jobs/a.errors --max-in-flight 8
wait_for 20 has_state a.jsonl running || fail "the job is not listed as running"
rc=0
timeout 120 "$SLUICE" runs show jobs/a.jsonl --follow >follow.txt || rc=$?
job_rc=0
wait "$pid" || job_rc=$?
[ "$rc" = 1 ] && [ "$job_rc" = 1 ] || fail "the job ended with $job_rc, who followed it with $rc"
head -1 follow.txt | grep -q '^running done=' || fail "$(cat follow.txt)"
failed=$(wc -l <jobs/a.errors)
tail -1 follow.txt | grep -q "^finished done=300 total=300 failed=$failed .*exit_code=1" || fail "$(cat follow.txt)"
[ "$(wc -l <follow.txt)" -ge 2 ] || fail "one line only"
"$SLUICE" runs show jobs/a.jsonl.status | grep -q "done       300 of 300: $failed failed" || fail "$("$SLUICE" runs show jobs/a.jsonl)"
"$SLUICE" runs ls jobs | grep -Eq "^finished +batch +300/300 +$failed .* jobs/a.jsonl$" || fail "$("$SLUICE" runs ls jobs)"

# 3. Killed: interrupted, and its follower says so; the same command goes on and counts what was there.
prompts 300 b >in.jsonl # none of them in the cache
start -o jobs/b.jsonl --max-in-flight 2
wait_for 20 test -e jobs/b.jsonl.status || fail "the second job is not listed"
"$SLUICE" runs show jobs/b.jsonl -f --json >follow.json &
follower=$!
PIDS+=("$follower")
wait_for 20 test -s follow.json || fail "the follower says nothing"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
rc=0
wait "$follower" || rc=$?
[ "$rc" = 75 ] || fail "the follower of a killed job ended with $rc"
[ "$(tail -1 follow.json | jq -r .state)" = interrupted ] || fail "$(cat follow.json)"
has_state b.jsonl interrupted || fail "the list says $(state b.jsonl)"
"$SLUICE" batch "${job[@]}" -o jobs/b.jsonl 2>/dev/null || true
has_state b.jsonl finished || fail "after all it is $(state b.jsonl)"
all=$("$SLUICE" runs show jobs/b.jsonl --json | jq -r '"\(.done) \(.total) \(.failed)"')
[ "$all" = "300 300 $(jq -r 'select(.response.status_code != 200) | .custom_id' jobs/b.jsonl | wc -l)" ] || fail "counts: $all"

# 4. Stopped by a signal, and a hidden directory that nobody asked for.
prompts 300 c >in.jsonl
start -o jobs/c.jsonl --max-in-flight 2
wait_for 20 test -e jobs/c.jsonl.status || fail "the third job is not listed"
kill -TERM "$pid"
wait "$pid" 2>/dev/null || true
has_state c.jsonl stopped || fail "after SIGTERM it is $(state c.jsonl)"
"$SLUICE" runs show jobs/c.jsonl | grep -q "why *stopped by a signal" || fail "$("$SLUICE" runs show jobs/c.jsonl)"
cp jobs/a.jsonl.status .hidden/
[ "$("$SLUICE" runs --json | wc -l)" = 3 ] || fail "$("$SLUICE" runs)"
sim_stop

# 5. What is wrong is said.
rc=0
"$SLUICE" runs show nothing 2>err.txt || rc=$?
[ "$rc" = 66 ] && grep -q "nothing has no OUT.status" err.txt || fail "$rc: $(cat err.txt)"
rc=0
"$SLUICE" runs ls nowhere 2>err.txt || rc=$?
[ "$rc" = 66 ] || fail "$rc: $(cat err.txt)"
echo '{"state":"run' >jobs/d.jsonl.status
rc=0
"$SLUICE" runs ls jobs >list.txt 2>err.txt || rc=$?
[ "$rc" = 65 ] && grep -q "d.jsonl.status is damaged" err.txt && [ "$(wc -l <list.txt)" = 4 ] || fail "$rc: $(cat list.txt err.txt)"

# 6. Files of other programs with the same suffixes are nobody's job and no damage; they hide none of ours.
rm jobs/d.jsonl.status
echo 'Package: x' >jobs/dpkg.status
echo '#!/bin/sh' >jobs/install.run
echo '{"Version":1}' >jobs/podman.status
mkfifo jobs/pipe.status
echo '{"job":"j1","rows":3}' >jobs/e.job
cp jobs/dpkg.status jobs/e.status
timeout 60 "$SLUICE" runs ls jobs >list.txt 2>err.txt || fail "$(cat err.txt)"
[ ! -s err.txt ] && [ "$(wc -l <list.txt)" = 5 ] && grep -q 'unknown .*jobs/e$' list.txt || fail "$(cat list.txt err.txt)"
for job in nothing jobs/pipe jobs/dpkg; do
    rc=0
    timeout 60 "$SLUICE" runs show "$job" --follow 2>err.txt || rc=$?
    [ "$rc" = 66 ] && grep -q "$job has no OUT.status" err.txt || fail "$job: $rc: $(cat err.txt)"
done

# 7. The tables name it. (To the end: who writes to a grep -q that has ended dies of it.)
"$SLUICE" completion bash | grep "'runs show'" >/dev/null || fail "no completion"
"$SLUICE" man runs | grep '^\.SS show' >/dev/null || fail "no man page"
"$SLUICE" runs --help | grep 'show' >/dev/null || fail "no help"
echo "runs: all good"
