#!/usr/bin/env bash
# test-sigv4.sh with AWS's own implementation, botocore, as a second verifier; and the requests of the fixtures
# against AWS's own model of the Converse API, which comes with it. Skipped where botocore cannot be had.
set -eu
root=$(realpath "$(dirname "$0")/../..")
python=$("$root/tests/lib/pypi-python" botocore) || {
    echo "botocore is not installed and cannot be fetched (python3-venv, PyPI)"
    exit 77
}
"$python" "$root/tests/lib/check_converse.py" "$root"/tests/fixtures/providers/bedrock/*.json
SIGV4_PYTHON=$python "$root/tests/integration/test-sigv4.sh" | tee /dev/stderr | grep -q "and botocore"
