package main

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/beanstalkd/go-beanstalk"
)

// beanstalkd: a connection is for one goroutine at a time, so each worker slot has its own, and
// producers share some. No call for many tasks.
type beanstalkQueue struct {
	address string
	idle    sync.Pool
}

func openBeanstalk(address string) (queue, error) {
	q := &beanstalkQueue{address: address}
	conn, err := q.connect()
	if err == nil {
		q.idle.Put(conn)
	}
	return q, err
}

func (q *beanstalkQueue) connect() (*beanstalk.Conn, error) {
	return beanstalk.Dial("tcp", q.address)
}

func (q *beanstalkQueue) with(do func(*beanstalk.Conn) error) error {
	conn, _ := q.idle.Get().(*beanstalk.Conn)
	if conn == nil {
		fresh, err := q.connect()
		if err != nil {
			return err
		}
		conn = fresh
	}
	err := do(conn)
	q.idle.Put(conn)
	return err
}

func (q *beanstalkQueue) put(payload []byte) error {
	return q.putMany([][]byte{payload})
}

func (q *beanstalkQueue) putMany(payloads [][]byte) error {
	return q.putAt(payloads, time.Now())
}

// Its delays are whole seconds: not before that time.
func (q *beanstalkQueue) putAt(payloads [][]byte, due time.Time) error {
	return q.with(func(conn *beanstalk.Conn) error {
		for _, payload := range payloads {
			delay := time.Duration(0)
			if left := time.Until(due); left > 0 {
				delay = (left + time.Second - 1).Truncate(time.Second)
			}
			if _, err := conn.Put(payload, 1024, delay, 60*time.Second); err != nil {
				return err
			}
		}
		return nil
	})
}

func (q *beanstalkQueue) take(conn *beanstalk.Conn, run func([]byte) error) {
	for {
		id, body, err := conn.Reserve(time.Hour)
		var failed beanstalk.ConnError
		if errors.As(err, &failed) && errors.Is(failed.Err, beanstalk.ErrTimeout) {
			continue
		}
		must(err)
		if run(body) == nil {
			must(conn.Delete(id))
		} else {
			must(conn.Release(id, 1024, time.Second))
		}
	}
}

func (q *beanstalkQueue) serve(slots int, run func([]byte) error) error {
	for i := 0; i < slots; i++ {
		conn, err := q.connect()
		if err != nil {
			return err
		}
		go q.take(conn, run)
	}
	return nil
}

func (q *beanstalkQueue) left() (int, error) {
	sum := 0
	err := q.with(func(conn *beanstalk.Conn) error {
		stats, err := conn.Stats()
		for _, name := range []string{"current-jobs-ready", "current-jobs-reserved"} {
			some, wrong := strconv.Atoi(stats[name])
			err = errors.Join(err, wrong)
			sum += some
		}
		return err
	})
	return sum, err
}
