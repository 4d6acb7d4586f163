package ledger

import (
	"bytes"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/reconcile"
)

// A loose row's body is a member's with a version before it.

func (m *bodyMember) loose() ([]byte, error) {
	return m.append([]byte{bodyVersion})
}

func parseLoose(data string) (bodyMember, error) {
	var m bodyMember
	if !strings.HasPrefix(data, string(rune(bodyVersion))) {
		return m, errBody
	}
	r := scanner{rest: data[1:]}
	m.parse(&r)
	if r.bad || r.rest != "" {
		return m, errBody
	}
	return m, nil
}

func (w *writer) looseBodies(system int64, keys [][]byte) (map[string]bodyMember, error) {
	found := map[string]bodyMember{}
	err := rowsAmong(w.t, "SELECT key, body FROM loose WHERE system = ? AND key IN (*)", []any{system}, keys, func(r *sql.Rows) error {
		var key, data string
		if err := r.Scan(&key, &data); err != nil {
			return err
		}
		m, err := parseLoose(data)
		found[key] = m
		return err
	})
	return found, err
}

// dropLoose notes that a loose row is not what it was.
func (w *writer) dropLoose(system int64, key string, m *bodyMember) {
	if m.state == stateQuarantined {
		w.held.was(rowName{system, key, ""})
	}
	for i, text := range m.match {
		if text != "" {
			h := matchHash(i, text)
			w.outMatches.int(w.n.sync).bytes(h[:]).int(0).int(system).text(key)
		}
	}
}

// looseRows notes what becomes of the change's loose rows.
func (w *writer) looseRows() error {
	bySystem := map[int64][][]byte{}
	for _, m := range w.change.Loose {
		system, err := w.n.system(m.System)
		if err != nil {
			return err
		}
		bySystem[system] = append(bySystem[system], []byte(m.Key))
	}
	was := map[rowRef]bodyMember{}
	for system, keys := range bySystem {
		slices.SortFunc(keys, bytes.Compare)
		found, err := w.looseBodies(system, keys)
		if err != nil {
			return err
		}
		for key, m := range found {
			was[rowRef{system, key}] = m
		}
	}
	for _, m := range w.change.Loose {
		if err := w.looseRow(m, was); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) looseRow(m *reconcile.Member, was map[rowRef]bodyMember) error {
	row := rowRef{w.n.systems[m.System], string(m.Key)}
	if m.Key == "" {
		return fmt.Errorf("a loose row of %s has no key", w.n.systemNames[row.system])
	}
	stored, err := fromMember(w.n, m)
	if err != nil {
		return err
	}
	if m.State == reconcile.Detached { // its row is gone, and nothing is to be remembered of it
		if old, known := was[row]; known {
			w.dropLoose(row.system, row.key, &old)
			w.outLoose.int(row.system).text(row.key)
			w.outMembers.int(row.system).text(row.key).int(0)
			w.loose[row.system]--
		}
		return nil
	}
	if old, known := was[row]; known {
		stored.keep(w.n, &old)
		w.dropLoose(row.system, row.key, &old)
	} else {
		w.loose[row.system]++
	}
	if stored.state == stateQuarantined {
		w.held.is(rowName{row.system, row.key, ""}, stored.why)
	}
	data, err := stored.loose()
	if err != nil {
		return err
	}
	slot := HomeSlot(m.Match, fmt.Sprint(row.system, "/", row.key))
	w.inLoose.int(row.system).text(row.key).int(int64(slot)).bytes(data)
	w.inMembers.int(row.system).text(row.key).int(0).int(stateColumn(stored.state, stored.sinceWrite)).int(printOf(stored.raw, stored.mapping))
	for i, text := range m.Match {
		if text != "" {
			h := matchHash(i, text)
			w.inMatches.int(w.n.sync).bytes(h[:]).int(0).int(row.system).text(row.key)
		}
	}
	return nil
}
