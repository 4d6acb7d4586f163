// Package demo makes the three systems that `syncline demo` shows, changes them
// behind Syncline's back and reads them again with nothing of Syncline's, so
// that what is said about them is not Syncline's own word.
package demo

import (
	"context"
	"database/sql"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/text/unicode/norm"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Sync is the name of the demo's definition.
const Sync = "people"

//go:embed mappings/*.yaml
var definitions embed.FS

// mark is the file by which a folder is known to be a demo's, and no more than
// that.
const mark = ".syncline-demo"

// Site is a folder with a CRM and a billing system, which are SQLite
// databases, and the newsletter's list, which is a CSV file.
type Site struct{ Dir string }

// State and Definitions are the folders for Syncline.
func (s Site) State() string { return filepath.Join(s.Dir, ".syncline") }

// Definitions is the folder of definitions and connections.
func (s Site) Definitions() string { return filepath.Join(s.Dir, "mappings") }

func (s Site) file(name string) string { return filepath.Join(s.Dir, name) }

// ErrNotOurs means that the folder has something else in it.
var ErrNotOurs = errors.New("is there and is no demo's folder")

// Build makes the site anew: the same people every time. What an earlier demo
// left in the folder goes.
func Build(ctx context.Context, dir string) (Site, error) {
	s := Site{Dir: dir}
	if err := s.clear(); err != nil {
		return s, err
	}
	if err := os.CopyFS(dir, definitions); err != nil {
		return s, fmt.Errorf("write the definitions: %w", err)
	}
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same people every time
	people := newPeople(r)
	m := messy{r}
	crm, err := s.open("crm.db")
	if err != nil {
		return s, err
	}
	defer crm.Close() //nolint:errcheck // what matters was committed
	billing, err := s.open("billing.db")
	if err != nil {
		return s, err
	}
	defer billing.Close() //nolint:errcheck // what matters was committed
	return s, errors.Join(fillCRM(ctx, crm, people, m), fillBilling(ctx, billing, people, m), s.fillNews(people, m))
}

func (s Site) clear() error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(s.file(mark)); err != nil {
			return fmt.Errorf("%s %w", s.Dir, ErrNotOurs)
		}
		if err := os.RemoveAll(s.Dir); err != nil {
			return fmt.Errorf("remove the earlier demo: %w", err)
		}
	}
	if err := os.MkdirAll(s.Dir, 0o750); err != nil {
		return err
	}
	return os.WriteFile(s.file(mark), []byte("Made by `syncline demo`, which makes it anew when it runs again.\n"), 0o600)
}

func (s Site) open(name string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+s.file(name)+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return db, nil
}

const crmTables = `
CREATE TABLE contacts (
  id INTEGER PRIMARY KEY, email TEXT, first_name TEXT, last_name TEXT, phone TEXT, city TEXT, plan TEXT,
  updated_at TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')));
CREATE TRIGGER contacts_touch AFTER UPDATE ON contacts WHEN NEW.updated_at IS OLD.updated_at BEGIN
  UPDATE contacts SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id;
END;`

const billingTables = `
CREATE TABLE customers (
  id INTEGER PRIMARY KEY, email_address TEXT, full_name TEXT, phone TEXT, town TEXT, plan_code TEXT,
  updated_at TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')));
CREATE TRIGGER customers_touch AFTER UPDATE ON customers WHEN NEW.updated_at IS OLD.updated_at BEGIN
  UPDATE customers SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id;
END;`

// inCRM and so on say who is where; the heroes of the story are everywhere.
func inCRM(i int) bool     { return i < heroes || i%5 != 1 }
func inBilling(i int) bool { return i < heroes || i%5 == 1 || i%3 != 0 }
func inNews(i int) bool    { return i < heroes || i%2 == 0 }

// fill runs a statement for each row in one transaction.
func fill(ctx context.Context, db *sql.DB, tables, insert string, rows [][]any) error {
	if _, err := db.ExecContext(ctx, tables); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	for _, row := range rows {
		if _, err := tx.ExecContext(ctx, insert, row...); err != nil {
			return fmt.Errorf("fill tables: %w", err)
		}
	}
	return tx.Commit()
}

func fillCRM(ctx context.Context, db *sql.DB, people []person, m messy) error {
	var rows [][]any
	for i, p := range people {
		if inCRM(i) {
			rows = append(rows, []any{m.email(p.email), m.text(p.first), m.text(p.last), m.phone(p.phone), m.city(p.city), p.plan})
		}
	}
	for range 6 { // met at a fair, no address
		p := pick(m.r, people)
		rows = append(rows, []any{nil, p.first, p.last, nil, p.city, "Free"})
	}
	return fill(ctx, db, crmTables, `INSERT INTO contacts (email, first_name, last_name, phone, city, plan) VALUES (?, ?, ?, ?, ?, ?)`, rows)
}

func fillBilling(ctx context.Context, db *sql.DB, people []person, m messy) error {
	codes := map[string][]string{"Free": {"free"}, "Team": {"team-m", "team-y"}, "Pro": {"pro-m", "pro-y"}}
	var rows [][]any
	for i, p := range people {
		if inBilling(i) {
			rows = append(rows, []any{m.email(p.email), m.text(p.name()), m.phone(p.phone), m.city(p.city), pick(m.r, codes[p.plan])})
		}
	}
	rows = append(rows, []any{"", "Petty cash", nil, nil, "free"}, []any{nil, "Unknown payer", nil, nil, "free"})
	return fill(ctx, db, billingTables, `INSERT INTO customers (email_address, full_name, phone, town, plan_code) VALUES (?, ?, ?, ?, ?)`, rows)
}

func (s Site) fillNews(people []person, m messy) error {
	rows := [][]string{{"E-Mail", "Name", "City"}}
	for i, p := range people {
		if inNews(i) {
			rows = append(rows, []string{m.email(p.email), m.text(p.name()), p.city})
		}
	}
	return s.writeNews(rows)
}

func (s Site) writeNews(rows [][]string) error {
	file, err := os.Create(s.file("subscribers.csv.new"))
	if err != nil {
		return err
	}
	w := csv.NewWriter(file)
	err = errors.Join(w.WriteAll(rows), file.Close())
	if err != nil {
		return fmt.Errorf("write subscribers.csv: %w", err)
	}
	return os.Rename(s.file("subscribers.csv.new"), s.file("subscribers.csv"))
}

func (s Site) readNews() ([][]string, error) {
	file, err := os.Open(s.file("subscribers.csv"))
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read subscribers.csv: %w", err)
	}
	return rows, nil
}

func decomposed(s string) string { return norm.NFD.String(s) }
