package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/ledger"
)

func newQuarantine(a *app) *cobra.Command {
	return group("quarantine", "List, show, retry and discard records that wait",
		newQuarantineList(a), newQuarantineShow(a), newQuarantineEnd(a, "retry", "Try records again with the next run"),
		newQuarantineEnd(a, "discard", "Leave records alone until they change"))
}

type quarantineView struct {
	ID     int64     `json:"id"`
	Sync   string    `json:"sync"`
	System string    `json:"system"`
	Key    string    `json:"key"`
	Link   string    `json:"link,omitempty"`
	Field  string    `json:"field,omitempty"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Tries  int64     `json:"tries"`
}

func viewQuarantine(row ledger.QuarantineRow) quarantineView {
	return quarantineView{
		ID: row.ID, Sync: row.Sync, System: row.System, Key: row.Key.String(), Link: row.LinkID, Field: row.Field,
		Reason: row.Reason, Since: row.Since, Tries: int64(row.Tries),
	}
}

func newQuarantineList(a *app) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "list [NAME]", Short: "List quarantined records with their reasons", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			sync := ""
			if len(args) > 0 {
				sync = args[0]
				if err := a.known(c.Context(), house, sync, ""); err != nil {
					return err
				}
			}
			rows, err := house.Ledger.Quarantine(c.Context(), sync, limit)
			if err != nil {
				return err
			}
			for _, row := range rows {
				v := viewQuarantine(row)
				if a.screen.json {
					if err := a.screen.print(v); err != nil {
						return err
					}
					continue
				}
				a.screen.say("%4d  %s  %s %s  %s", v.ID, v.Sync, a.screen.bold(v.System), orElse(v.Key, "(a new record)"), v.Reason)
			}
			if len(rows) == 0 && !a.screen.json {
				a.screen.say("%s nothing is quarantined", a.screen.green("✓"))
			}
			return nil
		},
	}
	c.Flags().IntVar(&limit, "limit", 200, "at most so many")
	return c
}

func newQuarantineShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one quarantined record", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			rows, err := house.Ledger.Quarantine(c.Context(), "", 0)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if row.ID != id {
					continue
				}
				v := viewQuarantine(row)
				if a.screen.json {
					return a.screen.print(v)
				}
				a.showQuarantined(v)
				return nil
			}
			return noQuarantined(args)
		},
	}
}

// showQuarantined shows one record and how it gets out. Without a key it is one
// that could not be created there.
func (a *app) showQuarantined(v quarantineView) {
	s := a.screen
	if v.Key == "" {
		s.say("%s: a record that could not be created in %s", v.Sync, s.bold(v.System))
	} else {
		s.say("%s: record %s of %s", v.Sync, s.bold(v.Key), s.bold(v.System))
	}
	s.say("  %s", v.Reason)
	s.say("  since %s, tried %s", v.Since.Local().Format(time.DateTime), count(v.Tries, "time"))
	if v.Link != "" {
		s.say("  what it is: syncline show %s %s", v.Sync, v.Link)
	}
	where := v.System
	if v.Key == "" {
		where = "the system that it comes from"
	}
	s.say("Mend it in %s, and the next run takes it by itself. Or: syncline quarantine retry %d", where, v.ID)
}

func noQuarantined(ids []string) error {
	return &exitError{
		code: exitFailed, err: fmt.Errorf("nothing quarantined has the id %s; nothing was changed", strings.Join(ids, " or ")),
		next: "`syncline quarantine list` shows what there is",
	}
}

func newQuarantineEnd(a *app, word, short string) *cobra.Command {
	return &cobra.Command{
		Use: word + " ID...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openHouse(c.Context())
			if err != nil {
				return err
			}
			ids := make([]int64, len(args))
			for i, arg := range args {
				if ids[i], err = parseID(arg); err != nil {
					return err
				}
			}
			if word == "retry" {
				err = house.Ledger.Retry(c.Context(), ids)
			} else {
				err = house.Ledger.Discard(c.Context(), ids)
			}
			if errors.Is(err, ledger.ErrNotFound) {
				return noQuarantined(args)
			}
			if err != nil {
				return err
			}
			said := "will be tried again by the next run"
			if word == "discard" {
				said = "left alone until it changes"
			}
			return a.screen.answer(map[string]any{"ids": ids, "asked": word}, "%s: %s", count(len(ids), "record"), said)
		},
	}
}
