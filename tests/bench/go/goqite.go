package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"maragu.dev/goqite"
)

// goqite on SQLite, with the settings that its documentation shows: WAL, a time to wait for locks,
// one connection. But it syncs every commit, as gofer does: this driver's default in WAL does not.
// Its runner of jobs encodes payloads by gob; here a slot receives, runs and deletes a message,
// which is less. GOQITE_SCHEMA names the schema_sqlite.sql of its module.
type goqiteQueue struct {
	db *sql.DB
	q  *goqite.Queue
}

func openGoqite(path string) (queue, error) {
	_, missing := os.Stat(path)
	db, err := sql.Open("sqlite3", path+"?_journal=WAL&_timeout=5000&_fk=true&_sync=FULL")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	if missing != nil {
		schema, err := os.ReadFile(os.Getenv("GOQITE_SCHEMA"))
		if err == nil {
			_, err = db.Exec(string(schema))
		}
		if err != nil {
			return nil, err
		}
	}
	return &goqiteQueue{db, goqite.New(goqite.NewOpts{DB: db, Name: "default",
		Timeout: time.Minute})}, nil
}

func (g *goqiteQueue) put(payload []byte) error {
	return g.q.Send(context.Background(), goqite.Message{Body: payload})
}

func (g *goqiteQueue) putMany(payloads [][]byte) error {
	return g.putAt(payloads, time.Now())
}

// Within one transaction, as it offers.
func (g *goqiteQueue) putAt(payloads [][]byte, due time.Time) error {
	tx, err := g.db.Begin()
	if err != nil {
		return err
	}
	for _, payload := range payloads {
		message := goqite.Message{Body: payload, Delay: max(0, time.Until(due))}
		if err := g.q.SendTx(context.Background(), tx, message); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (g *goqiteQueue) take(run func([]byte) error) {
	for {
		m, err := g.q.ReceiveAndWait(context.Background(), 100*time.Millisecond)
		must(err)
		if m != nil && run(m.Body) == nil {
			must(g.q.Delete(context.Background(), m.ID))
		}
	}
}

func (g *goqiteQueue) serve(slots int, run func([]byte) error) error {
	for i := 0; i < slots; i++ {
		go g.take(run)
	}
	return nil
}

func (g *goqiteQueue) left() (int, error) {
	var count int
	err := g.db.QueryRow("select count(*) from goqite").Scan(&count)
	return count, err
}
