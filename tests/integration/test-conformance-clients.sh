#!/bin/bash
# The vendors' own clients against the simulator: they accept its answers, and what they send and get is of
# the types that the other checks use. Which clients: tests/conformance/clients.
. "$(dirname "$0")/../lib/scene.sh"
. "$(dirname "$0")/../lib/dialects.sh"

code=0
"$ROOT/tests/conformance/prepare" "$WORK/c" || code=$?
[ "$code" -eq 0 ] || exit "$code"
sim_start --cached-percent 50 --reasoning-tokens 7 --api-key sk-sim \
    --script "$ROOT/tests/conformance/clients/script.jsonl"
cd "$WORK/c" || exit 1
export AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true # its versions are pinned
node clients.mjs schemas.json "http://127.0.0.1:$SIM_PORT" "${DIALECTS[@]}" || fail "a client is not content with the simulator"
echo "test-conformance-clients: ok"
