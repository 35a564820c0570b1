package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hibiken/asynq"
)

// A sharded queue is plain queues to Go: a Go worker that serves all of them works beside gofer's,
// and what a Go client puts into any of them is a task of the queue.
func TestAShardedQueueIsServedByBoth(t *testing.T) {
	const each = 150
	s := setUp(t)
	s.gofer("queue", "shard", "q", "4")
	queues := map[string]int{}
	for _, shard := range s.goferJSON("queue", "ls", "--shards").list("items") {
		queues[shard.text("queue")] = 1
	}
	same(s, "shards", len(queues), 4)

	var lock sync.Mutex
	byGo := map[string]int{}
	s.goWorker(queues, asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		lock.Lock()
		defer lock.Unlock()
		byGo[id]++
		return nil
	}))
	path := filepath.Join(folder, "sharded-ledger")
	s.ok(os.WriteFile(path, nil, 0o600))
	s.goferWorker("--queue", "q", "--concurrency", "4", "--shell",
		"*=echo begin $GOFER_TASK_ID gofer >>"+path+"; echo end $GOFER_TASK_ID gofer >>"+path)

	var batch strings.Builder
	for i := 0; i < each; i++ {
		fmt.Fprintf(&batch, "{\"type\":\"work\",\"queue\":\"q\",\"id\":\"gofer-%d\"}\n", i)
	}
	input := filepath.Join(folder, "sharded-batch")
	s.ok(os.WriteFile(input, []byte(batch.String()), 0o600))
	s.ok(goferFrom(input, "enqueue", "--batch"))
	names := []string{}
	for name := range queues {
		names = append(names, name)
	}
	for i := 0; i < each; i++ {
		s.enqueue(asynq.NewTask("work", nil), asynq.Queue(names[i%len(names)]),
			asynq.TaskID(fmt.Sprint("go-", i)))
	}
	s.until("all tasks to be done", func() bool {
		return s.goferJSON("queue", "show", "q").number("size") == 0
	})
	same(s, "processed", s.goferJSON("queue", "show", "q").number("processed"), 2*each)
	r, kinds := readLedger(s, path)
	lock.Lock()
	defer lock.Unlock()
	if kinds["gofer"] == 0 || len(byGo) == 0 {
		t.Errorf("gofer ran %d and Go %d: both were to", kinds["gofer"], len(byGo))
	}
	for _, kind := range []string{"gofer", "go"} {
		for i := 0; i < each; i++ {
			id := fmt.Sprint(kind, "-", i)
			if n := r.ended[id] + byGo[id]; n != 1 {
				t.Errorf("%s ran %d times", id, n)
			}
		}
	}
}
