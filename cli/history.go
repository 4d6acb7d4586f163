package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

func newHistory(a *app) *cobra.Command {
	var filter ledger.JournalFilter
	c := &cobra.Command{
		Use: "history NAME", Short: "Show what was written, with before and after", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			filter.Sync = args[0]
			if err := a.known(c.Context(), house, filter.Sync, ""); err != nil {
				return err
			}
			entries, err := house.Ledger.Journal(c.Context(), filter)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				a.screen.note("nothing was written that this names")
			}
			for _, entry := range entries {
				if a.screen.json {
					if err := a.screen.print(viewEntry(entry)); err != nil {
						return err
					}
					continue
				}
				a.showEntry(entry)
			}
			return nil
		},
	}
	c.Flags().StringVar(&filter.System, "system", "", "only writes to this system")
	c.Flags().StringVar(&filter.Run, "run", "", "only writes of this run")
	c.Flags().StringVar(&filter.LinkID, "link", "", "only this record")
	c.Flags().IntVar(&filter.Limit, "limit", 50, "at most so many")
	return c
}

type entryView struct {
	At     time.Time             `json:"at"`
	Run    string                `json:"run"`
	System string                `json:"system"`
	Op     string                `json:"op"`
	Key    string                `json:"key"`
	Link   string                `json:"link"`
	Rule   string                `json:"rule,omitempty"`
	Fields map[string][2]*string `json:"fields"`
}

func viewEntry(e ledger.Entry) entryView {
	v := entryView{
		At: e.At, Run: e.Run, System: e.System, Op: e.Op, Key: e.Key.String(), Link: e.LinkID, Rule: e.Rule,
		Fields: map[string][2]*string{},
	}
	for name, before := range e.Before {
		v.Fields[name] = [2]*string{textOf(before), nil}
	}
	for name, after := range e.After {
		pair := v.Fields[name]
		pair[1] = textOf(after)
		v.Fields[name] = pair
	}
	return v
}

func (a *app) showEntry(e ledger.Entry) {
	v := viewEntry(e)
	s := a.screen
	s.say("%s  %s  %-9s %s %s  %s", v.At.Local().Format(time.DateTime), v.Run, v.Op, s.bold(v.System), v.Key, s.dim(v.Rule))
	for _, field := range sortedKeys(v.Fields) {
		s.say("      %-14s %s → %s", field, shown(v.Fields[field][0]), shown(v.Fields[field][1]))
	}
}

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME MATCH", Short: "Show one record: every system, the base, who wrote it last", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			revision, err := house.Ledger.Revision(c.Context(), args[0], 0)
			if errors.Is(err, ledger.ErrNotFound) {
				return &exitError{
					code: exitFailed, err: fmt.Errorf("%s was never run: there is nothing to show yet", args[0]),
					next: "`syncline plan " + args[0] + "` shows what a run would do",
				}
			}
			if err != nil {
				return err
			}
			session, err := house.Sessions.Open(c.Context(), args[0], revision.Number)
			if err != nil {
				return err
			}
			defer session.Close()
			links, err := house.Ledger.FindLinks(c.Context(), session.Scope, args[1])
			if err != nil {
				return err
			}
			if len(links) == 0 {
				return &exitError{code: exitFailed, err: fmt.Errorf("no record of %s is known by %q", args[0], args[1]), next: "give a match value or a key, whole"}
			}
			for _, link := range links {
				if a.screen.json {
					if err := a.screen.print(viewLink(session, link)); err != nil {
						return err
					}
					continue
				}
				a.showLink(session, link)
			}
			return nil
		},
	}
}

type linkView struct {
	Link      string                `json:"link"`
	Deleted   bool                  `json:"deleted,omitempty"`
	Fields    map[string]fieldView  `json:"fields"`
	Members   map[string]memberView `json:"members"`
	Conflicts []int64               `json:"open_conflicts,omitempty"`
}

type fieldView struct {
	Base    *string            `json:"base"`
	From    string             `json:"from,omitempty"`
	Rule    string             `json:"rule,omitempty"`
	Differs map[string]*string `json:"differs,omitempty"`
}

type memberView struct {
	Key   string `json:"key"`
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
	Owed  bool   `json:"owed"`
}

func viewLink(session *activities.Session, link *reconcile.Link) linkView {
	v := linkView{Link: link.ID, Deleted: link.Tombstone, Fields: map[string]fieldView{}, Members: map[string]memberView{}}
	for f, field := range session.Mapping.Schema.Fields {
		if record.IsMissing(link.Base[f]) {
			continue
		}
		view := fieldView{Base: textOf(link.Base[f]), Rule: link.Origins[f].Rule}
		if from := link.Origins[f].System; from >= 0 {
			view.From = session.Scope.Systems[from]
		}
		for i, m := range link.Members {
			if m == nil {
				continue
			}
			if seen, differs := m.Seen[f]; differs && shown(textOf(seen)) != shown(view.Base) {
				if view.Differs == nil {
					view.Differs = map[string]*string{}
				}
				view.Differs[session.Scope.Systems[i]] = textOf(seen)
			}
		}
		v.Fields[field.Name] = view
	}
	for i, m := range link.Members {
		if m != nil {
			v.Members[session.Scope.Systems[i]] = memberView{
				Key: m.Key.String(), State: string(m.State), Why: m.Why, Owed: m.Acked < link.Rev && m.State != reconcile.Detached && m.State != reconcile.OutOfScope,
			}
		}
	}
	for _, c := range link.Conflicts {
		v.Conflicts = append(v.Conflicts, c.ID)
	}
	return v
}

func (a *app) showLink(session *activities.Session, link *reconcile.Link) {
	s := a.screen
	v := viewLink(session, link)
	s.say("link %s", s.bold(v.Link))
	for _, name := range sortedKeys(v.Members) {
		m := v.Members[name]
		owed := ""
		if m.Owed {
			owed = s.yellow("  owed: it has not got the latest yet")
		}
		s.say("  %-12s %-28s %s %s%s", name, m.Key, m.State, m.Why, owed)
	}
	for _, field := range session.Mapping.Schema.Names() {
		f, ok := v.Fields[field]
		if !ok {
			continue
		}
		s.say("  %-14s %-40s %s", field, shown(f.Base), s.dim(f.From+", "+f.Rule))
		for _, system := range sortedKeys(f.Differs) {
			s.say("      %s has %s", system, shown(f.Differs[system]))
		}
	}
	for _, id := range v.Conflicts {
		s.say("  %s", s.yellow(fmt.Sprintf("conflict %d is open", id)))
	}
}
