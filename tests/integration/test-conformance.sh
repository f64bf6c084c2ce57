#!/bin/bash
# The bodies that we make, against the types of the vendors' own packages (tests/conformance): each request
# and each reply of the fixtures, and the replies of a batch against the simulator.
. "$(dirname "$0")/../lib/scene.sh"
BUILD=${BUILD:-$ROOT/build}

code=0
"$ROOT/tests/conformance/prepare" "$WORK/c" || code=$?
[ "$code" -eq 0 ] || exit "$code"

# samples [--whole] < LINES: each line against its type.
samples() {
    (cd "$WORK/c" && node samples.mjs schemas.json "$@")
}

echo "the schemas:"
(cd "$WORK/c" && node controls.mjs schemas.json) || fail "a schema takes what it should refuse"

echo "bodies of the fixtures:"
fixtures=$BUILD/tests/unit/providers/test_fixtures
[ -x "$fixtures" ] || make -C "$ROOT" BUILD="$BUILD" "$fixtures"
(cd "$ROOT" && SLUICE_SAMPLES=$WORK/bodies "$fixtures" --jobs 1 --quiet) || fail "test_fixtures failed"
for dir in "$ROOT"/tests/fixtures/providers/*/; do
    for kind in request reply; do
        grep -q "\"dialect\":\"$(basename "$dir")\".*\"kind\":\"$kind\"" "$WORK/bodies" ||
            fail "the fixtures of $(basename "$dir") gave no $kind"
    done
done
samples --whole <"$WORK/bodies" || fail "bodies of fixtures are not what the vendors' types say"
echo "test-conformance: ok"
