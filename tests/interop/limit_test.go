package interop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// A worker that is to be killed.
func doomed(s *side) *process {
	s.Helper()
	p, err := start(nil, os.Getenv("GOFER_PEER"), "worker", url, "q", "4",
		filepath.Join(folder, "ledger"), "lease=2s")
	s.ok(err)
	return p
}

// A task that waits for a limit key stands in scheduled, where Go's programs act on it as on any
// other; and one that Go took away from there is waited for by nobody.
func TestGosInspectorActsOnTasksThatWaitForAKey(t *testing.T) {
	s := setUp(t)
	s.gofer("limit", "put", "k", "--concurrency", "1")
	ids := []string{"holds", "archived", "deleted", "run", "last"}
	for _, id := range ids {
		s.gofer("enqueue", "stay", "--queue", "q", "--id", id, "--limit", "k", "--retention", "1h")
	}
	gofer := doomed(s)
	s.await("q", "holds", asynq.TaskStateActive)
	s.until("the others to wait", func() bool {
		return s.goferJSON("queue", "show", "q").number("pending") == 4 &&
			s.goferTask("q", "last").text("waits_for") == "k"
	})
	same(s, "states", goStates(s, "archived", "deleted", "run", "last"),
		"scheduled scheduled scheduled scheduled")
	s.ok(s.inspector.ArchiveTask("q", "archived"))
	s.ok(s.inspector.DeleteTask("q", "deleted"))
	s.ok(s.inspector.RunTask("q", "run"))
	same(s, "states", goStates(s, "archived", "last"), "archived scheduled")
	gofer.kill()
	s.gofer("limit", "rm", "k")
	s.goferWorker("--queue", "q", "--shell", "stay=true")
	for _, id := range []string{"holds", "run", "last"} {
		s.await("q", id, asynq.TaskStateCompleted)
	}
	same(s, "archived", s.goferTask("q", "archived").text("state"), "archived")
}

// Go's workers know of no limits: they take what is pending, and what waits when its time in the
// list of scheduled tasks comes. What they hold counts for nobody, and what they leave behind is
// no trouble.
func TestGoWorkersDrainWhoWaitsForAKey(t *testing.T) {
	s := setUp(t)
	s.gofer("limit", "put", "k", "--concurrency", "1")
	ids := []string{"a", "b", "c", "d"}
	for _, id := range ids {
		s.gofer("enqueue", "stay", "--queue", "q", "--id", id, "--limit", "k", "--retention", "1h")
	}
	gofer := doomed(s)
	s.await("q", "a", asynq.TaskStateActive)
	s.until("the others to wait", func() bool {
		return s.goferTask("q", "d").text("waits_for") == "k"
	})
	gofer.kill()

	failed := false
	serve := func(ctx context.Context, _ *asynq.Task) error {
		if id, _ := asynq.GetTaskID(ctx); id == "b" && !failed {
			failed = true
			return errors.New("once more")
		}
		return nil
	}
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(serve))
	now := float64(time.Now().Unix()) // as if an hour had passed without a gofer worker
	for _, id := range []string{"b", "c"} {
		s.ok(rdb.ZAddXX(context.Background(), "asynq:{q}:scheduled",
			redis.Z{Score: now, Member: id}).Err())
	}
	s.await("q", "b", asynq.TaskStateRetry)
	s.await("q", "c", asynq.TaskStateCompleted)
	same(s, "keys", s.goferTask("q", "b").text("limits"), "k")

	s.goferWorker("--queue", "q", "--shell", "stay=true")
	s.gofer("task", "run", "b", "--queue", "q")
	for _, id := range ids {
		s.await("q", id, asynq.TaskStateCompleted)
	}
	s.until("nobody to wait or run", func() bool {
		key := s.goferJSON("limit", "show", "k").list("items")
		return len(key) == 1 && key[0].number("running") == 0 && key[0].number("waiting") == 0
	})
}

// Housekeeping looks every five seconds at who waits for a key.
func lookNow(s *side, wake string) {
	s.Helper()
	s.ok(rdb.ZAddXX(context.Background(), "asynq:{q}:gofer:wakes", redis.Z{Member: wake}).Err())
}

// Of tasks that run one after the other Go's programs end the one whose turn it is, and say
// nothing. The next one's turn comes all the same, and nobody comes before its turn.
func TestWhomGoEndsHoldsUpNobody(t *testing.T) {
	s := setUp(t)
	ledger := filepath.Join(t.TempDir(), "order")
	ids := []string{"first", "second", "third", "fourth"}
	for _, id := range ids {
		s.gofer("enqueue", "step", "--queue", "q", "--id", id, "--ordered", "k",
			"--retention", "1h", "--retry-policy", "fixed:1h")
	}
	gofer, err := start(nil, os.Getenv("GOFER"), "--url", url, "worker", "--queue", "q",
		"--concurrency", "4", "--shell",
		`step=case $GOFER_TASK_ID in first | second) exit 1; esac; echo "$GOFER_TASK_ID" >>`+ledger)
	s.ok(err)
	s.await("q", "first", asynq.TaskStateRetry)
	s.until("the others to wait", func() bool {
		return s.goferTask("q", "fourth").text("waits_for") == "ordered:k"
	})
	s.ok(s.inspector.DeleteTask("q", "first"))
	lookNow(s, "qordered:k")
	s.await("q", "second", asynq.TaskStateRetry)
	gofer.stop(t)
	same(s, "turn", s.goferJSON("limit", "show", "ordered:k").list("items")[0].text("occupant"),
		"second")

	done := s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(succeed))
	s.ok(s.inspector.RunTask("q", "second"))
	s.await("q", "second", asynq.TaskStateCompleted)
	done.Shutdown()

	lookNow(s, "qordered:k")
	s.goferWorker("--queue", "q", "--concurrency", "4", "--shell",
		`step=echo "$GOFER_TASK_ID" >>`+ledger)
	s.await("q", "fourth", asynq.TaskStateCompleted)
	order, err := os.ReadFile(ledger)
	s.ok(err)
	same(s, "order", string(order), "third\nfourth\n")
}
