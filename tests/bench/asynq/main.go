// Asynq's side of the comparison: the same work as bench.c does, one figure a call.
//
//	asynqbench enqueue ADDRESS THREADS COUNT BATCH NAME
//	asynqbench drain ADDRESS COUNT NAME [there]
//	asynqbench serve ADDRESS FD          a worker until killed; FD receives latencies
//	asynqbench latency ADDRESS ROUNDS NAME [COMMAND WORD...]
//
// ADDRESS is host:port. Asynq has no call for many tasks: a batch is a loop.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	_ "unsafe"

	"github.com/hibiken/asynq"
)

const payloadSize, concurrency = 64, 10

//go:linkname nanotime runtime.nanotime
func nanotime() int64 // CLOCK_MONOTONIC, the same in all processes of the host

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		log.Fatalf("not a positive number: %s", text)
	}
	return n
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// ---- Enqueue

func enqueue(address string, threads, count int) float64 {
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: address})
	defer client.Close()
	payload := make([]byte, payloadSize)
	copy(payload, "0123456789abcdef")
	var group sync.WaitGroup
	begun := time.Now()
	for t := 0; t < threads; t++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < count/threads; i++ {
				_, err := client.Enqueue(asynq.NewTask("noop", payload))
				must(err)
			}
		}()
	}
	group.Wait()
	return float64(count/threads*threads) / time.Since(begun).Seconds()
}

func enqueueMain(args []string) {
	fmt.Printf("%s %.0f\n", args[4], enqueue(args[0], number(args[1]), number(args[2])))
}

// ---- Drain

func newServer(address string) *asynq.Server {
	return asynq.NewServer(asynq.RedisClientOpt{Addr: address},
		asynq.Config{Concurrency: concurrency, LogLevel: asynq.FatalLevel})
}

func drainMain(args []string) {
	count := number(args[1])
	if len(args) < 4 {
		enqueue(args[0], 1, count)
	}
	var left atomic.Int64
	left.Store(int64(count))
	none := make(chan struct{})
	server := newServer(args[0])
	begun := time.Now()
	must(server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		if left.Add(-1) == 0 {
			close(none)
		}
		return nil
	})))
	<-none
	inspector := asynq.NewInspector(asynq.RedisClientOpt{Addr: args[0]})
	for {
		info, err := inspector.GetQueueInfo("default")
		must(err)
		if info.Size == 0 {
			break
		}
		time.Sleep(200 * time.Microsecond)
	}
	fmt.Printf("%s %.0f\n", args[2], float64(count)/time.Since(begun).Seconds())
	server.Shutdown()
}

// ---- Latency

func serveMain(args []string) {
	out := os.NewFile(uintptr(number(args[1])), "latencies")
	server := newServer(args[0])
	must(server.Run(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		now := nanotime()
		if len(task.Payload()) != 8 {
			return nil
		}
		var latency [8]byte
		sent := int64(binary.NativeEndian.Uint64(task.Payload()))
		binary.NativeEndian.PutUint64(latency[:], uint64(now-sent))
		_, err := out.Write(latency[:])
		return err
	})))
}

func oneRound(client *asynq.Client, in io.Reader) int64 {
	var payload, latency [8]byte
	binary.NativeEndian.PutUint64(payload[:], uint64(nanotime()))
	_, err := client.Enqueue(asynq.NewTask("ping", payload[:]))
	must(err)
	_, err = io.ReadFull(in, latency[:])
	must(err)
	return int64(binary.NativeEndian.Uint64(latency[:]))
}

func measure(address string, rounds int, in io.Reader, name string) {
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: address})
	defer client.Close()
	for i := 0; i < 5; i++ {
		oneRound(client, in)
	}
	all := make([]int64, rounds)
	for i := range all {
		time.Sleep(time.Duration(5+i%11) * time.Millisecond)
		all[i] = oneRound(client, in)
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	fmt.Printf("%s_p50_us %.1f\n", name, float64(all[rounds/2])/1e3)
	fmt.Printf("%s_p99_us %.1f\n", name, float64(all[rounds*99/100])/1e3)
}

// latency ADDRESS ROUNDS NAME [COMMAND WORD...]: the worker is COMMAND with the number of its
// descriptor (3) at the end, or Asynq's own.
func latencyMain(args []string) {
	in, out, err := os.Pipe()
	must(err)
	self, err := os.Executable()
	must(err)
	words := []string{self, "serve", args[0]}
	if len(args) > 3 {
		words = args[3:]
	}
	worker := exec.Command(words[0], append(words[1:], "3")...)
	worker.ExtraFiles = []*os.File{out}
	worker.Stderr = os.Stderr
	must(worker.Start())
	must(out.Close())
	measure(args[0], number(args[1]), in, args[2])
	must(worker.Process.Kill())
	_ = worker.Wait()
}

func main() {
	log.SetFlags(0)
	modes := map[string]struct {
		words int
		run   func([]string)
	}{
		"enqueue": {5, enqueueMain}, "drain": {3, drainMain},
		"serve": {2, serveMain}, "latency": {3, latencyMain},
	}
	if len(os.Args) > 1 {
		if mode, found := modes[os.Args[1]]; found && len(os.Args)-2 >= mode.words {
			mode.run(os.Args[2:])
			return
		}
	}
	log.Fatal("usage: asynqbench enqueue|drain|serve|latency ...")
}
