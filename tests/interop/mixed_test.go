package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// The test's own program as a Go worker that can be killed: it writes to the ledger as peer.c does.
func goWorkerMain() {
	ledger, err := os.OpenFile(os.Getenv("INTEROP_LEDGER"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	addr = os.Getenv("INTEROP_GO_WORKER")
	config := goConfig(map[string]int{"q": 1})
	config.RetryDelayFunc = func(int, error, *asynq.Task) time.Duration { return time.Second }
	server := asynq.NewServer(connection(), config)
	err = server.Run(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		if _, err := fmt.Fprintf(ledger, "begin %s go\n", id); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
		_, err := fmt.Fprintf(ledger, "end %s go\n", id)
		return err
	}))
	if err != nil {
		panic(err)
	}
}

type runs struct{ begun, ended map[string]int }

// How often each task began and ended, and how many each kind of worker ended.
func readLedger(s *side, path string) (runs, map[string]int) {
	s.Helper()
	text, err := os.ReadFile(path)
	s.ok(err)
	r, kinds := runs{map[string]int{}, map[string]int{}}, map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		if words[0] == "begin" {
			r.begun[words[1]]++
		} else {
			r.ended[words[1]]++
			kinds[words[2]]++
		}
	}
	return r, kinds
}

// As if half a minute had passed since a Go worker died: the leases of what no gofer worker claims
// and that nobody has extended meanwhile are moved into the past.
func ageGosLeases(s *side) {
	ctx := context.Background()
	leases, err := rdb.ZRangeWithScores(ctx, "asynq:{q}:lease", 0, -1).Result()
	s.ok(err)
	for _, lease := range leases {
		id := lease.Member.(string)
		ours, err := rdb.HExists(ctx, "asynq:{q}:t:"+id, "gofer:claim").Result()
		s.ok(err)
		if !ours {
			past := float64(time.Now().Unix() - 31)
			s.ok(rdb.ZAddXX(ctx, "asynq:{q}:lease", redis.Z{Score: past, Member: id}).Err())
		}
	}
}

func TestMixedWorkersLoseNothing(t *testing.T) {
	const tasks, fromGo = 1500, 750
	s := setUp(t)
	path := filepath.Join(folder, "mixed-ledger")
	startGofer := func() *process {
		p, err := start(nil, os.Getenv("GOFER_PEER"), "worker", url, "q", "4", path, "lease=2s")
		s.ok(err)
		return p
	}
	startGo := func() *process {
		p, err := start([]string{"INTEROP_GO_WORKER=" + addr, "INTEROP_LEDGER=" + path}, os.Args[0])
		s.ok(err)
		return p
	}
	gofers, gos := [2]*process{startGofer(), startGofer()}, [2]*process{startGo(), startGo()}
	want := map[string]bool{}
	var batch strings.Builder
	for i := 0; i < tasks; i++ {
		id := fmt.Sprint("task-", i)
		want[id] = true
		if i < fromGo {
			s.enqueue(asynq.NewTask("record", nil), asynq.Queue("q"), asynq.TaskID(id))
		} else {
			fmt.Fprintf(&batch, "{\"type\":\"record\",\"queue\":\"q\",\"id\":%q}\n", id)
		}
		if i == fromGo {
			gofers[0].kill() // at work: its tasks come back when their leases end
			gofers[0] = startGofer()
		}
	}
	input := filepath.Join(folder, "batch")
	s.ok(os.WriteFile(input, []byte(batch.String()), 0o600))
	s.ok(goferFrom(input, "enqueue", "--batch"))

	s.until("both kinds to have worked", func() bool {
		_, kinds := readLedger(s, path)
		return kinds["go"] > 50 && kinds["gofer"] > 50
	})
	gos[0].kill()
	ageGosLeases(s)
	gos[0] = startGo()
	gofers[1].kill()
	gofers[1] = startGofer()
	s.until("all tasks to be done", func() bool {
		info, err := s.inspector.GetQueueInfo("q")
		s.ok(err)
		return info.Size == 0
	})

	r, kinds := readLedger(s, path)
	twice := 0
	for id := range want {
		if r.ended[id] == 0 {
			s.Errorf("%s was never done", id)
		}
		if r.begun[id] > 1 {
			twice++
		}
	}
	same(s, "tasks done", len(r.ended), tasks)
	// Only what a killed worker had under way ran again: four each, three times.
	if twice > 3*4+4 {
		s.Errorf("%d tasks ran twice", twice)
	}
	t.Logf("done by %v, begun twice: %d", kinds, twice)
	for _, p := range append(gofers[:], gos[:]...) {
		p.stop(t)
	}
	keys, err := rdb.Keys(context.Background(), "asynq:{q}:t:*").Result()
	s.ok(err)
	same(s, "tasks left in Redis", len(keys), 0)
}
