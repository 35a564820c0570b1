// The peers that have Go clients, measured as bench.c measures gofer: one figure a call, in lines
// "name value".
//
//	peers PEER enqueue ADDRESS THREADS COUNT BATCH NAME
//	peers PEER backlog ADDRESS COUNT
//	peers PEER drain ADDRESS COUNT NAME there
//	peers PEER work ADDRESS              a worker until killed
//	peers PEER await ADDRESS COUNT NAME  until such a backlog is gone
//	peers PEER serve ADDRESS FD          a worker until killed; FD receives latencies
//	peers PEER latency ADDRESS ROUNDS NAME [COMMAND WORD...]
//	peers PEER live ADDRESS COUNT RATE NAME
//	peers PEER timed ADDRESS TOTAL RATE SECONDS NAME
//
// What a task is like comes from the environment, as in bench.h.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	_ "unsafe"
)

//go:linkname nanotime runtime.nanotime
func nanotime() int64 // CLOCK_MONOTONIC, the same in all processes of the host

// A queue of one of the peers; any goroutine may call any of these.
type queue interface {
	put(payload []byte) error
	// As its documentation advises for many; a loop where there is no such call.
	putMany(payloads [][]byte) error
	// Not before that time.
	putAt(payloads [][]byte, due time.Time) error
	// Starts a worker that calls run for each task. errForGood: it shall not come again.
	serve(slots int, run func(payload []byte) error) error
	// Tasks that are not finished.
	left() (int, error)
}

var errForGood = errors.New("as asked for")

var peers = map[string]func(address string) (queue, error){
	"asynq": openAsynq, "beanstalkd": openBeanstalk, "goqite": openGoqite, "river": openRiver,
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		log.Fatalf("not a number: %s", text)
	}
	return n
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func knob(name string, otherwise int) int {
	if text := os.Getenv(name); text != "" {
		return number(text)
	}
	return otherwise
}

func slots() int { return knob("BENCH_SLOTS", 10) }

func cpuOf(who int) float64 {
	var used syscall.Rusage
	must(syscall.Getrusage(who, &used))
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e3
}

// The most that this process has had resident. Of getrusage's the parent's is a part.
func memoryKib() int {
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	for _, line := range strings.Split(string(status), "\n") {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "VmHWM:" {
			return number(words[1])
		}
	}
	return 0
}

func printTimes(name string, all []int64) {
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	fmt.Printf("%s_p50_us %.1f\n", name, float64(all[len(all)/2])/1e3)
	fmt.Printf("%s_p99_us %.1f\n", name, float64(all[len(all)*99/100])/1e3)
}

// ---- Enqueue

func feed(q queue, count, batch int) {
	payload := make([]byte, knob("BENCH_PAYLOAD", 64))
	many := make([][]byte, batch)
	for i := range many {
		many[i] = payload
	}
	for ; count > 0; count -= batch {
		if batch == 1 {
			must(q.put(payload))
		} else {
			must(q.putMany(many[:min(batch, count)]))
		}
	}
}

func enqueueMain(q queue, args []string) {
	threads, count, batch := number(args[0]), number(args[1]), number(args[2])
	feed(q, 1, 1) // its connection; outside of the measured time, as with gofer
	var group sync.WaitGroup
	before, begun := cpuOf(syscall.RUSAGE_SELF), time.Now()
	for t := 0; t < threads; t++ {
		group.Add(1)
		go func() {
			defer group.Done()
			feed(q, count/threads, batch)
		}()
	}
	group.Wait()
	done := float64(count / threads * threads)
	fmt.Printf("%s %.0f\n", args[3], done/time.Since(begun).Seconds())
	fmt.Printf("%s_client_cpu_us %.2f\n", args[3], (cpuOf(syscall.RUSAGE_SELF)-before)/done)
}

func backlogMain(q queue, args []string) {
	feed(q, number(args[0]), 100)
}

// ---- Drain

// The index-th task.
func work(index int) error {
	if ms := knob("BENCH_WORK_MS", 0); ms > 0 {
		time.Sleep(time.Duration(ms) * time.Millisecond)
	}
	if index%100 < knob("BENCH_FAIL", 0) {
		return errForGood
	}
	return nil
}

func awaitLess(q queue, than int, pause time.Duration) {
	for {
		left, err := q.left()
		must(err)
		if left < than {
			return
		}
		time.Sleep(pause)
	}
}

func drainMain(q queue, args []string) {
	count := number(args[0])
	var left atomic.Int64
	left.Store(int64(count))
	none := make(chan struct{})
	before, begun := cpuOf(syscall.RUSAGE_SELF), time.Now()
	must(q.serve(slots(), func([]byte) error {
		at := left.Add(-1)
		if at == 0 {
			defer close(none)
		}
		return work(int(at) + 1)
	}))
	<-none
	awaitLess(q, 1, 200*time.Microsecond)
	fmt.Printf("%s %.0f\n", args[1], float64(count)/time.Since(begun).Seconds())
	fmt.Printf("%s_worker_cpu_us %.2f\n", args[1],
		(cpuOf(syscall.RUSAGE_SELF)-before)/float64(count))
	fmt.Printf("%s_worker_kib %d\n", args[1], memoryKib())
}

func workMain(q queue, _ []string) {
	must(q.serve(slots(), func([]byte) error { return work(100) }))
	select {}
}

func awaitMain(q queue, args []string) {
	count := number(args[0])
	awaitLess(q, count, time.Millisecond)
	begun := time.Now()
	awaitLess(q, 1, time.Millisecond)
	fmt.Printf("%s %.0f\n", args[1], float64(count)/time.Since(begun).Seconds())
}

// ---- Latency: a payload begins with the time just before its enqueue

func stamped(size int) []byte {
	payload := make([]byte, max(size, 8))
	binary.NativeEndian.PutUint64(payload, uint64(nanotime()))
	return payload
}

func since(payload []byte) int64 {
	return nanotime() - int64(binary.NativeEndian.Uint64(payload))
}

func serveMain(q queue, args []string) {
	out := os.NewFile(uintptr(number(args[0])), "latencies")
	must(q.serve(slots(), func(payload []byte) error {
		var latency [8]byte
		binary.NativeEndian.PutUint64(latency[:], uint64(since(payload)))
		_, err := out.Write(latency[:])
		return err
	}))
	select {}
}

// A worker in a process of its own, and what it tells. command: with 3, its descriptor, at the end.
func startWorker(command []string) (*exec.Cmd, io.ReadCloser) {
	in, out, err := os.Pipe()
	must(err)
	worker := exec.Command(command[0], append(command[1:], "3")...)
	worker.ExtraFiles = []*os.File{out}
	worker.Stderr = os.Stderr
	worker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(worker.Start())
	must(out.Close())
	return worker, in
}

func readLatency(in io.Reader) int64 {
	var latency [8]byte
	_, err := io.ReadFull(in, latency[:])
	must(err)
	return int64(binary.NativeEndian.Uint64(latency[:]))
}

func ownWorker(mode string) []string {
	self, err := os.Executable()
	must(err)
	return []string{self, os.Args[1], mode, os.Args[3]}
}

func latencyMain(q queue, args []string) {
	command := ownWorker("serve")
	if len(args) > 2 {
		command = args[2:]
	}
	worker, in := startWorker(command)
	one := func() int64 {
		must(q.put(stamped(8)))
		return readLatency(in)
	}
	for i := 0; i < 5; i++ {
		one()
	}
	all := make([]int64, number(args[0]))
	for i := range all {
		time.Sleep(time.Duration(5+i%11) * time.Millisecond)
		all[i] = one()
	}
	printTimes(args[1], all)
	must(worker.Process.Kill())
	_ = worker.Wait()
}

// ---- Live: a worker in a process of its own hands all latencies over at the end

func takeMain(q queue, args []string) {
	count, out := number(args[0]), os.NewFile(uintptr(number(args[1])), "latencies")
	all := make([]byte, 8*(count+1)) // the latencies, and when the last started
	var taken atomic.Int64
	done := make(chan struct{})
	must(q.serve(slots(), func(payload []byte) error {
		latency := since(payload)
		at := taken.Add(1)
		if at <= int64(count) {
			binary.NativeEndian.PutUint64(all[8*(at-1):], uint64(latency))
		}
		if at == int64(count) {
			binary.NativeEndian.PutUint64(all[8*count:], uint64(nanotime()))
			close(done)
		}
		return nil
	}))
	_, err := out.Write(make([]byte, 8)) // it is ready
	must(err)
	<-done
	time.Sleep(100 * time.Millisecond) // the last outcomes
	_, err = out.Write(all)
	must(err)
	os.Exit(0)
}

func liveMain(q queue, args []string) {
	count, rate := number(args[0]), number(args[1])
	worker, in := startWorker(append(ownWorker("take"), args[0]))
	readLatency(in)
	size := knob("BENCH_PAYLOAD", 64)
	before, begun := cpuOf(syscall.RUSAGE_SELF), nanotime()
	for i := 0; i < count; i++ {
		if rate > 0 {
			time.Sleep(time.Duration(begun + int64(i)*1e9/int64(rate) - nanotime()))
		}
		must(q.put(stamped(size)))
	}
	own := cpuOf(syscall.RUSAGE_SELF) - before
	all := make([]int64, count)
	for i := range all {
		all[i] = readLatency(in)
	}
	ended := readLatency(in)
	must(worker.Wait())
	fmt.Printf("%s %.0f\n", args[2], float64(count)*1e9/float64(ended-begun))
	fmt.Printf("%s_client_cpu_us %.2f\n", args[2], own/float64(count))
	fmt.Printf("%s_worker_cpu_us %.2f\n", args[2], cpuOf(syscall.RUSAGE_CHILDREN)/float64(count))
	printTimes(args[2], all)
}

// ---- Timed: a payload is the time at which the task is due, in ms

func dueAt(count int, due time.Time) [][]byte {
	payload := binary.NativeEndian.AppendUint64(nil, uint64(due.UnixMilli()))
	many := make([][]byte, count)
	for i := range many {
		many[i] = payload
	}
	return many
}

// By some at once, for not all have a call for many.
func putAllAt(q queue, count int, due time.Time) {
	const batch, callers = 500, 16
	var group sync.WaitGroup
	free := make(chan struct{}, callers)
	for ; count > 0; count -= batch {
		free <- struct{}{}
		group.Add(1)
		go func(some int) {
			defer func() { <-free; group.Done() }()
			must(q.putAt(dueAt(some, due), due))
		}(min(count, batch))
	}
	group.Wait()
}

// How long it takes to put so many in: as long as some that nobody waits for.
func leadFor(q queue, total int) time.Duration {
	const tried = 8000
	begun := time.Now()
	putAllAt(q, tried, begun.Add(24*time.Hour))
	return 2*time.Second + time.Since(begun)*time.Duration(2*total)/tried
}

func timedMain(q queue, args []string) {
	total, rate := number(args[0]), number(args[1])
	all := make([]int64, min(total, rate*number(args[2])))
	first := time.Now().Add(leadFor(q, total)).Truncate(time.Second)
	for second := (total - 1) / rate; second >= 0; second-- {
		putAllAt(q, min(total-second*rate, rate), first.Add(time.Duration(second)*time.Second))
	}
	if time.Now().After(first) {
		log.Fatal("too slow: tasks were due before all were in")
	}
	time.Sleep(time.Until(first) - 500*time.Millisecond)
	var taken, noted atomic.Int64
	done := make(chan struct{})
	before := cpuOf(syscall.RUSAGE_SELF)
	must(q.serve(slots(), func(payload []byte) error {
		late := time.Now().UnixMilli() - int64(binary.NativeEndian.Uint64(payload))
		at := taken.Add(1)
		if at <= int64(len(all)) {
			all[at-1] = late * 1e6
			if noted.Add(1) == int64(len(all)) {
				close(done)
			}
		}
		return nil
	}))
	<-done
	count := float64(len(all))
	fmt.Printf("%s %.0f\n", args[3], count/time.Since(first).Seconds())
	fmt.Printf("%s_worker_cpu_us %.2f\n", args[3], (cpuOf(syscall.RUSAGE_SELF)-before)/count)
	printTimes(args[3], all)
}

func main() {
	log.SetFlags(0)
	modes := map[string]struct {
		words int
		run   func(queue, []string)
	}{
		"enqueue": {4, enqueueMain}, "backlog": {1, backlogMain}, "drain": {2, drainMain},
		"work": {0, workMain}, "await": {2, awaitMain}, "serve": {1, serveMain},
		"latency": {2, latencyMain}, "take": {2, takeMain}, "live": {3, liveMain},
		"timed": {4, timedMain},
	}
	if len(os.Args) > 3 {
		open, known := peers[os.Args[1]]
		mode, found := modes[os.Args[2]]
		if known && found && len(os.Args)-4 >= mode.words {
			q, err := open(os.Args[3])
			must(err)
			mode.run(q, os.Args[4:])
			return
		}
	}
	log.Fatal("usage: peers PEER MODE ADDRESS ...; see main.go")
}
