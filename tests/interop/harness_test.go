// Package interop runs gofer and Asynq, released and unchanged, on one Redis.
//
// $GOFER is the binary, $GOFER_PEER the program made of peer/peer.c. TestMain starts a redis-server
// of its own; all processes end with the test, also when it is killed. Nothing is asserted of time.
package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const patience = 60 * time.Second

var (
	folder string // removed at the end
	addr   string
	url    string
	rdb    *redis.Client
)

func TestMain(m *testing.M) {
	if os.Getenv("INTEROP_GO_WORKER") != "" {
		goWorkerMain()
		return
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	if os.Getenv("GOFER") == "" || os.Getenv("GOFER_PEER") == "" {
		fmt.Fprintln(os.Stderr, "interop: $GOFER and $GOFER_PEER must name the programs; see run.sh")
		return 1
	}
	var err error
	if folder, err = os.MkdirTemp("", "gofer-interop-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	server, err := startRedis()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		return 1
	}
	defer server.kill()
	defer rdb.Close()
	return m.Run()
}

// ---- processes ----------------------------------------------------------------------------------

type process struct {
	command *exec.Cmd
	output  *bytes.Buffer
	ended   chan error
}

// The kernel ends the child with the thread that started it, so that thread must stay.
func start(env []string, name string, args ...string) (*process, error) {
	p := &process{
		command: exec.Command(name, args...),
		output:  &bytes.Buffer{},
		ended:   make(chan error, 1),
	}
	p.command.Env = append(os.Environ(), env...)
	p.command.Stdout, p.command.Stderr = p.output, p.output
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			p.ended <- p.command.Wait()
		}
	}()
	return p, <-started
}

func (p *process) kill() {
	p.command.Process.Kill()
	<-p.ended
}

// Ends it as an operator would; its exit code must be 0.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("%s: %v\n%s", p.command.Path, err, p.output)
		}
	case <-time.After(patience):
		t.Errorf("%s did not end when told to\n%s", p.command.Path, p.output)
		p.kill()
	}
}

func startRedis() (*process, error) {
	name := os.Getenv("GOFER_REDIS_SERVER")
	if name == "" {
		name = "redis-server"
	}
	// The port is free now and may be taken a moment later: then another one.
	for try := 0; try < 5; try++ {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		addr = listener.Addr().String()
		listener.Close()
		url = "redis://" + addr
		_, port, _ := net.SplitHostPort(addr)
		server, err := start(nil, name,
			"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder)
		if err != nil {
			return nil, err
		}
		rdb = redis.NewClient(&redis.Options{Addr: addr})
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if rdb.Ping(context.Background()).Err() == nil {
				return server, nil
			}
			if len(server.ended) > 0 {
				break
			}
		}
		rdb.Close()
		server.kill()
	}
	return nil, errors.New("redis-server did not start")
}

// ---- one test -----------------------------------------------------------------------------------

// The Go side of a test: a client and an inspector on the emptied Redis.
type side struct {
	*testing.T
	client    *asynq.Client
	inspector *asynq.Inspector
}

func setUp(t *testing.T) *side {
	t.Helper()
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	s := &side{t, asynq.NewClient(connection()), asynq.NewInspector(connection())}
	t.Cleanup(func() { s.client.Close(); s.inspector.Close() })
	return s
}

func connection() asynq.RedisConnOpt { return asynq.RedisClientOpt{Addr: addr} }

func (s *side) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func same[T comparable](s *side, what string, got, want T) {
	s.Helper()
	if got != want {
		s.Errorf("%s is %v, not %v", what, got, want)
	}
}

// Polls until the condition holds.
func (s *side) until(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func (s *side) enqueue(task *asynq.Task, opts ...asynq.Option) *asynq.TaskInfo {
	s.Helper()
	info, err := s.client.Enqueue(task, opts...)
	s.ok(err)
	return info
}

// The task once it is in the state, as Go's inspector sees it.
func (s *side) await(queue, id string, state asynq.TaskState) *asynq.TaskInfo {
	s.Helper()
	var info *asynq.TaskInfo
	s.until(fmt.Sprintf("task %s to be %v", id, state), func() bool {
		got, err := s.inspector.GetTaskInfo(queue, id)
		info = got
		return err == nil && got.State == state
	})
	return info
}

func (s *side) awaitGone(queue, id string) {
	s.Helper()
	s.until("task "+id+" to be done", func() bool {
		_, err := s.inspector.GetTaskInfo(queue, id)
		return errors.Is(err, asynq.ErrTaskNotFound)
	})
}

// ---- gofer's side -------------------------------------------------------------------------------

// Runs the command line; what it printed.
func (s *side) gofer(args ...string) string {
	s.Helper()
	command := exec.Command(os.Getenv("GOFER"), append([]string{"--url", url}, args...)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		s.Fatalf("gofer %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimRight(string(out), "\n")
}

// The same when it must be refused; what it says.
func (s *side) goferRefuses(args ...string) string {
	s.Helper()
	words := append([]string{"--url", url}, args...)
	out, err := exec.Command(os.Getenv("GOFER"), words...).CombinedOutput()
	if err == nil {
		s.Errorf("gofer %s was not refused: %s", strings.Join(args, " "), out)
	}
	return string(out)
}

type record map[string]any

func (r record) text(field string) string {
	text, _ := r[field].(string)
	return text
}

func (r record) number(field string) int64 {
	number, ok := r[field].(float64)
	if !ok {
		return -1
	}
	return int64(number)
}

func (r record) list(field string) []record {
	var all []record
	switch given := r[field].(type) {
	case []any:
		for _, one := range given {
			all = append(all, one.(map[string]any))
		}
	case map[string]any: // a list in a list has fields of its own
		return record(given).list("items")
	}
	return all
}

func (s *side) goferJSON(args ...string) record {
	s.Helper()
	var r record
	text := s.gofer(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		s.Fatalf("gofer %s: %v: %s", strings.Join(args, " "), err, text)
	}
	return r
}

func (s *side) goferTask(queue, id string) record {
	s.Helper()
	return s.goferJSON("task", "show", id, "--queue", queue)
}

// A `gofer worker`, stopped at the test's end. Comes back when it is registered.
func (s *side) goferWorker(args ...string) *process {
	s.Helper()
	return s.worker(os.Getenv("GOFER"), append([]string{"--url", url, "worker"}, args...)...)
}

// A worker with the C handlers of peer/peer.c.
func (s *side) peerWorker(queue string, settings ...string) *process {
	s.Helper()
	return s.worker(os.Getenv("GOFER_PEER"),
		append([]string{"worker", url, queue, "4", filepath.Join(folder, "ledger")}, settings...)...)
}

func (s *side) worker(name string, args ...string) *process {
	s.Helper()
	before := s.servers()
	p, err := start(nil, name, args...)
	s.ok(err)
	s.Cleanup(func() { p.stop(s.T) })
	s.until("the worker to be there", func() bool {
		if len(p.ended) > 0 {
			s.Fatalf("the worker ended at once:\n%s", p.output)
		}
		return s.servers() > before
	})
	return p
}

func (s *side) servers() int {
	s.Helper()
	list, err := s.inspector.Servers()
	s.ok(err)
	return len(list)
}

// ---- Go's side ----------------------------------------------------------------------------------

func goConfig(queues map[string]int) asynq.Config {
	return asynq.Config{
		Concurrency: 4, Queues: queues, LogLevel: asynq.FatalLevel,
		TaskCheckInterval:        100 * time.Millisecond,
		DelayedTaskCheckInterval: 200 * time.Millisecond, ShutdownTimeout: 2 * time.Second,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour },
	}
}

// An Asynq server in this process, shut down at the test's end.
func (s *side) goWorker(queues map[string]int, handler asynq.Handler) *asynq.Server {
	s.Helper()
	server := asynq.NewServer(connection(), goConfig(queues))
	s.ok(server.Start(handler))
	s.Cleanup(server.Shutdown)
	return server
}

func succeed(context.Context, *asynq.Task) error { return nil }

// Runs the command line with a file as its standard input.
func goferFrom(path string, args ...string) error {
	input, err := os.Open(path)
	if err != nil {
		return err
	}
	defer input.Close()
	command := exec.Command(os.Getenv("GOFER"), append([]string{"--url", url}, args...)...)
	command.Stdin = input
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("gofer %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
