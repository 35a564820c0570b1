package interop

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

func (s *side) goferOrder() string {
	s.Helper()
	var ids []string
	pending := s.goferJSON("task", "ls", "--queue", "q", "--state", "pending")
	for _, task := range pending.list("items") {
		ids = append(ids, task.text("id"))
	}
	return strings.Join(ids, " ")
}

func goStates(s *side, ids ...string) string {
	s.Helper()
	var states []string
	for _, id := range ids {
		info, err := s.inspector.GetTaskInfo("q", id)
		s.ok(err)
		states = append(states, info.State.String())
	}
	return strings.Join(states, " ")
}

func TestGosInspectorActsOnTasksWithAPriority(t *testing.T) {
	s := setUp(t)
	s.gofer("enqueue", "any", "--queue", "q", "--id", "plain")
	for _, id := range []string{"first", "archived", "deleted", "run"} {
		s.gofer("enqueue", "any", "--queue", "q", "--id", id, "--priority", "5")
	}
	same(s, "gofer's order", s.goferOrder(), "first archived deleted run plain")
	same(s, "states", goStates(s, "plain", "archived", "run"), "pending scheduled scheduled")
	s.ok(s.inspector.ArchiveTask("q", "archived"))
	s.ok(s.inspector.DeleteTask("q", "deleted"))
	s.ok(s.inspector.RunTask("q", "run"))
	same(s, "states", goStates(s, "first", "archived", "run"), "scheduled archived pending")
	same(s, "gofer's order", s.goferOrder(), "first run plain")
	same(s, "pending", s.goferJSON("queue", "show", "q").number("pending"), 3)
	s.gofer("task", "run", "archived", "--queue", "q")
	same(s, "gofer's order", s.goferOrder(), "first run archived plain")
	s.gofer("worker", "--drain", "--queue", "q", "--shell", "any=true")
	info, err := s.inspector.GetQueueInfo("q")
	s.ok(err)
	same(s, "tasks left", info.Size, 0)
}

// A Go worker knows of no line: what it retries comes back to it, and what it is not brought comes
// when its time in the list of scheduled tasks does.
func TestGoWorkersServeTasksWithAPriority(t *testing.T) {
	s := setUp(t)
	for _, id := range []string{"a", "b", "c"} {
		s.gofer("enqueue", "any", "--queue", "q", "--id", id, "--priority", "5", "--retention", "1h")
	}
	failed := make(chan string, 3)
	server := asynq.NewServer(connection(), goConfig(map[string]int{"q": 1}))
	s.ok(server.Start(asynq.HandlerFunc(func(ctx context.Context, _ *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		failed <- id
		return errors.New("once more")
	})))
	same(s, "what Go is given", <-failed, "a")
	s.await("q", "a", asynq.TaskStateRetry)
	server.Shutdown()
	same(s, "lane", s.goferTask("q", "a").number("priority"), 5)
	s.gofer("enqueue", "any", "--queue", "q", "--id", "plain", "--retention", "1h")
	s.gofer("task", "run", "a", "--queue", "q")
	same(s, "gofer's order", s.goferOrder(), "b c a plain")

	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(succeed))
	now := float64(time.Now().Unix()) // as if an hour had passed without a gofer worker
	for _, id := range []string{"a", "b", "c"} {
		s.ok(rdb.ZAddXX(context.Background(), "asynq:{q}:scheduled",
			redis.Z{Score: now, Member: id}).Err())
	}
	for _, id := range []string{"a", "b", "c", "plain"} {
		s.await("q", id, asynq.TaskStateCompleted)
	}
}

func TestBothKindsOfWorkersShareALine(t *testing.T) {
	const tasks = 400
	s := setUp(t)
	var lock sync.Mutex
	ran := map[string]int{}
	record := func(ctx context.Context, _ *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		lock.Lock()
		defer lock.Unlock()
		ran[id]++
		return nil
	}
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(record))
	s.peerWorker("q", "lease=2s")
	for priority := -2; priority <= 2; priority++ {
		s.gofer("enqueue", "describe", "--queue", "q", "--count", fmt.Sprint(tasks/5),
			"--priority", fmt.Sprint(priority))
	}
	s.until("all tasks to be done", func() bool {
		info, err := s.inspector.GetQueueInfo("q")
		s.ok(err)
		return info.Size == 0
	})
	lock.Lock()
	defer lock.Unlock()
	var twice []string
	for id, times := range ran {
		if times > 1 {
			twice = append(twice, id)
		}
	}
	sort.Strings(twice)
	same(s, "run twice by Go", strings.Join(twice, " "), "")
	info, err := s.inspector.GetQueueInfo("q")
	s.ok(err)
	same(s, "tasks run", info.ProcessedTotal, tasks)
}
