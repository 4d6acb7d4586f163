package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// heroes is how many people of the story are known to all three systems.
const heroes = 3

// Story says who is in it and what happens to them.
type Story struct {
	// Merged is edited in all three systems, Contested in two and in the same
	// field; New subscribes.
	Merged, Contested, New string
	// Edits says, per system, what people did there.
	Edits []Edit
}

// Edit is what somebody did in one system.
type Edit struct{ System, What string }

// Happen edits the systems behind Syncline's back, each with its own tools.
func (s Site) Happen(ctx context.Context) (Story, error) {
	crm, err := s.open("crm.db")
	if err != nil {
		return Story{}, err
	}
	defer crm.Close() //nolint:errcheck // what matters was committed
	billing, err := s.open("billing.db")
	if err != nil {
		return Story{}, err
	}
	defer billing.Close() //nolint:errcheck // what matters was committed
	story := Story{New: "noor.haddad@example.org"}
	if story.Merged, err = addressOf(ctx, crm, 1); err != nil {
		return story, err
	}
	if story.Contested, err = addressOf(ctx, crm, 2); err != nil {
		return story, err
	}
	err = errors.Join(
		run(ctx, crm, `UPDATE contacts SET city = 'Lisboa' WHERE id = 1`),
		run(ctx, crm, `UPDATE contacts SET plan = 'Pro' WHERE id = 2`),
		run(ctx, billing, `UPDATE customers SET phone = '+49 30 23125 042' WHERE id = 1`),
		run(ctx, billing, `UPDATE customers SET plan_code = 'team-y' WHERE id = 2`),
		s.subscribe(story),
	)
	moved, more := affected(ctx, billing, `UPDATE customers SET town = 'Kopenhagen' WHERE trim(town) = 'København' AND id > 3`)
	story.Edits = []Edit{
		{"crm", story.Merged + " moves to Lisboa; " + story.Contested + " gets the plan Pro"},
		{"billing", story.Merged + " has a new phone; " + story.Contested + " gets the plan Team"},
		{"billing", fmt.Sprintf("København is spelt Kopenhagen from now on: %d customers", moved)},
		{"news", story.Merged + " has a new name; " + story.New + " subscribes"},
	}
	return story, errors.Join(err, more)
}

// subscribe edits the list as a spreadsheet would.
func (s Site) subscribe(story Story) error {
	rows, err := s.readNews()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if tidy(row[0]) == story.Merged {
			first, last, _ := strings.Cut(strings.TrimSpace(row[1]), " ")
			row[1] = first + " " + strings.TrimSpace(last) + "-Ferrer"
		}
	}
	return s.writeNews(append(rows, []string{story.New, "Noor Haddad", "Porto"}))
}

func addressOf(ctx context.Context, db *sql.DB, id int) (string, error) {
	var email string
	err := db.QueryRowContext(ctx, `SELECT email FROM contacts WHERE id = ?`, id).Scan(&email)
	return tidy(email), err
}

func tidy(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

func run(ctx context.Context, db *sql.DB, statement string, args ...any) error {
	_, err := db.ExecContext(ctx, statement, args...)
	return err
}

func affected(ctx context.Context, db *sql.DB, statement string) (int64, error) {
	result, err := db.ExecContext(ctx, statement)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
