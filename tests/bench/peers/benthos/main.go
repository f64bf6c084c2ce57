// Benthos, the engine of Redpanda Connect, with an input and an output for Kafka.
//
// Everything but these two is Benthos' own and comes from the configuration (written by start): threads, http with
// retries, rate limit, cache. The Kafka components of Redpanda Connect are in a module under a licence that is not
// open source, so input and output are written here with the client that those use, franz-go.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/twmb/franz-go/pkg/kgo"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
)

// A partition commits the lowest offset that is still open.
type partition struct {
	open map[int64]*kgo.Record
	next int64
	last *kgo.Record
}

type input struct {
	mu         sync.Mutex
	client     *kgo.Client
	partitions map[int32]*partition
	taken      []*kgo.Record
}

func (in *input) Connect(context.Context) (err error) {
	topic := os.Getenv("REQUESTS")
	in.client, err = kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("BROKER")),
		kgo.ConsumeTopics(topic),
		kgo.ConsumerGroup("group-"+topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
	)
	return err
}

func (in *input) Read(ctx context.Context) (*service.Message, service.AckFunc, error) {
	for len(in.taken) == 0 {
		fetches := in.client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			if errors.Is(err, kgo.ErrClientClosed) {
				return nil, nil, service.ErrEndOfInput
			}
			return nil, nil, err
		}
		in.taken = fetches.Records()
		in.begin(in.taken)
	}
	record := in.taken[0]
	in.taken = in.taken[1:]
	message := service.NewMessage(record.Value)
	message.MetaSetMut("kafka_key", string(record.Key))
	return message, func(context.Context, error) error { in.finish(record); return nil }, nil
}

func (in *input) begin(records []*kgo.Record) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, r := range records {
		p := in.partitions[r.Partition]
		if p == nil {
			p = &partition{open: map[int64]*kgo.Record{}, next: r.Offset}
			in.partitions[r.Partition] = p
		}
		p.open[r.Offset] = nil
	}
}

func (in *input) finish(record *kgo.Record) {
	in.mu.Lock()
	defer in.mu.Unlock()
	p := in.partitions[record.Partition]
	p.open[record.Offset] = record
	for done := p.open[p.next]; done != nil; done = p.open[p.next] {
		delete(p.open, p.next)
		p.next++
		p.last = done
	}
	if p.last != nil {
		in.client.MarkCommitRecords(p.last)
	}
}

func (in *input) Close(context.Context) error {
	if in.client != nil {
		in.client.Close()
	}
	return nil
}

type output struct {
	client *kgo.Client
}

func (out *output) Connect(context.Context) (err error) {
	out.client, err = kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("BROKER")),
		kgo.DefaultProduceTopic(os.Getenv("REPLIES")),
	)
	return err
}

func (out *output) WriteBatch(ctx context.Context, batch service.MessageBatch) error {
	records := make([]*kgo.Record, 0, len(batch))
	for _, message := range batch {
		key, _ := message.MetaGet("kafka_key")
		value, err := message.AsBytes()
		if err != nil {
			return err
		}
		records = append(records, &kgo.Record{Key: []byte(key), Value: value})
	}
	return out.client.ProduceSync(ctx, records...).FirstErr()
}

func (out *output) Close(context.Context) error {
	if out.client != nil {
		out.client.Close()
	}
	return nil
}

func register() error {
	err := service.RegisterInput("queue", service.NewConfigSpec(),
		func(*service.ParsedConfig, *service.Resources) (service.Input, error) {
			return service.AutoRetryNacks(&input{partitions: map[int32]*partition{}}), nil
		})
	if err != nil {
		return err
	}
	spec := service.NewConfigSpec().Fields(service.NewBatchPolicyField("batching"), service.NewOutputMaxInFlightField())
	return service.RegisterBatchOutput("queue", spec,
		func(conf *service.ParsedConfig, _ *service.Resources) (
			out service.BatchOutput, policy service.BatchPolicy, inFlight int, err error) {
			if policy, err = conf.FieldBatchPolicy("batching"); err != nil {
				return
			}
			inFlight, err = conf.FieldMaxInFlight()
			return &output{}, policy, inFlight, err
		})
}

func main() {
	// The http processor has no field for it: without this, Go keeps two idle connections a host.
	if n, err := strconv.Atoi(os.Getenv("IN_FLIGHT")); err == nil {
		t := http.DefaultTransport.(*http.Transport)
		t.MaxIdleConns, t.MaxIdleConnsPerHost = n, n
	}
	if err := register(); err != nil {
		panic(err)
	}
	service.RunCLI(context.Background())
}
