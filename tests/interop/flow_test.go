package interop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hibiken/asynq"
)

// Go's workers run steps of a flow as any task. They write no notice of an end: gofer looks at what
// was put, and the flow goes on, with the result that Go has left. A retry by Go is no end.
func TestAFlowGoesOnBehindStepsThatGoRuns(t *testing.T) {
	s := setUp(t)
	plan := filepath.Join(t.TempDir(), "plan.json")
	s.ok(os.WriteFile(plan, []byte(`{"steps": [
		{"name": "first", "type": "t", "queue": "ours"},
		{"name": "by-go", "type": "go", "queue": "theirs", "after": "first"},
		{"name": "dies", "type": "go", "queue": "theirs", "after": "by-go", "retry": 0},
		{"name": "last", "type": "t", "queue": "ours", "after": {"dies": "failure"}}]}`), 0o600))
	failed := false
	s.goWorker(map[string]int{"theirs": 1}, asynq.HandlerFunc(
		func(ctx context.Context, task *asynq.Task) error {
			switch id, _ := asynq.GetTaskID(ctx); {
			case id == "f:2":
				return errors.New("no")
			case !failed:
				failed = true
				return errors.New("once more")
			}
			_, err := task.ResultWriter().Write([]byte("from Go"))
			return err
		}))
	s.goferWorker("--queue", "ours", "--shell", "t=true")
	s.gofer("flow", "start", plan, "--id", "f")
	s.await("theirs", "f:1", asynq.TaskStateRetry)
	s.gofer("task", "run", "f:1", "--queue", "theirs")
	s.until("the flow to end", func() bool {
		return s.goferJSON("flow", "show", "f").text("state") == "failed"
	})
	steps := s.goferJSON("flow", "show", "f").list("steps")
	same(s, "step by Go", steps[1].text("state"), "done")
	same(s, "its result", steps[1].number("result_size"), int64(7))
	same(s, "step that died", steps[2].text("state")+" "+steps[2].text("error"), "archived no")
	same(s, "step after it", steps[3].text("state"), "done")
}
