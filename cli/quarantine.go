package cli

import (
	"fmt"
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
	Field  string    `json:"field,omitempty"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Tries  int64     `json:"tries"`
}

func viewQuarantine(row ledger.QuarantineRow) quarantineView {
	return quarantineView{
		ID: row.ID, Sync: row.Sync, System: row.System, Key: row.Key.String(), Field: row.Field,
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
				a.screen.say("%4d  %s  %s %s  %s", v.ID, v.Sync, a.screen.bold(v.System), v.Key, v.Reason)
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
				a.screen.say("%s, record %s of %s", v.Sync, a.screen.bold(v.Key), v.System)
				a.screen.say("  %s", v.Reason)
				a.screen.say("  since %s, tried %d times", v.Since.Local().Format(time.DateTime), v.Tries)
				a.screen.say("mend it in %s; the next run takes it by itself. Or: syncline quarantine retry %d", v.System, v.ID)
				return nil
			}
			return &exitError{code: exitFailed, err: fmt.Errorf("nothing quarantined has the id %d", id)}
		},
	}
}

func newQuarantineEnd(a *app, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID...", Short: short, Args: cobra.MinimumNArgs(1),
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
			if verb == "retry" {
				err = house.Ledger.Retry(c.Context(), ids)
			} else {
				err = house.Ledger.Discard(c.Context(), ids)
			}
			if err != nil {
				return err
			}
			a.screen.say("%d records: %s", len(ids), verb)
			return nil
		},
	}
}
