package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
)

// Asynq: no call for many tasks, so a batch is a loop. Its server checks for tasks once a second
// when it has none.
type asynqQueue struct {
	to        asynq.RedisClientOpt
	client    *asynq.Client
	inspector *asynq.Inspector
	options   []asynq.Option
}

func openAsynq(address string) (queue, error) {
	q := &asynqQueue{to: asynq.RedisClientOpt{Addr: address}}
	q.client, q.inspector = asynq.NewClient(q.to), asynq.NewInspector(q.to)
	if keep := knob("BENCH_KEEP_S", 0); keep > 0 {
		q.options = append(q.options, asynq.Retention(time.Duration(keep)*time.Second))
	}
	return q, nil
}

func (q *asynqQueue) putWith(payload []byte, options ...asynq.Option) error {
	_, err := q.client.Enqueue(asynq.NewTask("noop", payload), options...)
	return err
}

func (q *asynqQueue) put(payload []byte) error {
	return q.putWith(payload, q.options...)
}

func (q *asynqQueue) putAt(payloads [][]byte, due time.Time) error {
	for _, payload := range payloads {
		if err := q.putWith(payload, asynq.ProcessAt(due)); err != nil {
			return err
		}
	}
	return nil
}

func (q *asynqQueue) putMany(payloads [][]byte) error {
	for _, payload := range payloads {
		if err := q.put(payload); err != nil {
			return err
		}
	}
	return nil
}

func (q *asynqQueue) serve(slots int, run func([]byte) error) error {
	server := asynq.NewServer(q.to,
		asynq.Config{Concurrency: slots, LogLevel: asynq.FatalLevel})
	return server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		err := run(task.Payload())
		if errors.Is(err, errForGood) {
			return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
		}
		return err
	}))
}

func (q *asynqQueue) left() (int, error) {
	info, err := q.inspector.GetQueueInfo("default")
	if errors.Is(err, asynq.ErrQueueNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Pending + info.Active + info.Scheduled + info.Retry, nil
}
