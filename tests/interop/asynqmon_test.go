package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
)

// The routes of asynqmon as gofer answers them, beside asynqmon itself on the same Redis.
type monitors struct {
	*side
	ours, theirs string // "http://.../asynqmon"
}

type answer struct {
	status int
	body   string
	value  any // of JSON; nil: it is none
}

func (s *side) monitors() *monitors {
	s.Helper()
	handler := asynqmon.New(asynqmon.Options{
		RedisConnOpt: connection(), RootPath: "/asynqmon", PrometheusAddress: "http://127.0.0.1:1"})
	server := httptest.NewServer(handler)
	s.Cleanup(func() { server.Close(); handler.Close() })
	return &monitors{s, s.goferWeb(), server.URL + "/asynqmon"}
}

// A `gofer web` whose visitors may do everything. Comes back when it answers.
func (s *side) goferWeb() string {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.ok(err)
	address := listener.Addr().String()
	listener.Close()
	web, err := start(nil, os.Getenv("GOFER"), "--url", url, "web", "--asynqmon", "--anonymous",
		"admin", "--tokens", filepath.Join(folder, "no-tokens"), "--listen", address)
	s.ok(err)
	s.Cleanup(func() { web.stop(s.T) })
	s.until("gofer web to answer", func() bool {
		response, err := http.Get("http://" + address + "/readyz")
		if err == nil {
			response.Body.Close()
		} else if len(web.ended) > 0 {
			s.Fatalf("gofer web ended at once:\n%s", web.output)
		}
		return err == nil
	})
	return "http://" + address + "/asynqmon"
}

func (m *monitors) ask(root, method, path, body string) answer {
	m.Helper()
	request, err := http.NewRequest(method, root+"/api"+path, strings.NewReader(body))
	m.ok(err)
	if method != "GET" { // what a browser says of a page of this very server
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json;charset=utf-8")
	}
	response, err := http.DefaultClient.Do(request)
	m.ok(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	m.ok(err)
	a := answer{status: response.StatusCode, body: string(text)}
	if json.Unmarshal(text, &a.value) != nil {
		a.value = nil
	}
	return a
}

// ---- what may differ ----------------------------------------------------------------------------

// Lists whose order Asynq leaves to chance.
var unordered = []string{"queues", "groups", "servers", "entries", "active_workers"}

// What is of the moment at which it was asked.
var moving = []string{"timestamp", "latency_msec", "display_latency", "ttl_seconds"}

func text(value any) string {
	out, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// The value without what may differ: times are points in time to the second, whatever their zone.
func settled(value any, name string) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, member := range v {
			if slices.Contains(moving, key) {
				member = fmt.Sprintf("%T", member)
			}
			if key == "next_process_at" && v["state"] == "pending" {
				member = "now"
			}
			out[key] = settled(member, key)
		}
		if raw, ok := out["raw_info"].(string); ok { // INFO: its names, and what stands still
			info := out["info"].(map[string]any)
			out["raw_info"] = strings.HasPrefix(raw, "# Server\r\n")
			for key := range info {
				if !slices.Contains([]string{"redis_version", "tcp_port", "run_id", "role"}, key) {
					info[key] = "there"
				}
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = settled(v[i], "")
		}
		if slices.Contains(unordered, name) {
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		}
		return out
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return at.Unix()
		}
	}
	return value
}

// Asks both until they agree, for what they look at moves on.
func (m *monitors) agree(path string) {
	m.Helper()
	var ours, theirs answer
	for try := 0; try < 20; try++ {
		ours, theirs = m.ask(m.ours, "GET", path, ""), m.ask(m.theirs, "GET", path, "")
		if ours.status == theirs.status && theirs.value != nil &&
			text(settled(ours.value, "")) == text(settled(theirs.value, "")) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	m.Errorf("GET %s\n ours   %d %s\n theirs %d %s", path, ours.status,
		text(settled(ours.value, ours.body)), theirs.status, text(settled(theirs.value, theirs.body)))
}

// ---- tasks in any state, without anybody who works on them --------------------------------------

var states = []string{"active", "pending", "scheduled", "retry", "archived", "completed"}

func (s *side) redis(args ...any) {
	s.Helper()
	s.ok(rdb.Do(context.Background(), args...).Err())
}

// As a server leaves it that died (active), or whose clock is set (the others).
func (s *side) place(queue, id, state, payload string) {
	s.Helper()
	s.enqueue(asynq.NewTask("kind:of", []byte(payload)), asynq.Queue(queue), asynq.TaskID(id),
		asynq.MaxRetry(7), asynq.Timeout(90*time.Second), asynq.Retention(time.Hour))
	base := "asynq:{" + queue + "}:"
	if state == "pending" {
		return
	}
	s.redis("LREM", base+"pending", 1, id)
	s.redis("HSET", base+"t:"+id, "state", state)
	s.redis("HDEL", base+"t:"+id, "pending_since")
	at := time.Now().Add(time.Hour).Unix()
	if state == "completed" { // its message says when: the field 13, behind the others
		message, err := rdb.HGet(context.Background(), base+"t:"+id, "msg").Bytes()
		s.ok(err)
		message = binary.AppendUvarint(append(message, 13<<3), uint64(at-3600))
		s.redis("HSET", base+"t:"+id, "msg", message)
	}
	if state == "active" {
		s.redis("LPUSH", base+state, id)
		s.redis("ZADD", base+"lease", at, id)
	} else {
		s.redis("ZADD", base+state, at, id)
	}
}

func (m *monitors) wholeStore() {
	s := m.side
	s.goStates() // queue q, with a live Go server, paused
	for i, payload := range []string{`{"a":1}`, "two\nlines", "\x00\xff", "ünï ≈ 漢字 😀", "", "   ",
		"nb\u00a0sp", "zero\u200bwidth", "soft\u00adhyphen", "private\ue000", `<&>"\`} {
		s.place("words", fmt.Sprint("p", i), "pending", payload)
		s.place("words", fmt.Sprint("c", i), "completed", payload)
	}
	for _, state := range states {
		for i := range 25 {
			s.place("many", fmt.Sprintf("%s-%02d", state, i), state, "x")
		}
	}
	s.redis("ZADD", "asynq:{many}:lease", 1, "active-03") // its lease has run out
	s.redis("SET", "asynq:{many}:processed:"+day(-3), 12)
	s.redis("SET", "asynq:{many}:failed:"+day(-3), 5)
	s.redis("SET", "asynq:{many}:processed:"+day(0), 2)
	for i := range 7 {
		for _, group := range []string{"a group", "g:2"} {
			s.enqueue(asynq.NewTask("kind:of", []byte("x")), asynq.Queue("grouped"),
				asynq.TaskID(fmt.Sprint(group[:1], i)), asynq.Group(group))
		}
	}
	scheduler := asynq.NewScheduler(connection(), &asynq.SchedulerOpts{LogLevel: asynq.FatalLevel})
	_, err := scheduler.Register("@every 1s", asynq.NewTask("tick", []byte("pay")),
		asynq.Queue("ticks"), asynq.MaxRetry(3), asynq.Timeout(90*time.Second))
	s.ok(err)
	_, err = scheduler.Register("0 3 * * *", asynq.NewTask("night", nil), asynq.Unique(time.Hour),
		asynq.Deadline(time.Now().Add(48*time.Hour)), asynq.ProcessIn(2*time.Second))
	s.ok(err)
	s.ok(scheduler.Start())
	s.Cleanup(scheduler.Shutdown)
	s.gofer("cron", "add", "own", "30 4 * * *", "report", "pay", "--tz", "Europe/Berlin",
		"--queue", "ticks", "--timeout", "1m30s")
	s.goferWorker("--queue", "served=3", "--queue", "other", "--exec", "stay=sleep 60")
	s.gofer("enqueue", "stay", "sleeps", "--queue", "served", "--id", "sleeper")
	s.await("served", "sleeper", asynq.TaskStateActive)
}

func day(from int) string { return time.Now().UTC().AddDate(0, 0, from).Format("2006-01-02") }

// ---- looking ------------------------------------------------------------------------------------

func TestGofersRoutesOfAsynqmonAnswerAsItself(t *testing.T) {
	m := setUp(t).monitors()
	m.agree("/queues") // of an empty store
	m.agree("/queue_stats")
	m.agree("/servers")
	m.agree("/scheduler_entries")
	m.wholeStore()

	m.until("all workers and entries to be shown", func() bool {
		servers := record(m.ask(m.theirs, "GET", "/servers", "").value.(map[string]any)).list("servers")
		running := 0
		for _, server := range servers {
			running += len(server.list("active_workers"))
		}
		entries := m.ask(m.theirs, "GET", "/scheduler_entries", "").value.(map[string]any)
		return len(servers) == 2 && running == 2 && len(entries["entries"].([]any)) == 3
	})
	for _, path := range []string{"/queues", "/queue_stats", "/servers", "/scheduler_entries",
		"/redis_info", "/queues/q", "/queues/many", "/queues/many/groups", "/queues/grouped/groups",
		"/queues/grouped/groups/a%20group/aggregating_tasks?size=3&page=2",
		"/queues/grouped/groups/g:2/aggregating_tasks", "/queues/grouped/groups/none/aggregating_tasks",
		"/queues/words/tasks/p3", "/queues/grouped/tasks/a1", "/queues/served/active_tasks"} {
		m.agree(path)
	}
	for _, state := range states {
		m.agree("/queues/q/" + state + "_tasks")
		m.agree("/queues/q/tasks/" + state)
		m.agree("/queues/words/" + state + "_tasks")
		m.agree("/queues/many/tasks/" + state + "-07")
		for _, query := range []string{"", "?page=2", "?page=3&size=10", "?size=7&page=4", "?page=9",
			"?size=100", "?size=x&page=y"} {
			m.agree("/queues/many/" + state + "_tasks" + query)
		}
	}
	shown := record(m.ask(m.theirs, "GET", "/scheduler_entries", "").value.(map[string]any))
	for _, entry := range shown.list("entries") {
		m.agree("/scheduler_entries/" + entry.text("id") + "/enqueue_events")
		m.agree("/scheduler_entries/" + entry.text("id") + "/enqueue_events?size=1&page=2")
	}
	m.agree("/scheduler_entries/none/enqueue_events")
}

// A page far behind the first: by number, as both stores' indexes have it.
func TestAPageDeepInAnArchiveIsAnsweredAlike(t *testing.T) {
	const all, chunk = 100_000, 10_000
	m := setUp(t).monitors()
	for i := range 40 {
		m.place("deep", fmt.Sprint("id", i), "archived", "x")
	}
	m.redis("DEL", "asynq:{deep}:archived")
	for at := 0; at < all; at += chunk {
		members := make([]redis.Z, chunk)
		for i := range members { // 20 with messages come first, which are weighed, 20 in the very end
			id := fmt.Sprintf("hollow%d", at+i)
			if at+i < 20 {
				id = fmt.Sprint("id", at+i)
			} else if rest := all - at - i; rest <= 20 {
				id = fmt.Sprint("id", 40-rest)
			}
			members[i] = redis.Z{Score: float64(1e9 + at + i), Member: id}
		}
		m.ok(rdb.ZAdd(context.Background(), "asynq:{deep}:archived", members...).Err())
	}
	m.agree("/queues/deep/archived_tasks?size=20&page=5000")
	m.agree("/queues/deep/archived_tasks?size=7&page=14284")
}

// ---- acting -------------------------------------------------------------------------------------

// One queue is acted on through gofer, its twin through asynqmon.
type twins struct{ *monitors }

func (w *twins) place(id, state string) {
	w.Helper()
	w.side.place("ours", id, state, "x")
	w.side.place("theirs", id, state, "x")
}

// The answers must be the same, but for the name of the queue. same: their texts, too.
func (w *twins) act(method, path, body string) answer {
	w.Helper()
	ours := w.ask(w.ours, method, "/queues/ours"+path, body)
	theirs := w.ask(w.theirs, method, "/queues/theirs"+path, body)
	renamed := strings.ReplaceAll(ours.body, "ours", "theirs")
	alike := renamed == theirs.body
	if theirs.value != nil && ours.value != nil {
		alike = strings.ReplaceAll(text(ours.value), "ours", "theirs") == text(theirs.value)
	}
	if ours.status != theirs.status || !alike {
		w.Errorf("%s %s %s\n ours   %d %s\n theirs %d %s", method, path, body, ours.status, ours.body,
			theirs.status, theirs.body)
	}
	return ours
}

// Which tasks are where, by the real inspector.
func (w *twins) compare(after string) {
	w.Helper()
	of := func(queue string) string {
		var out []string
		for _, state := range states {
			page := w.ask(w.theirs, "GET", "/queues/"+queue+"/"+state+"_tasks?size=1000", "").value
			var ids []string
			for _, task := range record(page.(map[string]any)).list("tasks") {
				ids = append(ids, task.text("id"))
			}
			slices.Sort(ids)
			out = append(out, state+"="+strings.Join(ids, ","))
		}
		return strings.Join(out, " ")
	}
	same(w.side, "after "+after, of("ours"), of("theirs"))
}

func TestActsThroughGoferAreThoseOfAsynqmon(t *testing.T) {
	w := &twins{setUp(t).monitors()}
	verbs := map[string][]string{
		"pending": {"archive", "delete"}, "scheduled": {"run", "archive", "delete"},
		"retry": {"run", "archive", "delete"}, "archived": {"run", "delete"}, "completed": {"delete"},
	}
	for _, state := range states[1:] {
		for _, verb := range verbs[state] {
			for _, number := range []string{"one", "two", "three", "four"} {
				w.place(verb+"-"+state+"-"+number, state)
			}
			list, one, all := "/"+state+"_tasks", "POST", "POST"
			single := list + "/" + verb + "-" + state + "-one:" + verb
			if verb == "delete" {
				one, all, single = "DELETE", "DELETE", strings.TrimSuffix(single, ":delete")
			}
			ids := text(map[string]any{"task_ids": []string{verb + "-" + state + "-two", "none"}})
			w.act(one, single, "")
			w.act(one, strings.Replace(single, "-one", "-none", 1), "")
			w.act("POST", list+":batch_"+verb, ids)
			w.act("POST", list+":batch_"+verb, `{"task_ids":[]}`)
			w.act("POST", list+":batch_"+verb, `{"task_ids":null}`)
			same(w.side, "an unknown member",
				w.ask(w.ours, "POST", "/queues/ours"+list+":batch_"+verb, `{"ids":[]}`).status, 400)
			same(w.side, "no body", w.ask(w.ours, "POST", "/queues/ours"+list+":batch_"+verb, "").status,
				400)
			w.act(all, list+":"+verb+"_all", "")
			w.compare(verb + " of " + state)
		}
	}
	w.place("busy", "active")
	w.place("waits", "pending")
	w.place("aside", "archived")
	for _, path := range []string{"/scheduled_tasks/busy:run", "/scheduled_tasks/waits:run",
		"/pending_tasks/busy:archive", "/pending_tasks/aside:archive"} {
		w.act("POST", path, "") // refused
	}
	w.act("DELETE", "/pending_tasks/busy", "")
	w.act("DELETE", "", "") // it has tasks
	w.act("POST", ":resume", "")
	w.act("POST", ":pause", "")
	w.act("POST", ":pause", "")
	w.act("POST", ":resume", "")
	w.act("POST", "/active_tasks/none:cancel", "")
	w.act("POST", "/active_tasks:batch_cancel", `{"task_ids":["none","other"]}`)
	w.compare("refusals")
	for _, path := range []string{"/pending_tasks", "/tasks/x", "/groups/g/aggregating_tasks"} {
		w.missing("GET", path)
	}
	w.missing("DELETE", "/pending_tasks/x")
	w.missing("DELETE", "")
}

// A queue that there is not.
func (w *twins) missing(method, path string) {
	w.Helper()
	ours := w.ask(w.ours, method, "/queues/none"+path, "")
	theirs := w.ask(w.theirs, method, "/queues/none"+path, "")
	if ours.status != theirs.status || ours.body != theirs.body {
		w.Errorf("%s %s: ours %v, theirs %v", method, path, ours, theirs)
	}
}

func TestActsOnGroupsAreThoseOfAsynqmon(t *testing.T) {
	w := &twins{setUp(t).monitors()}
	for _, verb := range []string{"run", "archive", "delete"} {
		for _, queue := range []string{"ours", "theirs"} {
			for i := range 5 {
				w.enqueue(asynq.NewTask("k", nil), asynq.Queue(queue), asynq.Group("g"),
					asynq.TaskID(fmt.Sprint(verb, i)))
			}
			w.enqueue(asynq.NewTask("k", nil), asynq.Queue(queue), asynq.Group("gg"),
				asynq.TaskID(verb+"-other"))
		}
		list, method, single := "/groups/g/aggregating_tasks", "POST", "/"+verb+"0:"+verb
		if verb == "delete" {
			method, single = "DELETE", "/delete0"
		}
		w.act(method, list+single, "")
		w.act("POST", list+":batch_"+verb, fmt.Sprintf(`{"task_ids":["%s1","none"]}`, verb))
		w.act(method, list+":"+verb+"_all", "")
		w.compare(verb)
		same(w.side, "the others stay", len(record(w.ask(w.theirs, "GET",
			"/queues/ours/groups/gg/aggregating_tasks", "").value.(map[string]any)).list("tasks")) > 0, true)
	}
}

func TestATaskIsCancelledThroughAsynqmonsRoute(t *testing.T) {
	m := setUp(t).monitors()
	ended := make(chan error, 8)
	stay := func(ctx context.Context, _ *asynq.Task) error {
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	m.goWorker(map[string]int{"q": 1}, asynq.HandlerFunc(stay))
	for i, path := range []string{"/active_tasks/%s:cancel", "/active_tasks:cancel_all",
		"/active_tasks:batch_cancel"} {
		id, body := fmt.Sprint("t", i), ""
		m.enqueue(asynq.NewTask("stay", nil), asynq.Queue("q"), asynq.TaskID(id), asynq.MaxRetry(1))
		m.await("q", id, asynq.TaskStateActive)
		if strings.Contains(path, "%s") {
			path = fmt.Sprintf(path, id)
		} else if strings.Contains(path, "batch") {
			body = fmt.Sprintf(`{"task_ids":["%s"]}`, id)
		}
		m.until("the server to hear of it", func() bool {
			if a := m.ask(m.ours, "POST", "/queues/q"+path, body); a.status/100 != 2 {
				m.Fatalf("%s: %v", path, a)
			}
			select {
			case err := <-ended:
				return errors.Is(err, context.Canceled)
			case <-time.After(50 * time.Millisecond):
				return false
			}
		})
		m.await("q", id, asynq.TaskStateRetry)
	}
}

// ---- the page of asynqmon itself, in a browser --------------------------------------------------

// A session of chromedriver.
type browser struct {
	*side
	root string
}

func (b *browser) command(method, path string, body any) any {
	b.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		b.ok(err)
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, b.root+path, sent)
	b.ok(err)
	response, err := (&http.Client{Timeout: patience}).Do(request)
	b.ok(err)
	defer response.Body.Close()
	var got struct{ Value any }
	b.ok(json.NewDecoder(response.Body).Decode(&got))
	if response.StatusCode != 200 {
		return fmt.Errorf("%v", got.Value)
	}
	return got.Value
}

func (s *side) browser() *browser {
	s.Helper()
	driver, err := exec.LookPath("chromedriver")
	if err != nil {
		if os.Getenv("GOFER_NO_SKIPS") != "" {
			s.Fatal("there is no chromedriver here")
		}
		s.Skip("there is no chromedriver here")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.ok(err)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	// In a group of its own, with the browsers that it starts, and without a pipe that these hold.
	p := exec.Command(driver, "--port="+port)
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.ok(p.Start())
	s.Cleanup(func() { syscall.Kill(-p.Process.Pid, syscall.SIGKILL); p.Wait() })
	b := &browser{s, "http://127.0.0.1:" + port}
	s.until("chromedriver to answer", func() bool {
		response, err := http.Get(b.root + "/status")
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	})
	options := map[string]any{"args": []string{"--headless=new", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--user-data-dir=" + s.TempDir(),
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"}}
	made := b.command("POST", "/session", map[string]any{"capabilities": map[string]any{
		"alwaysMatch": map[string]any{"goog:chromeOptions": options}}})
	session, ok := made.(map[string]any)
	if !ok {
		s.Fatalf("no session: %v", made)
	}
	b.root += "/session/" + session["sessionId"].(string)
	s.Cleanup(func() { b.command("DELETE", "", nil) })
	return b
}

func (b *browser) open(address string) {
	b.Helper()
	if err, failed := b.command("POST", "/url", map[string]any{"url": address}).(error); failed {
		b.Fatal(err)
	}
}

func (b *browser) run(script string, args ...any) any {
	b.Helper()
	if args == nil {
		args = []any{}
	}
	return b.command("POST", "/execute/sync", map[string]any{"script": script, "args": args})
}

// Until the page shows all of these.
func (b *browser) shows(words ...string) {
	b.Helper()
	var seen string
	for end := time.Now().Add(patience / 2); ; time.Sleep(50 * time.Millisecond) {
		seen, _ = b.run("return document.body ? document.body.innerText : ''").(string)
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(seen, word) }) {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("the page does not show %q:\n%s", words, seen)
		}
	}
}

// Clicks the first element with this label (or title) that is in sight.
func (b *browser) click(selector string) {
	b.Helper()
	b.until("a click on "+selector, func() bool {
		clicked, _ := b.run(`const e = document.querySelector(arguments[0]);
			if (!e || e.disabled) return false; e.click(); return true`, selector).(bool)
		return clicked
	})
}

func TestThePageOfAsynqmonWorksOnGofersRoutes(t *testing.T) {
	s := setUp(t)
	b := s.browser()
	m := s.monitors()
	for _, id := range []string{"runme", "deleteme", "leaveme"} {
		s.place("mail", id, "archived", `{"to":"ada"}`)
	}
	s.place("mail", "waiting", "pending", "x")

	// As people have it: asynqmon's own files, and its API from gofer.
	ours, err := neturl.Parse(m.ours)
	s.ok(err)
	theirs, err := neturl.Parse(m.theirs)
	s.ok(err)
	files := httputil.NewSingleHostReverseProxy(&neturl.URL{Scheme: "http", Host: theirs.Host})
	api := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&neturl.URL{Scheme: "http", Host: ours.Host})
		r.Out.Host = r.In.Host
	}}
	front := http.NewServeMux()
	front.Handle("/asynqmon/api/", api)
	front.Handle("/", files)
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)

	b.open(server.URL + "/asynqmon/")
	b.shows("mail", "Queue Size")
	b.open(server.URL + "/asynqmon/queues/mail?status=archived")
	b.shows("runme", "deleteme", "leaveme", "kind:of")
	b.open(server.URL + "/asynqmon/queues/mail/tasks/leaveme")
	b.shows("leaveme", "ada", "archived")
	b.open(server.URL + "/asynqmon/servers")
	b.shows("Servers")
	b.open(server.URL + "/asynqmon/schedulers")
	b.shows("Scheduler Entries")
	b.open(server.URL + "/asynqmon/redis")
	b.shows("Redis Info", addr)

	// Its buttons, of which it knows nothing of our header.
	b.open(server.URL + "/asynqmon/queues/mail?status=archived")
	b.shows("runme", "deleteme", "leaveme")
	fetched, _ := b.run(`const done = [];
		const ask = (method, path, body) => {
			const r = new XMLHttpRequest();
			r.open(method, window.FLAG_ROOT_PATH + "/api" + path, false);
			if (body) r.setRequestHeader("Content-Type", "application/json;charset=utf-8");
			r.send(body); done.push(r.status);
		};
		ask("POST", "/queues/mail/archived_tasks/runme:run");
		ask("DELETE", "/queues/mail/archived_tasks/deleteme");
		ask("POST", "/queues/mail/archived_tasks:batch_delete", '{"task_ids":["none"]}');
		return done.join(" ")`).(string)
	same(s, "what its page may do", fetched, "204 204 200")
	s.await("mail", "runme", asynq.TaskStatePending)
	s.awaitGone("mail", "deleteme")
	b.open(server.URL + "/asynqmon/queues/mail?status=archived")
	b.shows("leaveme")
	b.click("thead input[type=checkbox]")
	b.click("button[title='Delete']")
	s.awaitGone("mail", "leaveme")

	// A page of another site has no such way in.
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "<!doctype html><title>stranger</title><p>stranger</p>")
	}))
	t.Cleanup(stranger.Close)
	b.open(strings.Replace(stranger.URL, "127.0.0.1", "localhost", 1) + "/")
	b.run(`const r = new XMLHttpRequest();
		r.open("POST", arguments[0], false);
		try { r.send(); } catch (e) { return e.name; }`, server.URL+"/asynqmon/api/queues/mail:pause")
	queue, err := s.inspector.GetQueueInfo("mail")
	s.ok(err)
	same(s, "paused by a stranger", queue.Paused, false)
}
