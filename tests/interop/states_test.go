package interop

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
)

var later = asynq.ProcessIn(time.Hour)

// One task in each state, made by gofer's client and workers, in queue "q". The active one runs on.
func (s *side) gofersStates() {
	s.Helper()
	s.peerWorker("q")
	s.gofer("enqueue", "stay", "--queue", "q", "--id", "active")
	s.gofer("enqueue", "describe", "--queue", "q", "--id", "completed", "--retention", "1h")
	s.gofer("enqueue", "fail", "--queue", "q", "--id", "retry", "--retry", "3")
	s.gofer("enqueue", "give_up", "--queue", "q", "--id", "archived")
	s.gofer("enqueue", "describe", "--queue", "q", "--id", "scheduled", "--in", "1h")
	s.await("q", "completed", asynq.TaskStateCompleted)
	s.await("q", "retry", asynq.TaskStateRetry)
	s.await("q", "archived", asynq.TaskStateArchived)
	s.await("q", "active", asynq.TaskStateActive)
	s.gofer("queue", "pause", "q")
	s.gofer("enqueue", "describe", "--queue", "q", "--id", "pending")
}

// The same made by Go.
func (s *side) goStates() {
	s.Helper()
	mux := asynq.NewServeMux()
	mux.HandleFunc("stay", func(ctx context.Context, _ *asynq.Task) error {
		<-ctx.Done()
		return ctx.Err()
	})
	mux.HandleFunc("write", func(_ context.Context, task *asynq.Task) error {
		_, err := task.ResultWriter().Write([]byte("from Go"))
		return err
	})
	mux.HandleFunc("fail", func(context.Context, *asynq.Task) error {
		return errors.New("Go says no")
	})
	mux.HandleFunc("give_up", func(context.Context, *asynq.Task) error {
		return fmt.Errorf("Go says never: %w", asynq.SkipRetry)
	})
	s.goWorker(map[string]int{"q": 1}, mux)
	q := asynq.Queue("q")
	s.enqueue(asynq.NewTask("stay", nil), q, asynq.TaskID("active"), asynq.MaxRetry(3))
	s.enqueue(asynq.NewTask("write", nil), q, asynq.TaskID("completed"), asynq.Retention(time.Hour))
	s.enqueue(asynq.NewTask("fail", nil), q, asynq.TaskID("retry"), asynq.MaxRetry(3))
	s.enqueue(asynq.NewTask("give_up", nil), q, asynq.TaskID("archived"))
	s.enqueue(asynq.NewTask("write", nil), q, asynq.TaskID("scheduled"), later)
	s.await("q", "completed", asynq.TaskStateCompleted)
	s.await("q", "retry", asynq.TaskStateRetry)
	s.await("q", "archived", asynq.TaskStateArchived)
	s.await("q", "active", asynq.TaskStateActive)
	s.ok(s.inspector.PauseQueue("q"))
	s.enqueue(asynq.NewTask("write", nil), q, asynq.TaskID("pending"))
}

// What Go's inspector sees, as "active=a,b pending=c …".
func (s *side) goLists() string {
	s.Helper()
	lists := []struct {
		state string
		list  func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error)
	}{
		{"active", s.inspector.ListActiveTasks}, {"archived", s.inspector.ListArchivedTasks},
		{"completed", s.inspector.ListCompletedTasks}, {"pending", s.inspector.ListPendingTasks},
		{"retry", s.inspector.ListRetryTasks}, {"scheduled", s.inspector.ListScheduledTasks},
	}
	var all []string
	for _, each := range lists {
		infos, err := each.list("q")
		s.ok(err)
		var ids []string
		for _, info := range infos {
			same(s, "state of "+info.ID, info.State.String(), each.state)
			ids = append(ids, info.ID)
		}
		sort.Strings(ids)
		all = append(all, each.state+"="+strings.Join(ids, ","))
	}
	return strings.Join(all, " ")
}

func (s *side) goferLists() string {
	s.Helper()
	var all []string
	states := []string{"active", "archived", "completed", "pending", "retry", "scheduled"}
	for _, state := range states {
		var ids []string
		for _, task := range s.goferJSON("task", "ls", "--queue", "q", "--state", state).list("items") {
			same(s, "state of "+task.text("id"), task.text("state"), state)
			ids = append(ids, task.text("id"))
		}
		sort.Strings(ids)
		all = append(all, state+"="+strings.Join(ids, ","))
	}
	return strings.Join(all, " ")
}

const oneEach = "active=active archived=archived completed=completed " +
	"pending=pending retry=retry scheduled=scheduled"

func (s *side) bothSee(want string) {
	s.Helper()
	same(s, "what Go sees", s.goLists(), want)
	same(s, "what gofer sees", s.goferLists(), want)
}

func (s *side) bothCount() {
	s.Helper()
	info, err := s.inspector.GetQueueInfo("q")
	s.ok(err)
	queue := s.goferJSON("queue", "show", "q")
	for _, each := range []struct {
		name string
		go_  int
	}{
		{"active", info.Active}, {"pending", info.Pending}, {"scheduled", info.Scheduled},
		{"retry", info.Retry}, {"archived", info.Archived}, {"completed", info.Completed},
		{"processed", info.Processed}, {"failed", info.Failed},
		{"processed_total", info.ProcessedTotal}, {"failed_total", info.FailedTotal},
	} {
		same(s, each.name, queue.number(each.name), int64(each.go_))
	}
	same(s, "processed", info.Processed, 3)
	same(s, "failed", info.Failed, 2)
	same(s, "paused", info.Paused, true)
	same(s, "paused", queue.number("paused") == 1 || queue["paused"] == true, true)
	same(s, "latency", info.Latency < patience && info.Latency >= 0, true)
	days, err := s.inspector.History("q", 2)
	s.ok(err)
	same(s, "today's", days[0].Processed, 3)
}

func TestGoInspectorOverGofersStates(t *testing.T) {
	s := setUp(t)
	s.gofersStates()
	s.bothSee(oneEach)
	s.bothCount()
	info, err := s.inspector.GetTaskInfo("q", "completed")
	s.ok(err)
	same(s, "result", strings.Contains(string(info.Result), "id completed"), true)
	info, err = s.inspector.GetTaskInfo("q", "retry")
	s.ok(err)
	same(s, "error", info.LastErr, "C says no")
	info, err = s.inspector.GetTaskInfo("q", "archived")
	s.ok(err)
	same(s, "error", info.LastErr, "C says never")
	info, err = s.inspector.GetTaskInfo("q", "active")
	s.ok(err)
	same(s, "orphaned", info.IsOrphaned, false)

	// Its actions.
	s.ok(s.inspector.RunTask("q", "scheduled"))
	s.ok(s.inspector.RunTask("q", "archived"))
	s.ok(s.inspector.ArchiveTask("q", "pending"))
	s.ok(s.inspector.DeleteTask("q", "retry"))
	s.ok(s.inspector.DeleteTask("q", "completed"))
	s.bothSee("active=active archived=pending completed= pending=archived,scheduled retry= scheduled=")
	same(s, "deleting an active one", s.inspector.DeleteTask("q", "active") != nil, true)
	n, err := s.inspector.ArchiveAllPendingTasks("q")
	s.ok(err)
	same(s, "archived", n, 2)
	n, err = s.inspector.DeleteAllArchivedTasks("q")
	s.ok(err)
	same(s, "deleted", n, 3)
	s.bothSee("active=active archived= completed= pending= retry= scheduled=")

	s.gofer("enqueue", "describe", "old", "--queue", "q", "--id", "new",
		"--in", "1h", "--retention", "1h")
	s.ok(s.inspector.UpdateTaskPayload("q", "new", []byte("changed")))
	same(s, "payload", s.goferTask("q", "new").text("payload"), "changed")
	s.ok(s.inspector.RunTask("q", "new"))
	s.ok(s.inspector.UnpauseQueue("q"))
	info = s.await("q", "new", asynq.TaskStateCompleted)
	same(s, "what the handler saw", strings.Contains(string(info.Result), "payload changed"), true)
	s.ok(s.inspector.CancelProcessing("active"))
	s.await("q", "active", asynq.TaskStateRetry)
	s.ok(s.inspector.DeleteQueue("q", true))
	queues, err := s.inspector.Queues()
	s.ok(err)
	same(s, "queues left", len(queues), 0)
}

func TestGofersCommandsOverGosStates(t *testing.T) {
	s := setUp(t)
	s.goStates()
	s.bothSee(oneEach)
	s.bothCount()
	same(s, "result", s.goferTask("q", "completed").text("result"), "from Go")
	same(s, "error", s.goferTask("q", "retry").text("last_error"), "Go says no")
	same(s, "error", s.goferTask("q", "archived").text("last_error"),
		"Go says never: skip retry for the task")
	same(s, "retried", s.goferTask("q", "retry").number("retried"), 1)
	same(s, "started", s.goferTask("q", "active").text("state"), "active")

	s.gofer("task", "run", "scheduled", "archived", "--queue", "q")
	s.gofer("task", "archive", "pending", "--queue", "q")
	s.gofer("task", "rm", "retry", "completed")
	s.bothSee("active=active archived=pending completed= pending=archived,scheduled retry= scheduled=")
	s.goferRefuses("task", "rm", "active", "--queue", "q")
	s.goferRefuses("task", "run", "active", "--queue", "q")
	s.goferRefuses("queue", "rm", "q", "--force")
	s.gofer("task", "archive", "--all", "--state", "pending", "--queue", "q")
	s.gofer("task", "rm", "--all", "--state", "archived", "--queue", "q")
	s.bothSee("active=active archived= completed= pending= retry= scheduled=")

	s.enqueue(asynq.NewTask("write", nil),
		asynq.Queue("q"), asynq.TaskID("new"), later, asynq.Retention(time.Hour))
	s.gofer("task", "run", "new")
	s.gofer("queue", "unpause", "q")
	s.await("q", "new", asynq.TaskStateCompleted)
	s.gofer("task", "cancel", "active")
	s.await("q", "active", asynq.TaskStateRetry)
	s.gofer("queue", "rm", "q", "--force")
	queues, err := s.inspector.Queues()
	s.ok(err)
	same(s, "queues left", len(queues), 0)
}

func TestPauseBothWays(t *testing.T) {
	s := setUp(t)
	s.peerWorker("ours")
	s.goWorker(map[string]int{"theirs": 1}, asynq.HandlerFunc(succeed))
	s.enqueue(asynq.NewTask("describe", nil),
		asynq.Queue("ours"), asynq.TaskID("first"), asynq.Retention(time.Hour))
	s.await("ours", "first", asynq.TaskStateCompleted)

	s.ok(s.inspector.PauseQueue("ours"))
	s.gofer("queue", "pause", "theirs")
	s.enqueue(asynq.NewTask("describe", nil),
		asynq.Queue("ours"), asynq.TaskID("held"), asynq.Retention(time.Hour))
	s.gofer("enqueue", "any", "--queue", "theirs", "--id", "held", "--retention", "1h")
	same(s, "paused again", s.inspector.PauseQueue("theirs") != nil, true)
	s.gofer("queue", "pause", "ours") // repeating is fine with us
	time.Sleep(time.Second)           // both look meanwhile
	for _, queue := range []string{"ours", "theirs"} {
		info, err := s.inspector.GetTaskInfo(queue, "held")
		s.ok(err)
		same(s, "state in "+queue, info.State, asynq.TaskStatePending)
	}
	s.gofer("queue", "unpause", "ours")
	s.ok(s.inspector.UnpauseQueue("theirs"))
	s.await("ours", "held", asynq.TaskStateCompleted)
	s.await("theirs", "held", asynq.TaskStateCompleted)
}

func TestScheduledTasksRunOnTheOtherSide(t *testing.T) {
	s := setUp(t)
	s.peerWorker("ours")
	s.goWorker(map[string]int{"theirs": 1}, asynq.HandlerFunc(succeed))
	s.enqueue(asynq.NewTask("describe", nil), asynq.Queue("ours"), asynq.TaskID("soon"),
		asynq.ProcessIn(time.Second), asynq.Retention(time.Hour))
	due := time.Now().Add(time.Second)
	s.gofer("enqueue", "any", "--queue", "theirs", "--id", "soon", "--in", "1s", "--retention", "1h")
	s.await("ours", "soon", asynq.TaskStateCompleted)
	info := s.await("theirs", "soon", asynq.TaskStateCompleted)
	same(s, "completed in time", info.CompletedAt.Unix() >= due.Unix(), true)
}
