#!/bin/bash
# The outage of test-kafka-outage.sh with transactions: nothing comes twice either.
set -euo pipefail
delivery=exactly_once exec "$(dirname "$0")/test-kafka-outage.sh"
