package interop

import (
	"context"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// A task of a tenant waits in its queue's line. Go's workers know of none: what they are not given
// comes when its time in the list of scheduled tasks does, and none is left behind.
func TestGoWorkersAloneDrainAFairQueue(t *testing.T) {
	s := setUp(t)
	ids := []string{"a1", "a2", "a3", "b1", "plain"}
	for _, id := range ids {
		words := []string{"enqueue", "any", "--queue", "q", "--id", id, "--retention", "1h"}
		if id != "plain" {
			words = append(words, "--tenant", id[:1])
		}
		s.gofer(words...)
	}
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(succeed))
	s.await("q", "plain", asynq.TaskStateCompleted)
	now := float64(time.Now().Unix()) // as if an hour had passed without a gofer worker
	for _, id := range ids {
		s.ok(rdb.ZAddXX(context.Background(), "asynq:{q}:scheduled",
			redis.Z{Score: now, Member: id}).Err())
	}
	for _, id := range ids {
		s.await("q", id, asynq.TaskStateCompleted)
	}
	same(s, "tenant", s.goferTask("q", "b1").text("tenant"), "b")
}

// What a Go worker fails keeps its tenant, and gets in its line.
func TestATaskOfATenantIsRetriedByGo(t *testing.T) {
	s := setUp(t)
	s.gofer("enqueue", "any", "--queue", "q", "--id", "a1", "--tenant", "a")
	server := asynq.NewServer(connection(), goConfig(map[string]int{"q": 1}))
	s.ok(server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		return context.DeadlineExceeded
	})))
	s.await("q", "a1", asynq.TaskStateRetry)
	server.Shutdown()
	for _, id := range []string{"b1", "b2"} {
		s.gofer("enqueue", "any", "--queue", "q", "--id", id, "--tenant", "b")
	}
	s.gofer("task", "run", "a1", "--queue", "q")
	same(s, "gofer's order", s.goferOrder(), "b1 a1 b2")
	s.gofer("worker", "--drain", "--queue", "q", "--shell", "any=true")
	info, err := s.inspector.GetQueueInfo("q")
	s.ok(err)
	same(s, "tasks left", info.Size, 0)
}
