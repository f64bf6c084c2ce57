#!/usr/bin/env bash
# Promise 8: a key is nowhere but in the request to its provider, and no prompt and no completion is in a log,
# at log level debug, with every fault the simulator knows, and with a provider that repeats the key.
. "$(dirname "$0")/../lib/scene.sh"

KEY=sk-very-secret-0123456789abcdef
PROMPT=zebra-prompt-words
export SLUICE_TEST_KEY=$KEY
printf '%s\n' "$KEY" >key.txt
chmod 600 key.txt
N=40
for i in $(seq $N); do
    echo "{\"custom_id\":\"q$i\",\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"$PROMPT $i\"}]}}"
done >in.jsonl

# nowhere TEXT FILES...: the text is in none of the files.
nowhere() {
    local text=$1
    shift
    ! grep -rlF -- "$text" "$@" || fail "\"$text\" is in the files above: $(grep -rhaoF -m 1 -- "$text" "$@" | head -1)"
}

# ---- keys by file, by environment and as written, through every fault ----

i=0
for kind in 429 500 503 529 quota auth notfound context reset cut error200 empty200 html200 notjson refusal length filter stall; do
    i=$((i + 1))
    case $((i % 3)) in
    0) secret="api_key_file: $WORK/key.txt" ;;
    1) secret="api_key: os.environ/SLUICE_TEST_KEY" ;;
    2) secret="api_key: $KEY" ;;
    esac
    mkdir "$kind"
    sim_start --api-key "$KEY" --fault "$kind:40,wait=20ms,for=20s"
    config_for_sim c.yaml "$secret" "timeout: 1s"
    sed -i 's/^router_settings: {/&num_retries: 1, task_timeout: 2s, /' c.yaml
    "$SLUICE" batch -i in.jsonl -o "$kind/out.jsonl" -c c.yaml --store "$kind.store" --progress json \
        --set observability.log_level=debug --set observability.log_format="$([ $((i % 2)) = 0 ] && echo json || echo text)" \
        >"$kind/stdout" 2>"$kind/log" || true
    [ "$(sim_stats .ok)" -gt 0 ] || [ "$(sim_stats .faults_injected)" -gt 0 ] || fail "$kind: the key was not taken: $(tail -3 "$kind/log")"
    sim_stop
    nowhere "$KEY" "$kind"
    nowhere "$PROMPT" "$kind/log" "$kind/stdout"
    nowhere "echo:" "$kind/log" "$kind/stdout"
    if [ -e "$kind/out.jsonl" ]; then
        [ -z "$(jq -r .custom_id "$kind/out.jsonl" | sort | uniq -d)" ] || fail "$kind: a row was answered twice"
    fi
done
[ "$(jq -r 'select(.response.status_code == 200) | .custom_id' refusal/out.jsonl | wc -l)" -gt 0 ] || fail "no answers at all"

# ---- a provider that repeats the key and the prompt in its error ----

cat >parrot.py <<'P'
import http.server, json
class Parrot(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        said = json.loads(body)["messages"][0]["content"]
        key = self.headers.get("Authorization", "")
        bad = said.endswith(" 1")
        what = "Incorrect API key provided:" if bad else "This value cannot be used:"
        text = json.dumps({"error": {"message": f"{what} {key}; you said {said}",
                                     "type": "invalid_request_error", "param": None, "code": "odd"}}).encode()
        self.send_response(401 if bad else 400, f"bad {key}")
        self.send_header("Content-Type", "application/json")
        self.send_header("x-request-id", key)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
print(server.server_port, flush=True)
server.serve_forever()
P
python3 parrot.py >parrot.port &
wait_for 20 test -s parrot.port || fail "the parrot did not start"
# shellcheck disable=SC2034 # config_for_sim reads it
SIM_PORT=$(cat parrot.port)
mkdir parrot
config_for_sim c.yaml "api_key: $KEY" "extra_headers: {X-Extra: $KEY-extra}"
for rows in 1 $N; do # one row: a 401, which turns the route off; then 400 for the others
    if [ "$rows" = 1 ]; then head -1 in.jsonl >some.jsonl; else tail -n +2 in.jsonl >some.jsonl; fi
    rc=0
    "$SLUICE" batch -i some.jsonl -o "parrot/out$rows" -c c.yaml --store parrot.store --progress plain \
        --set observability.log_level=debug >"parrot/stdout$rows" 2>"parrot/log$rows" || rc=$?
    [ $rc != 0 ] || fail "errors of the provider are no success"
done
grep -q "every model refuses" parrot/log1 || fail "401: $(cat parrot/log1)"
[ "$(wc -l <parrot/out$N)" = $((N - 1)) ] || fail "400: $(wc -l <parrot/out$N) replies"
nowhere "$KEY" parrot
# The sentence that ends a run quotes the provider, for the person at the terminal; logs and progress do not.
nowhere "$PROMPT" parrot/log1 parrot/log$N parrot/stdout1 parrot/stdout$N

# ---- other places: the store, its export, check --print, a configuration that is wrong ----

"$SLUICE" cache export --path refusal.store >export.jsonl 2>export.log || fail "cache export: $(cat export.log)"
[ -s export.jsonl ] || fail "the export is empty"
nowhere "$KEY" export.jsonl export.log
nowhere "$KEY" ./*.store
"$SLUICE" check --print -c c.yaml >print.txt 2>print.log || true
grep -q fast print.txt || fail "check --print: $(cat print.log)"
nowhere "$KEY" print.txt print.log
for wrong in "api_keyy: $KEY" "api_key: [$KEY]" "rpm: $KEY" "extra_headers: [$KEY]"; do
    config_for_sim wrong.yaml "$wrong"
    rc=0
    "$SLUICE" check -c wrong.yaml >wrong.txt 2>&1 || rc=$?
    [ $rc != 0 ] || fail "accepted: $wrong"
    case $wrong in
    rpm*) ;; # a key that stands where a number belongs is quoted as what it is: a wrong number
    *) nowhere "$KEY" wrong.txt ;;
    esac
done
rc=0
SLUICE_TEST_KEY=$'sk-line\nbreak' "$SLUICE" batch -i in.jsonl -o nl.out -c <(config_for_sim /dev/stdout "api_key: os.environ/SLUICE_TEST_KEY") \
    --store nl.store --progress none >nl.txt 2>&1 || rc=$?
[ $rc = 78 ] || fail "a key with a line break: exit code $rc: $(cat nl.txt)"
nowhere "sk-line" nl.txt
echo "logs-secret: all good"
