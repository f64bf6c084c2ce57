"""consumer: a Kafka consumer for asyncio, as a user would write it around a call that takes its time.

serve(call, in_flight) reads requests, has up to in_flight calls out, and writes each answer to the reply topic under the
key of its request. At least once: the offset that is committed, once a second, is the lowest of a partition whose
reply the broker does not have yet.
"""

import asyncio
import heapq
import json
import os
import time

import uvloop
from confluent_kafka import Consumer, Producer, TopicPartition

COMMIT_SECONDS = 1
TAKE = 500  # records that one read of the consumer's queue may bring
TAKE_SECONDS = 0.01


class Partition:
    """Offsets of one partition that are done, above the one that is committed next."""

    def __init__(self, first):
        self.next = first
        self.done = []

    def finish(self, offset):
        heapq.heappush(self.done, offset)
        while self.done and self.done[0] <= self.next:
            self.next = max(self.next, heapq.heappop(self.done) + 1)


class Worker:
    def __init__(self, call, in_flight):
        address = {"bootstrap.servers": os.environ["BROKER"]}
        self.call = call
        self.topic = os.environ["REQUESTS"]
        self.replies = os.environ["REPLIES"]
        self.slots = asyncio.Semaphore(in_flight)
        self.partitions = {}
        self.tasks = set()
        self.producer = Producer({**address, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000})
        self.consumer = Consumer(
            {
                **address,
                "group.id": "group-" + self.topic,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )

    def reply(self, message, value):
        key = (message.partition(), message.offset())
        self.producer.produce(
            self.replies,
            key=message.key(),
            value=value,
            on_delivery=lambda error, _: error or self.partitions[key[0]].finish(key[1]),
        )
        self.producer.poll(0)

    async def handle(self, message):
        try:
            value = await self.call(json.loads(message.value())["body"])
        except Exception as failure:
            value = json.dumps({"error": repr(failure)})
        self.slots.release()
        self.reply(message, value)

    def commit(self):
        offsets = [TopicPartition(self.topic, p, state.next) for p, state in self.partitions.items()]
        if offsets:
            self.consumer.commit(offsets=offsets, asynchronous=True)

    async def run(self):
        loop = asyncio.get_running_loop()
        committed = time.monotonic()
        self.consumer.subscribe([self.topic])
        while True:
            for message in await loop.run_in_executor(None, self.consumer.consume, TAKE, TAKE_SECONDS):
                if message.error():
                    continue
                self.partitions.setdefault(message.partition(), Partition(message.offset()))
                await self.slots.acquire()
                task = loop.create_task(self.handle(message))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            self.producer.poll(0)
            if time.monotonic() - committed > COMMIT_SECONDS:
                committed = time.monotonic()
                self.commit()


def serve(open_call, in_flight):
    """open_call() is awaited inside the loop, and gives the call: body of a request to text of a reply."""

    async def main():
        await Worker(await open_call(), in_flight).run()

    uvloop.run(main())
