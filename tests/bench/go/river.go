package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// River on PostgreSQL, by pgx. Its workers look for jobs as often as River's own benchmark has
// them: by default they wait 100 ms between two looks, which is ten tasks of ten slots.
type riverQueue struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
}

type riverArgs struct {
	Payload []byte `json:"payload"`
}

func (riverArgs) Kind() string { return "noop" }

type riverWorker struct {
	river.WorkerDefaults[riverArgs]
	run func([]byte) error
}

func (w *riverWorker) Work(_ context.Context, job *river.Job[riverArgs]) error {
	err := w.run(job.Args.Payload)
	if errors.Is(err, errForGood) {
		return river.JobCancel(err)
	}
	return err
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openRiver(address string) (queue, error) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return nil, err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	client, err := river.NewClient(driver, &river.Config{Logger: quiet()})
	return &riverQueue{pool, client}, err
}

func (r *riverQueue) put(payload []byte) error {
	_, err := r.client.Insert(context.Background(), riverArgs{payload}, nil)
	return err
}

func (r *riverQueue) putMany(payloads [][]byte) error {
	return r.insert(payloads, nil)
}

func (r *riverQueue) putAt(payloads [][]byte, due time.Time) error {
	return r.insert(payloads, &river.InsertOpts{ScheduledAt: due})
}

func (r *riverQueue) insert(payloads [][]byte, options *river.InsertOpts) error {
	many := make([]river.InsertManyParams, len(payloads))
	for i, payload := range payloads {
		many[i] = river.InsertManyParams{Args: riverArgs{payload}, InsertOpts: options}
	}
	_, err := r.client.InsertManyFast(context.Background(), many)
	return err
}

func (r *riverQueue) serve(slots int, run func([]byte) error) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{run: run})
	client, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{
		Logger:  quiet(),
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: slots}},
		Workers: workers,

		FetchCooldown:     2 * time.Millisecond,
		FetchPollInterval: 20 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	return client.Start(context.Background())
}

func (r *riverQueue) left() (int, error) {
	var count int
	err := r.pool.QueryRow(context.Background(),
		"select count(*) from river_job where state in ('available', 'running', 'retryable')").
		Scan(&count)
	return count, err
}
