#!/usr/bin/env bash
# Requests that are signed for AWS: every one that the real engine sends is verified by a server that computes the
# signature again (tests/lib/sigv4_server.py), over model ids with colons, slashes and worse, with and without a
# session token, large and empty bodies, retries and connections that die. $SIGV4_PYTHON: the interpreter.
. "$(dirname "$0")/../lib/scene.sh"

KEY_ID=AKIDEXAMPLE
SECRET=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
TOKEN="IQoJb3JpZ2luX2VjE+/token=="
REGION=eu-west-1
unset AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK

# verifier TOKEN|-: starts the server; sets VERIFIER_PORT.
verifier() {
    rm -f verifier.port
    "${SIGV4_PYTHON:-python3}" "$ROOT/tests/lib/sigv4_server.py" "$KEY_ID" "$SECRET" "$1" "$REGION" >verifier.port 2>verifier.log &
    VERIFIER_PID=$!
    PIDS+=("$VERIFIER_PID")
    wait_for 20 test -s verifier.port || fail "the verifier did not start: $(cat verifier.log)"
    VERIFIER_PORT=$(cat verifier.port)
}

verifier_stop() {
    kill "$VERIFIER_PID" 2>/dev/null || true
    wait "$VERIFIER_PID" 2>/dev/null || true
}

report() { curl -s "http://127.0.0.1:$VERIFIER_PORT/report" | jq -r "$1"; }

# The ids, each a model of its own, and what must come over the wire.
ids=(
    "anthropic.claude-3-haiku-20240307-v1:0"
    "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123"
    "eu.amazon.nova-lite-v1:0"
    "plain"
    "odd id ~+=&,%3A(é)"
)
wire=(
    "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
    "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aapplication-inference-profile%2Fabc123/converse"
    "/model/eu.amazon.nova-lite-v1%3A0/converse"
    "/model/plain/converse"
    "/model/odd%20id%20~%2B%3D%26%2C%253A%28%C3%A9%29/converse"
)

# config SECRET PATH [LINE...]: a row for each id, at this path of the verifier.
config() {
    local secret=$1 path=$2 i line
    shift 2
    echo "model_list:"
    for i in "${!ids[@]}"; do
        printf '  - model_name: m%s\n    params:\n      model: "bedrock/%s"\n' "$i" "${ids[$i]}"
        printf '      api_base: "http://127.0.0.1:%s%s"\n' "$VERIFIER_PORT" "$path"
        for line in "aws_access_key_id: $KEY_ID" "aws_secret_access_key: $secret" "aws_region_name: $REGION" \
            "extra_headers: {X-Note: \"  two   blanks \", X-Empty: \"\"}" "$@"; do printf '      %s\n' "$line"; done
    done
    echo "router_settings: {retry_base: 10ms, retry_max: 50ms, cooldown_time: 100ms, allowed_fails: 100, num_retries: 20}"
    echo "limits: {record_bytes: 8MB}"
}

lines=40
{
    for i in $(seq $lines); do
        printf '{"custom_id":"q%s","body":{"model":"m%s","messages":[{"role":"user","content":"héllo wörld \\u20ac 漢字 %s"}]}}\n' "$i" $((i % ${#ids[@]})) "$i"
    done
    # Over a megabyte: there libcurl would ask before it sends the body.
    printf '{"custom_id":"large","body":{"model":"m0","messages":[{"role":"user","content":"%s"}]}}\n' "$(head -c 2000000 /dev/zero | tr '\0' x)"
} >in.jsonl

# round TOKEN|- PATH
round() {
    local token=$1 path=$2 i more=()
    [ "$token" = - ] || more=("aws_session_token: $token")
    verifier "$token"
    config "$SECRET" "$path" "${more[@]}" >c.yaml
    rm -rf out store
    "$SLUICE" batch -i in.jsonl -o out -c c.yaml --store store --progress none 2>log ||
        fail "token $token, path \"$path\": $(tail -5 log) $(report .) $(cat verifier.log)"
    all_answered out $((lines + 1))
    [ "$(report '.refused // 0')" = 0 ] || fail "token $token, path \"$path\": $(report .)"
    [ "$(report .good)" -gt $((lines + 1)) ] || fail "nothing was sent twice: $(report .)"
    for i in "${!wire[@]}"; do
        [ "$(report ".paths[\"$path${wire[$i]}\"] // 0")" -ge $((lines / ${#ids[@]})) ] ||
            fail "${ids[$i]} did not come as $path${wire[$i]}: $(report .paths)"
    done
    # No body at all.
    "$SLUICE" check --online -c c.yaml >check.txt 2>&1 || fail "check --online: $(cat check.txt)"
    [ "$(report .empty)" = ${#ids[@]} ] || fail "requests without a body: $(report .) $(cat check.txt)"
    verified=$(report .good)
    verifier_stop
}
round - ""
round "$TOKEN" "/gate//way"

# The verifier refuses what is signed with another secret, or lacks the token.
verifier "$TOKEN"
for wrong in "another" "$SECRET"; do
    config "$wrong" "" >c.yaml
    rm -rf out store
    rc=0
    head -3 in.jsonl >three.jsonl
    "$SLUICE" batch -i three.jsonl -o out -c c.yaml --store store --progress none 2>log || rc=$?
    [ $rc = 77 ] || fail "a wrong signature: exit code $rc: $(cat log)"
    [ "$(report '.good // 0')" = 0 ] && [ "$(report .refused)" -gt 0 ] || fail "a wrong signature was taken: $(report .)"
done
grep -qF -e "$SECRET" -e "$TOKEN" log && fail "a secret is in the log"
with=$(report 'if .botocore then "and botocore" else "without botocore" end')
verifier_stop
echo "sigv4: all good ($verified calls verified by the rules $with in the last round)"
