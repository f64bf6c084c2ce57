// Prompts in, completions out, from Go.
//
// Usage: go run . HOST:PORT PROMPT... (a Kafka with a worker; the embedded broker of `sluice dev` is too simple for this
// client)
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	requests = "llm.requests"
	replies  = "llm.replies"
	timeout  = 60 * time.Second
)

// What a reply says; other members are left out.
type reply struct {
	Error    *struct{ Code, Message string }
	Response *struct {
		StatusCode int `json:"status_code"`
		Body       struct {
			Choices []struct{ Message struct{ Content string } }
			Error   struct{ Message string }
		}
	}
}

func (r reply) String() string {
	switch {
	case r.Error != nil:
		return r.Error.Code + ": " + r.Error.Message
	case r.Response.StatusCode != 200:
		return r.Response.Body.Error.Message
	default:
		return r.Response.Body.Choices[0].Message.Content
	}
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: go run . HOST:PORT PROMPT...")
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()

	// No group: every client that waits for its own replies has to see all partitions. Reading starts at what is
	// written from now on; a minute earlier, since the broker's clock may be another.
	began := time.Now().Add(-time.Minute).UnixMilli()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Args[1]),
		kgo.ConsumeTopics(replies),
		kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(began)),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(50*time.Millisecond),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	run := time.Now().UnixNano()
	waiting := map[string]string{}
	for n, prompt := range os.Args[2:] {
		id := fmt.Sprintf("%x-%d", run, n)
		waiting[id] = prompt
		value, err := json.Marshal(map[string]any{
			"custom_id": id,
			"body": map[string]any{
				"model":    "fast",
				"messages": []map[string]string{{"role": "user", "content": prompt}},
			},
		})
		if err != nil {
			log.Fatal(err)
		}
		record := &kgo.Record{Topic: requests, Key: []byte(id), Value: value}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			log.Fatal(err)
		}
	}

	for len(waiting) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			log.Fatalf("no reply to %d prompts within %v", len(waiting), timeout)
		}
		fetches.EachError(func(topic string, partition int32, err error) { log.Printf("%s/%d: %v", topic, partition, err) })
		fetches.EachRecord(func(record *kgo.Record) {
			// A reply may come twice after a crash of the worker: the second one finds its id gone.
			prompt, ours := waiting[string(record.Key)]
			if !ours {
				return
			}
			delete(waiting, string(record.Key))
			var r reply
			if err := json.Unmarshal(record.Value, &r); err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%q: %s\n", prompt, r)
		})
	}
}
