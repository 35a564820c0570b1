package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
)

func TestGoClientToCommand(t *testing.T) {
	s := setUp(t)
	s.goferWorker("--exec", "upper=tr a-z A-Z", "--exec", "broken=false")
	done := s.enqueue(asynq.NewTask("upper", []byte("some text")), asynq.Retention(time.Hour))
	failed := s.enqueue(asynq.NewTask("broken", nil), asynq.MaxRetry(3))
	last := s.enqueue(asynq.NewTask("broken", nil), asynq.MaxRetry(0))
	gone := s.enqueue(asynq.NewTask("upper", nil))

	info := s.await("default", done.ID, asynq.TaskStateCompleted)
	same(s, "result", string(info.Result), "SOME TEXT")
	same(s, "payload", string(info.Payload), "some text")
	same(s, "completed just now", time.Since(info.CompletedAt) < time.Hour, true)
	info = s.await("default", failed.ID, asynq.TaskStateRetry)
	same(s, "retried", info.Retried, 1)
	same(s, "error", info.LastErr, "exit code 1")
	same(s, "failed just now", time.Since(info.LastFailedAt) < time.Hour, true)
	same(s, "runs again later", info.NextProcessAt.After(time.Now()), true)
	info = s.await("default", last.ID, asynq.TaskStateArchived)
	same(s, "error", info.LastErr, "exit code 1")
	s.awaitGone("default", gone.ID)

	queue, err := s.inspector.GetQueueInfo("default")
	s.ok(err)
	same(s, "processed", queue.Processed, 4)
	same(s, "failed", queue.Failed, 2)
	same(s, "size", queue.Size, 3)
}

func TestGoClientToCHandler(t *testing.T) {
	s := setUp(t)
	s.peerWorker("mail")
	before := time.Now().Truncate(time.Second)
	deadline := before.Add(time.Hour)
	task := asynq.NewTaskWithHeaders("describe", []byte("pay"),
		map[string]string{"trace": "abc", "leer": "", "ü": "ö"})
	timed := s.enqueue(task, asynq.Queue("mail"), asynq.TaskID("timed"), asynq.Timeout(90*time.Second),
		asynq.MaxRetry(7), asynq.Retention(time.Hour))
	dated := s.enqueue(asynq.NewTask("describe", nil), asynq.Queue("mail"), asynq.Deadline(deadline),
		asynq.Retention(time.Hour))

	seen := lines(s.await("mail", timed.ID, asynq.TaskStateCompleted).Result)
	for _, want := range []string{"id timed", "type describe", "queue mail", "payload pay",
		"attempt 1", "max_retry 7", "header trace=abc", "header leer=", "header ü=ö"} {
		if !seen[want] {
			t.Errorf("the handler did not see %q but %v", want, seen)
		}
	}
	for line := range seen {
		if ms, ok := strings.CutPrefix(line, "deadline_ms "); ok {
			number, _ := strconv.ParseInt(ms, 10, 64)
			left := time.UnixMilli(number).Sub(before)
			same(s, "deadline by the timeout",
				left >= 90*time.Second && left < patience+90*time.Second, true)
		}
	}
	seen = lines(s.await("mail", dated.ID, asynq.TaskStateCompleted).Result)
	same(s, "deadline as given", seen[fmt.Sprint("deadline_ms ", deadline.UnixMilli())], true)
	same(s, "retries by default", seen["max_retry 25"], true)
}

func lines(text []byte) map[string]bool {
	all := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		all[line] = true
	}
	return all
}

func TestGoferClientToGoWorker(t *testing.T) {
	s := setUp(t)
	type seen struct {
		payload, id, queue string
		headers            map[string]string
		maxRetry           int
		deadline           time.Time
	}
	tasks := make(chan seen, 1)
	mux := asynq.NewServeMux()
	mux.HandleFunc("report:", func(ctx context.Context, task *asynq.Task) error {
		got := seen{payload: string(task.Payload()), headers: task.Headers()}
		got.id, _ = asynq.GetTaskID(ctx)
		got.queue, _ = asynq.GetQueueName(ctx)
		got.maxRetry, _ = asynq.GetMaxRetry(ctx)
		got.deadline, _ = ctx.Deadline()
		tasks <- got
		_, err := task.ResultWriter().Write([]byte("from Go"))
		return err
	})
	mux.HandleFunc("broken", func(context.Context, *asynq.Task) error {
		return errors.New("Go says no")
	})
	mux.HandleFunc("never", func(context.Context, *asynq.Task) error { return asynq.SkipRetry })
	s.goWorker(map[string]int{"mail": 1}, mux)

	before := time.Now()
	id := s.gofer("enqueue", "report:daily", "pay", "--queue", "mail", "--retry", "5",
		"--timeout", "90s", "--retention", "1h", "--header", "trace=abc", "--header", "ü=ö")
	got := <-tasks
	same(s, "payload", got.payload, "pay")
	same(s, "id", got.id, id)
	same(s, "queue", got.queue, "mail")
	same(s, "max retry", got.maxRetry, 5)
	same(s, "headers", fmt.Sprint(got.headers), "map[trace:abc ü:ö]")
	left := got.deadline.Sub(before)
	same(s, "deadline by the timeout", left >= 90*time.Second && left < patience+90*time.Second, true)
	s.await("mail", id, asynq.TaskStateCompleted)
	task := s.goferTask("mail", id)
	same(s, "state", task.text("state"), "completed")
	same(s, "result", task.text("result"), "from Go")
	same(s, "retention", task.number("retention_ms"), 3600000)

	id = s.gofer("enqueue", "broken", "--queue", "mail", "--retry", "5")
	s.await("mail", id, asynq.TaskStateRetry)
	task = s.goferTask("mail", id)
	same(s, "error", task.text("last_error"), "Go says no")
	same(s, "retried", task.number("retried"), 1)
	id = s.gofer("enqueue", "never", "--queue", "mail")
	s.await("mail", id, asynq.TaskStateArchived)
	same(s, "error", s.goferTask("mail", id).text("last_error"), asynq.SkipRetry.Error())
}

// What one side writes, the other reads: nobody works on it.
func TestFields(t *testing.T) {
	s := setUp(t)
	at := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	deadline := at.Add(time.Hour)
	s.gofer("enqueue", "a:b", "x\n\"y\"", "--id", "ours", "--retry", "0", "--timeout", "2m",
		"--retention", "3h", "--at", at.UTC().Format(time.RFC3339), "--header", "k=v")
	info, err := s.inspector.GetTaskInfo("default", "ours")
	s.ok(err)
	same(s, "state", info.State, asynq.TaskStateScheduled)
	same(s, "type", info.Type, "a:b")
	same(s, "payload", string(info.Payload), "x\n\"y\"")
	same(s, "max retry", info.MaxRetry, 0)
	same(s, "timeout", info.Timeout, 2*time.Minute)
	same(s, "deadline", info.Deadline.IsZero(), true)
	same(s, "retention", info.Retention, 3*time.Hour)
	same(s, "when", info.NextProcessAt.Unix(), at.Unix())
	same(s, "headers", fmt.Sprint(info.Headers), "map[k:v]")

	s.gofer("enqueue", "a:b", "--id", "dated", "--deadline", deadline.UTC().Format(time.RFC3339))
	info, err = s.inspector.GetTaskInfo("default", "dated")
	s.ok(err)
	same(s, "state", info.State, asynq.TaskStatePending)
	same(s, "deadline", info.Deadline.Unix(), deadline.Unix())
	same(s, "timeout", info.Timeout, 0)
	same(s, "max retry", info.MaxRetry, 25)
	s.gofer("enqueue", "a:b", "--id", "plain")
	info, err = s.inspector.GetTaskInfo("default", "plain")
	s.ok(err)
	same(s, "timeout by default", info.Timeout, 30*time.Minute)

	s.enqueue(asynq.NewTaskWithHeaders("c:d", []byte{0, 255, 'x'}, map[string]string{"k": "v"}),
		asynq.TaskID("theirs"), asynq.ProcessAt(at), asynq.Timeout(time.Minute),
		asynq.Deadline(deadline), asynq.MaxRetry(3), asynq.Retention(time.Hour))
	task := s.goferTask("default", "theirs")
	same(s, "state", task.text("state"), "scheduled")
	same(s, "type", task.text("type"), "c:d")
	same(s, "payload", fmt.Sprint(task["payload"]), "map[base64:AP94]")
	same(s, "max retry", task.number("max_retry"), 3)
	same(s, "timeout", task.number("timeout_ms"), 60000)
	same(s, "deadline", task.number("deadline_ms"), deadline.UnixMilli())
	same(s, "retention", task.number("retention_ms"), 3600000)
	same(s, "when", task.number("next_run_at_ms"), at.UnixMilli())
	same(s, "headers", fmt.Sprint(task["headers"]), "map[k:v]")
}

func TestIdsAreOneSpace(t *testing.T) {
	s := setUp(t)
	s.gofer("enqueue", "a", "x", "--id", "ours")
	_, err := s.client.Enqueue(asynq.NewTask("b", nil), asynq.TaskID("ours"))
	same(s, "Go's answer", errors.Is(err, asynq.ErrTaskIDConflict), true)
	s.enqueue(asynq.NewTask("a", []byte("x")), asynq.TaskID("theirs"))
	s.goferRefuses("enqueue", "b", "x", "--id", "theirs")
	same(s, "id in another queue",
		s.gofer("enqueue", "b", "--id", "theirs", "--queue", "other"), "theirs")
}

func (s *side) peerUnique(payload, id string, ttl time.Duration) string {
	s.Helper()
	command := exec.Command(os.Getenv("GOFER_PEER"), "unique", url, "q", "once", payload, id,
		strconv.FormatInt(ttl.Milliseconds(), 10))
	out, err := command.CombinedOutput()
	if err != nil {
		s.Fatalf("peer: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestUniqueLocks(t *testing.T) {
	s := setUp(t)
	once := func(payload string) error {
		_, err := s.client.Enqueue(asynq.NewTask("once", []byte(payload)),
			asynq.Queue("q"), asynq.Unique(time.Hour))
		return err
	}
	// Each refuses what the other has locked.
	s.ok(once("go"))
	same(s, "after Go", s.peerUnique("go", "1", time.Hour), "EDUPLICATE")
	same(s, "another payload", s.peerUnique("gofer", "2", time.Hour), "OK")
	same(s, "after gofer", errors.Is(once("gofer"), asynq.ErrDuplicateTask), true)
	same(s, "after gofer, again", s.peerUnique("gofer", "3", time.Hour), "EDUPLICATE")

	// Each frees it when the task is done.
	s.gofer("worker", "--queue", "q", "--exec", "once=true", "--drain")
	s.ok(once("go"))
	s.ok(once("gofer"))
	done := make(chan string, 2)
	s.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(
		func(_ context.Context, task *asynq.Task) error {
			done <- string(task.Payload())
			return nil
		}))
	<-done
	<-done
	s.until("the locks to be free", func() bool {
		return s.peerUnique("go", "4", time.Second) == "OK"
	})
}
