package interop

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
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

func TestCancelBothWays(t *testing.T) {
	s := setUp(t)
	s.peerWorker("ours")
	s.goferWorker("--queue", "commands", "--exec", "sleep=sleep 600")
	s.goWorker(map[string]int{"theirs": 1}, asynq.HandlerFunc(
		func(ctx context.Context, _ *asynq.Task) error {
			<-ctx.Done()
			return ctx.Err()
		}))
	s.enqueue(asynq.NewTask("stay", nil), asynq.Queue("ours"), asynq.TaskID("one"), asynq.MaxRetry(3))
	s.enqueue(asynq.NewTask("sleep", nil),
		asynq.Queue("commands"), asynq.TaskID("two"), asynq.MaxRetry(0))
	s.gofer("enqueue", "any", "--queue", "theirs", "--id", "three", "--retry", "3")
	s.await("ours", "one", asynq.TaskStateActive)
	s.await("commands", "two", asynq.TaskStateActive)
	s.await("theirs", "three", asynq.TaskStateActive)

	// An announcement may come before a worker knows what it has: who asks, asks again.
	s.until("Go's request to stop our handlers", func() bool {
		s.ok(s.inspector.CancelProcessing("one"))
		s.ok(s.inspector.CancelProcessing("two"))
		one, err := s.inspector.GetTaskInfo("ours", "one")
		s.ok(err)
		two, err := s.inspector.GetTaskInfo("commands", "two")
		s.ok(err)
		return one.State == asynq.TaskStateRetry && two.State == asynq.TaskStateArchived
	})
	info := s.await("ours", "one", asynq.TaskStateRetry)
	same(s, "error", info.LastErr, context.Canceled.Error())
	same(s, "retried", info.Retried, 1)
	info = s.await("commands", "two", asynq.TaskStateArchived)
	same(s, "error", strings.HasPrefix(info.LastErr, context.Canceled.Error()), true)

	s.gofer("task", "cancel", "three", "--queue", "theirs")
	info = s.await("theirs", "three", asynq.TaskStateRetry)
	same(s, "error", info.LastErr, context.Canceled.Error())
	// Once more, and it does not run again: what waits is set aside.
	s.gofer("task", "cancel", "three", "--queue", "theirs")
	s.await("theirs", "three", asynq.TaskStateArchived)
	s.goferRefuses("task", "cancel", "three", "--queue", "theirs")
	s.goferRefuses("task", "cancel", "never", "--queue", "theirs")
}

// ---- who is there -------------------------------------------------------------------------------

func (s *side) findServer(pid int) *asynq.ServerInfo {
	s.Helper()
	list, err := s.inspector.Servers()
	s.ok(err)
	for _, server := range list {
		if server.PID == pid {
			return server
		}
	}
	return nil
}

const sleepingChild = `
import sys, time
sys.path.insert(0, sys.argv[1])
from child import Child
Child({"sleep": lambda task: time.sleep(600)}).serve("sleeper")
`

// What children run is shown as what the worker itself runs, and nothing of ours is in the way.
func TestTasksOfChildrenAreShown(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("n/a: no python3")
	}
	s := setUp(t)
	program := filepath.Join(t.TempDir(), "sleeper.py")
	s.ok(os.WriteFile(program, []byte(sleepingChild), 0o600))
	examples, err := filepath.Abs("../../examples/children")
	s.ok(err)
	worker := s.goferWorker("--queue", "ours", "--concurrency", "3", "--grace", "200ms",
		"--child", "sleep="+python+" "+program+" "+examples)
	s.gofer("enqueue", "sleep", "pay", "--queue", "ours", "--id", "one", "--timeout", "1h")
	var ours *asynq.ServerInfo
	s.until("the child's running task to be shown", func() bool {
		ours = s.findServer(worker.command.Process.Pid)
		return ours != nil && len(ours.ActiveWorkers) == 1
	})
	same(s, "servers", s.servers(), 1)
	same(s, "status", ours.Status, "active")
	same(s, "concurrency", ours.Concurrency, 3)
	running := ours.ActiveWorkers[0]
	same(s, "task", running.TaskID, "one")
	same(s, "type", running.TaskType, "sleep")
	same(s, "queue", running.Queue, "ours")
	same(s, "payload", string(running.TaskPayload), "pay")
	same(s, "began", time.Since(running.Started) < time.Minute, true)
	shown := s.goferJSON("worker", "ls").list("items")[0]
	same(s, "children", shown.number("children"), 1)
	same(s, "busy", shown.number("children_busy"), 1)
	queues, err := s.inspector.Queues()
	s.ok(err)
	same(s, "queues", strings.Join(queues, " "), "ours")
}

func TestServersAndRunningTasks(t *testing.T) {
	s := setUp(t)
	worker := s.goferWorker("--queue", "ours=3", "--queue", "low=1", "--strict",
		"--concurrency", "7", "--grace", "200ms", "--exec", "sleep=sleep 600")
	server := s.goWorker(map[string]int{"theirs": 2}, asynq.HandlerFunc(
		func(ctx context.Context, _ *asynq.Task) error {
			<-ctx.Done()
			return ctx.Err()
		}))
	s.gofer("enqueue", "sleep", "pay", "--queue", "ours", "--id", "one", "--timeout", "1h")
	s.gofer("enqueue", "any", "pay", "--queue", "theirs", "--id", "two", "--timeout", "1h")

	var ours *asynq.ServerInfo
	s.until("our running task to be shown", func() bool {
		ours = s.findServer(worker.command.Process.Pid)
		return ours != nil && len(ours.ActiveWorkers) == 1
	})
	host, _ := os.Hostname()
	same(s, "host", ours.Host, host)
	same(s, "status", ours.Status, "active")
	same(s, "concurrency", ours.Concurrency, 7)
	same(s, "queues", len(ours.Queues), 2)
	same(s, "weight", ours.Queues["ours"], 3)
	same(s, "weight", ours.Queues["low"], 1)
	same(s, "strict", ours.StrictPriority, true)
	same(s, "started", !ours.Started.IsZero() && time.Since(ours.Started) < time.Hour, true)
	running := ours.ActiveWorkers[0]
	same(s, "task", running.TaskID, "one")
	same(s, "type", running.TaskType, "sleep")
	same(s, "queue", running.Queue, "ours")
	same(s, "payload", string(running.TaskPayload), "pay")
	left := running.Deadline.Sub(running.Started)
	same(s, "deadline", left > 59*time.Minute && left <= time.Hour+time.Second, true)

	var theirs record
	s.until("Go's running task to be shown", func() bool {
		for _, w := range s.goferJSON("worker", "ls").list("items") {
			if w.number("pid") == int64(os.Getpid()) && len(w.list("tasks")) == 1 {
				theirs = w
			}
		}
		return theirs != nil
	})
	same(s, "state", theirs.text("state"), "active")
	same(s, "queues", theirs.text("queues"), "theirs=2")
	same(s, "running", theirs.number("running"), 1)
	task := theirs.list("tasks")[0]
	same(s, "task", task.text("id"), "two")
	same(s, "queue", task.text("queue"), "theirs")
	same(s, "payload", task.text("payload"), "pay")

	server.Stop()
	s.until("Go's server to be quiet", func() bool {
		for _, w := range s.goferJSON("worker", "ls").list("items") {
			if w.number("pid") == int64(os.Getpid()) {
				return w.text("state") == "quiet"
			}
		}
		return false
	})
	same(s, "the other stays", s.findServer(worker.command.Process.Pid).Status, "active")
	// Told to stop, it lets its task finish first; nothing is left of it.
	worker.stop(t)
	worker.ended <- nil
	same(s, "ours is gone", s.findServer(worker.command.Process.Pid) == nil, true)
}

// ---- asynqmon -----------------------------------------------------------------------------------

type mon struct {
	*side
	server *httptest.Server
}

// The answer must be a success; its JSON, if there is any.
func (m *mon) call(method, path string) record {
	m.Helper()
	request, err := http.NewRequest(method, m.server.URL+"/api"+path, nil)
	m.ok(err)
	response, err := http.DefaultClient.Do(request)
	m.ok(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	m.ok(err)
	if response.StatusCode/100 != 2 {
		m.Fatalf("%s %s: %s: %s", method, path, response.Status, body)
	}
	var r record
	if len(body) > 0 {
		m.ok(json.Unmarshal(body, &r))
	}
	return r
}

func (m *mon) state(id string) string { return m.call("GET", "/queues/q/tasks/"+id).text("state") }

func TestAsynqmonActsOnGofersTasks(t *testing.T) {
	s := setUp(t)
	handler := asynqmon.New(asynqmon.Options{RedisConnOpt: connection()})
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.Close(); handler.Close() })
	m := &mon{s, server}
	s.gofersStates()

	queue := record(m.call("GET", "/queues/q")["current"].(map[string]any))
	states := []string{"active", "pending", "scheduled", "retry", "archived", "completed"}
	for _, state := range states {
		same(s, state, queue.number(state), 1)
		tasks := m.call("GET", "/queues/q/"+state+"_tasks").list("tasks")
		if len(tasks) != 1 || tasks[0].text("id") != state {
			s.Errorf("%s: %v", state, tasks)
		}
		same(s, "state", m.state(state), state)
	}
	same(s, "paused", queue["paused"], any(true))
	s.until("the worker with its task", func() bool {
		servers := m.call("GET", "/servers").list("servers")
		return len(servers) == 1 && len(servers[0].list("active_workers")) == 1
	})
	m.call("GET", "/queue_stats")
	m.call("GET", "/redis_info")
	same(s, "queues", len(m.call("GET", "/queues").list("queues")), 1)

	m.call("POST", "/queues/q/scheduled_tasks/scheduled:run")
	same(s, "after run", m.state("scheduled"), "pending")
	m.call("POST", "/queues/q/pending_tasks/pending:archive")
	same(s, "after archive", m.state("pending"), "archived")
	m.call("DELETE", "/queues/q/completed_tasks/completed")
	m.call("DELETE", "/queues/q/archived_tasks:delete_all")
	m.call("POST", "/queues/q/retry_tasks:run_all")
	s.bothSee("active=active archived= completed= pending=retry,scheduled retry= scheduled=")
	s.until("the running one to be cancelled", func() bool {
		m.call("POST", "/queues/q/active_tasks/active:cancel")
		return m.state("active") == "retry"
	})
	m.call("POST", "/queues/q:resume")
	s.awaitGone("q", "scheduled")
	s.await("q", "retry", asynq.TaskStateRetry)
}
