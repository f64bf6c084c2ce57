#!/usr/bin/env python3
"""Prompts in, completions out, from Python (apt-get install python3-confluent-kafka).

In another terminal: sluice dev
Usage: client.py HOST:PORT PROMPT...
"""
import json
import sys
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

REQUESTS, REPLIES, TIMEOUT_S = "llm.requests", "llm.replies", 60

servers, prompts = sys.argv[1], sys.argv[2:]
run = uuid.uuid4().hex[:8]

# Reading starts at the present end of the reply topic, before anything is sent. No group: every client
# that waits for its own replies has to see all partitions.
consumer = Consumer({"bootstrap.servers": servers, "group.id": "unused", "enable.auto.commit": False,
                     "isolation.level": "read_committed", "fetch.wait.max.ms": 50})
partitions = consumer.list_topics(REPLIES, timeout=10).topics[REPLIES].partitions
ends = {p: consumer.get_watermark_offsets(TopicPartition(REPLIES, p), timeout=10)[1] for p in partitions}
consumer.assign([TopicPartition(REPLIES, p, end) for p, end in ends.items()])

producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
waiting = {}
for n, prompt in enumerate(prompts):
    task_id = f"{run}-{n}"
    waiting[task_id] = prompt
    body = {"model": "fast", "messages": [{"role": "user", "content": prompt}]}
    producer.produce(REQUESTS, key=task_id, value=json.dumps({"custom_id": task_id, "body": body}))
producer.flush(TIMEOUT_S)

while waiting:
    message = consumer.poll(TIMEOUT_S)
    if message is None:
        sys.exit(f"no reply to {len(waiting)} prompts within {TIMEOUT_S} s")
    if message.error():
        continue
    # A reply may come twice after a crash of the worker: the second one finds its id gone.
    prompt = waiting.pop((message.key() or b"").decode(), None)
    if prompt is None:
        continue
    reply = json.loads(message.value())
    if reply["error"]:
        print(f"{prompt!r}: {reply['error']['code']}: {reply['error']['message']}")
    elif reply["response"]["status_code"] != 200:
        print(f"{prompt!r}: {reply['response']['body']['error']['message']}")
    else:
        print(f"{prompt!r}: {reply['response']['body']['choices'][0]['message']['content']}")
consumer.close()
