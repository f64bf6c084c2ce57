#!/bin/sh
# One prompt in, one reply out, with kcat and nothing of ours. In another terminal: sluice dev
# Usage: sh kcat.sh HOST:PORT [PROMPT]
set -eu
broker=${1:?usage: sh kcat.sh HOST:PORT [PROMPT]}
prompt=${2:-Why is the sky blue?}
id=shell-$$

# The record's key is the id when the value holds none. jq takes care of quotes in the prompt.
jq -nc --arg p "$prompt" '{model: "fast", prompt: $p}' |
    kcat -b "$broker" -P -t llm.requests -k "$id"

# -e ends at the end of the topic, so ask again until the reply is there.
tries=0
while [ $tries -lt 100 ]; do
    reply=$(kcat -b "$broker" -C -t llm.replies -e -q -X fetch.wait.max.ms=10 -f '%k\t%s\n' |
        sed -n "s/^$id\t//p" | head -n 1)
    if [ -n "$reply" ]; then
        printf '%s\n' "$reply" | jq -r '.response.body.choices[0].message.content // .error.message'
        exit 0
    fi
    tries=$((tries + 1))
done
echo "no reply to $id" >&2
exit 1
