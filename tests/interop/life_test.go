package interop

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
)

// ---- unique locks -------------------------------------------------------------------------------

func (s *side) goDuplicates(kind, payload, queue string) {
	s.Helper()
	_, err := s.client.Enqueue(asynq.NewTask(kind, []byte(payload)),
		asynq.Queue(queue), asynq.Unique(time.Hour))
	if !errors.Is(err, asynq.ErrDuplicateTask) {
		s.Errorf("Go's enqueue says %v, not that it is a duplicate", err)
	}
}

func TestLocksHoldOnBothSides(t *testing.T) {
	s := setUp(t)
	s.gofer("enqueue", "once", "pay", "--queue", "q", "--id", "ours", "--unique", "1h")
	s.goDuplicates("once", "pay", "q")
	text := s.goferRefuses("enqueue", "once", "pay", "--queue", "q", "--unique", "1h")
	same(s, "names the holder", strings.Contains(text, "ours"), true)
	// A key of the caller's is another lock, and what a Go worker ends it frees too.
	s.gofer("enqueue", "other", "pay", "--queue", "q", "--id", "keyed",
		"--unique", "1h", "--unique-key", "k")
	s.goferRefuses("enqueue", "third", "", "--queue", "q", "--unique", "1h", "--unique-key", "k")
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(succeed))
	s.awaitGone("q", "ours")
	s.awaitGone("q", "keyed")
	s.gofer("enqueue", "other", "pay", "--queue", "q", "--unique", "1h", "--unique-key", "k")
	s.enqueue(asynq.NewTask("once", []byte("pay")), asynq.Queue("q"), asynq.Unique(time.Hour))
}

func TestALockOfItsOwnTimeOutlivesItsTask(t *testing.T) {
	s := setUp(t)
	s.gofer("enqueue", "once", "pay", "--queue", "q", "--id", "ours",
		"--unique", "1h", "--unique-until", "ttl")
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(succeed))
	s.awaitGone("q", "ours")
	s.goDuplicates("once", "pay", "q")
	s.goferRefuses("enqueue", "once", "pay", "--queue", "q", "--unique", "1h")
	// Nor is it taken for one that was left behind.
	// (The exit code tells that this Redis saves nothing.)
	out, _ := exec.Command(os.Getenv("GOFER"), "--url", url, "doctor", "--repair").CombinedOutput()
	same(s, "doctor mends the lock", strings.Contains(string(out), "lock"), false)
	s.goDuplicates("once", "pay", "q")
}

func TestALockThatLivesUntilTheStartIsFreeWhileTheTaskRuns(t *testing.T) {
	s := setUp(t)
	s.goferWorker("--queue", "q", "--grace", "200ms", "--exec", "once=sleep 600")
	s.gofer("enqueue", "once", "pay", "--queue", "q", "--id", "ours",
		"--unique", "1h", "--unique-until", "start")
	s.await("q", "ours", asynq.TaskStateActive)
	s.until("the lock to be free", func() bool {
		_, err := s.client.Enqueue(asynq.NewTask("once", []byte("pay")), asynq.Queue("q"),
			asynq.TaskID("next"), asynq.Unique(time.Hour), asynq.ProcessIn(time.Hour))
		return err == nil
	})
	s.goDuplicates("once", "pay", "q")
	// Archiving by gofer frees Go's lock, too.
	s.gofer("task", "archive", "next", "--queue", "q")
	s.enqueue(asynq.NewTask("once", []byte("pay")), asynq.Queue("q"),
		asynq.Unique(time.Hour), asynq.ProcessIn(time.Hour))
}

// ---- groups -------------------------------------------------------------------------------------

func TestGofersAggregatorTakesGosGroups(t *testing.T) {
	s := setUp(t)
	for _, id := range []string{"a", "b", "c"} {
		s.enqueue(asynq.NewTask("one", []byte(id)),
			asynq.Queue("q"), asynq.TaskID(id), asynq.Group("mail"))
	}
	s.enqueue(asynq.NewTask("one", []byte("x")),
		asynq.Queue("q"), asynq.TaskID("x"), asynq.Group("theirs"))
	s.goferWorker("--queue", "q", "--group-max-size", "3", "--group-grace", "1h",
		"--aggregate", "mail:all=cat", "--exec", "none=true")
	seen := make(chan string, 10)
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(
		func(_ context.Context, task *asynq.Task) error {
			seen <- task.Type() + " " + string(task.Payload())
			return nil
		}))
	for _, id := range []string{"a", "b", "c"} {
		s.awaitGone("q", id)
	}
	// Whoever takes it: gofer's worker has no handler for it and gives it back.
	s.until("the combined task to be run by Go", func() bool {
		select {
		case got := <-seen:
			return strings.HasPrefix(got, "all ") &&
				strings.Contains(got, `"id":"a"`) && strings.Contains(got, `"id":"c"`)
		default:
			list, err := s.inspector.ListRetryTasks("q")
			s.ok(err)
			for _, task := range list {
				s.inspector.RunTask("q", task.ID)
			}
			return false
		}
	})
	info, err := s.inspector.GetTaskInfo("q", "x")
	s.ok(err)
	same(s, "another group", info.State, asynq.TaskStateAggregating)
}

func TestGosAggregatorTakesGofersGroups(t *testing.T) {
	s := setUp(t)
	for _, id := range []string{"a", "b"} {
		s.gofer("enqueue", "one", id, "--queue", "q", "--id", id, "--group", "mail")
	}
	seen := make(chan string, 10)
	config := goConfig(map[string]int{"q": 1})
	config.GroupMaxSize = 2
	config.GroupGracePeriod = time.Hour
	config.GroupAggregator = asynq.GroupAggregatorFunc(
		func(group string, tasks []*asynq.Task) *asynq.Task {
			return asynq.NewTask("all", append(tasks[0].Payload(), tasks[1].Payload()...))
		})
	server := asynq.NewServer(connection(), config)
	s.ok(server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		seen <- task.Type() + " " + string(task.Payload())
		return nil
	})))
	t.Cleanup(server.Shutdown)
	same(s, "what Go ran", <-seen, "all ab")
	same(s, "groups", len(s.goferJSON("group", "ls", "--queue", "q").list("items")), 0)
}

// ---- changes ------------------------------------------------------------------------------------

func TestPayloadsAreChangedOnBothSides(t *testing.T) {
	s := setUp(t)
	s.enqueue(asynq.NewTask("t", []byte("old")), asynq.Queue("q"), asynq.TaskID("theirs"),
		asynq.ProcessIn(time.Hour), asynq.MaxRetry(7))
	s.gofer("enqueue", "t", "old", "--queue", "q", "--id", "ours", "--in", "1h", "--header", "trace=1")
	s.gofer("task", "edit", "theirs", "new from gofer", "--queue", "q")
	info, err := s.inspector.GetTaskInfo("q", "theirs")
	s.ok(err)
	same(s, "payload", string(info.Payload), "new from gofer")
	same(s, "max retry", info.MaxRetry, 7)
	same(s, "state", info.State, asynq.TaskStateScheduled)
	s.ok(s.inspector.UpdateTaskPayload("q", "ours", []byte("new from Go")))
	task := s.goferTask("q", "ours")
	same(s, "payload", task.text("payload"), "new from Go")
	same(s, "header", record(task["headers"].(map[string]any)).text("trace"), "1")
	s.gofer("task", "cancel", "theirs", "--queue", "q")
	s.await("q", "theirs", asynq.TaskStateArchived)
}

// ---- waiting ------------------------------------------------------------------------------------

func TestAnEndThatGoMakesIsSeen(t *testing.T) {
	s := setUp(t)
	release := make(chan bool)
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(
		func(_ context.Context, task *asynq.Task) error {
			<-release
			return nil
		}))
	s.gofer("enqueue", "t", "--queue", "q", "--id", "one")
	s.gofer("enqueue", "t", "--queue", "q", "--id", "kept", "--retention", "1h")
	go func() { time.Sleep(300 * time.Millisecond); release <- true; release <- true }()
	s.gofer("wait", "kept", "--queue", "q", "--timeout", "60s")
	s.awaitGone("q", "one")
}

// ---- cron entries -------------------------------------------------------------------------------

func TestCronEntriesAreShownToGosTools(t *testing.T) {
	s := setUp(t)
	file := filepath.Join(folder, "entries.json")
	s.ok(os.WriteFile(file, []byte(`{"entries": [
		{"name": "often", "spec": "@every 1s", "type": "tick", "payload": "pay", "queue": "q",
		 "timeout": "90s", "max_retry": 7},
		{"name": "nightly", "spec": "0 3 * * *", "tz": "Europe/Berlin", "type": "report",
		 "queue": "q"}]}`), 0o600))
	seen := make(chan string, 100)
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(
		func(_ context.Context, task *asynq.Task) error {
			seen <- task.Type() + " " + string(task.Payload())
			return nil
		}))
	// Two workers serve the entries; they are shown once, and each tick comes once.
	s.goferWorker("--queue", "ours", "--schedule", file, "--exec", "none=true")
	s.goferWorker("--queue", "ours", "--schedule", file, "--exec", "none=true")
	same(s, "what Go ran", <-seen, "tick pay")

	byName := map[string]*asynq.SchedulerEntry{}
	s.until("both entries to be shown", func() bool {
		list, err := s.inspector.SchedulerEntries()
		s.ok(err)
		for _, e := range list {
			byName[e.ID] = e
		}
		return len(list) == 2 && byName["often"] != nil && byName["nightly"] != nil &&
			!byName["often"].Prev.IsZero()
	})
	same(s, "spec", byName["nightly"].Spec, "CRON_TZ=Europe/Berlin 0 3 * * *")
	same(s, "type", byName["often"].Task.Type(), "tick")
	same(s, "payload", string(byName["often"].Task.Payload()), "pay")
	same(s, "never came", byName["nightly"].Prev.IsZero(), true)
	same(s, "next", byName["nightly"].Next.After(time.Now()), true)
	options := map[string]bool{}
	for _, o := range byName["often"].Opts {
		options[o.String()] = true
	}
	for _, want := range []string{`Queue("q")`, "MaxRetry(7)", "Timeout(1m30s)"} {
		same(s, want, options[want], true)
	}
	events, err := s.inspector.ListSchedulerEnqueueEvents("often", asynq.PageSize(5))
	s.ok(err)
	same(s, "events", len(events) > 0 && strings.HasPrefix(events[0].TaskID, "cron:often:"), true)

	handler := asynqmon.New(asynqmon.Options{RedisConnOpt: connection()})
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.Close(); handler.Close() })
	m := &mon{s, server}
	same(s, "entries in asynqmon", len(m.call("GET", "/scheduler_entries").list("entries")), 2)
	seenThere := m.call("GET", "/scheduler_entries/often/enqueue_events").list("events")
	same(s, "events in asynqmon", len(seenThere) > 0, true)
}
