package cli

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// choice is what the flags of `conflicts decide` say.
type choice struct {
	take, value, link, until, who, why                                string
	valued, separate, keep, remove, wait, blank, revert, accept, skip bool
	all                                                               bool
	sync, kind, field                                                 string

	limited bool          // --until is given
	pause   time.Duration // what it says
}

func newConflictsDecide(a *app) *cobra.Command {
	var ch choice
	c := &cobra.Command{
		Use:   "decide [ID...]",
		Short: "Decide conflicts; on a terminal without flags it asks",
		Long: "Decide open conflicts by their ids, or with --all. A decision is stored, sent to the sync and\n" +
			"applied by a run at once; it holds for the values that were shown, and is refused if they have\n" +
			"changed since. On a terminal, without a flag that says how, it shows each and asks.",
		RunE: func(c *cobra.Command, args []string) error {
			ch.valued, ch.limited = c.Flags().Changed("value"), c.Flags().Changed("until")
			if _, given := ch.verb(); given == 0 && len(args) == 0 && a.screen.asks {
				ch.all = true // a person is asked about each
			}
			if err := ch.usable(args, a.screen.asks); err != nil {
				return err
			}
			house, err := a.openHouse(c.Context())
			if err != nil {
				return err
			}
			if err := a.meant(c.Context(), house, ledger.ConflictFilter{Sync: ch.sync, Kind: ch.kind}); err != nil {
				return err
			}
			rows, err := chosen(c.Context(), house.Ledger, ch, args)
			if err != nil {
				return err
			}
			return a.decideAll(c.Context(), rows, ch)
		},
	}
	f := c.Flags()
	f.StringVar(&ch.take, "take", "", "take this system's word, or base")
	f.StringVar(&ch.value, "value", "", "take this value")
	f.StringVar(&ch.link, "link", "", "identity: it is this link")
	f.BoolVar(&ch.separate, "separate", false, "identity: they are different things")
	f.BoolVar(&ch.keep, "keep", false, "delete against update: keep the record")
	f.BoolVar(&ch.remove, "delete", false, "delete against update: delete the record")
	f.BoolVar(&ch.wait, "wait", false, "reference: wait for it")
	f.BoolVar(&ch.blank, "blank", false, "reference: leave it empty")
	f.BoolVar(&ch.revert, "revert", false, "ownership: give the owner's value back")
	f.BoolVar(&ch.accept, "accept", false, "ownership: let the edit stand")
	f.BoolVar(&ch.skip, "skip", false, "leave it, everywhere as it is")
	f.StringVar(&ch.until, "until", "", "leave it and ask again after this time, such as 2d; also with --skip and --wait")
	f.StringVar(&ch.why, "why", "", "the reason, for the record")
	f.StringVar(&ch.who, "who", "", "who decides (default the user's name)")
	f.BoolVar(&ch.all, "all", false, "all open conflicts that --sync, --kind and --field name")
	f.StringVar(&ch.sync, "sync", "", "with --all: only of this sync")
	f.StringVar(&ch.kind, "kind", "", "with --all: only of this kind")
	f.StringVar(&ch.field, "field", "", "with --all: only of this field")
	return c
}

// chosen finds the conflicts that are to be decided.
func chosen(ctx context.Context, store *ledger.Store, ch choice, args []string) ([]ledger.ConflictRow, error) {
	if ch.all {
		return store.Conflicts(ctx, ledger.ConflictFilter{Sync: ch.sync, Kind: ch.kind, Field: ch.field, State: "open"})
	}
	var rows []ledger.ConflictRow
	for _, arg := range args {
		row, err := findConflict(ctx, store, arg)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// verb gives the decision that the flags name; exactly one must be given.
func (ch choice) verb() (verb string, given int) {
	for _, option := range []struct {
		set  bool
		verb string
	}{
		{ch.take != "", "take"},
		{ch.valued, "value"},
		{ch.link != "", "link"},
		{ch.separate, "separate"},
		{ch.keep, "keep"},
		{ch.remove, "delete"},
		{ch.wait, "wait"},
		{ch.blank, "blank"},
		{ch.revert, "revert"},
		{ch.accept, "accept"},
		{ch.skip, "skip"},
	} {
		if option.set {
			verb = option.verb
			given++
		}
	}
	if given == 0 && ch.limited {
		return "skip", 1 // until then
	}
	return verb, given
}

// usable refuses what makes no sense before anything is opened.
func (ch *choice) usable(args []string, asks bool) error {
	verb, given := ch.verb()
	switch {
	case ch.all == (len(args) > 0):
		return usage("name conflicts by their ids, or use --all")
	case !ch.all && ch.sync+ch.kind+ch.field != "":
		return usage("--sync, --kind and --field choose among --all; ids name conflicts by themselves")
	case given > 1:
		return usage("decide one way: --take, --value, --link, --separate, --keep, --delete, --wait, --blank, --revert, --accept or --skip")
	case given == 0 && !asks:
		return usage("say how to decide, such as --take SYSTEM; on a terminal it asks")
	}
	if ch.limited {
		if verb != "skip" && verb != "wait" {
			return usage("--until leaves a conflict for a while, and --" + verb + " decides it for good: take one of them")
		}
		var err error
		if ch.pause, err = mappings.ParseDuration(ch.until); err != nil {
			return usage("--until " + ch.until + ": say how long, such as 48h, 2d or 1w")
		}
	}
	for _, arg := range args {
		if _, err := parseID(arg); err != nil {
			return err
		}
	}
	return nil
}

// decideAll decides first and stores then: who stops answering with Ctrl-C has
// decided nothing.
func (a *app) decideAll(ctx context.Context, rows []ledger.ConflictRow, ch choice) error {
	decisions, err := a.decisions(ctx, rows, ch)
	if err != nil {
		return err
	}
	syncs := map[string][]int64{}
	var stale error
	for _, d := range decisions {
		id, err := a.house.Ledger.Decide(ctx, d.DecisionRow)
		if errors.Is(err, ledger.ErrStale) {
			stale = a.staleDecision(ctx, d) // the others do not wait for it
			continue
		}
		if err != nil {
			return fmt.Errorf("conflict %d: %w", d.ConflictID, err)
		}
		syncs[d.Sync] = append(syncs[d.Sync], id)
	}
	if stale != nil && len(syncs) == 0 {
		return stale
	}
	if err := a.apply(ctx, syncs); err != nil {
		return err
	}
	return stale
}

// decisions asks about each conflict, where the flags do not say it of all.
func (a *app) decisions(ctx context.Context, rows []ledger.ConflictRow, ch choice) ([]made, error) {
	_, given := ch.verb()
	var decisions []made
	for i, row := range rows {
		mine := ch
		if given == 0 {
			if i > 0 {
				a.screen.say("")
			}
			answer, err := a.ask(ctx, row, ch)
			if errors.Is(err, errLater) {
				continue
			}
			if errors.Is(err, errEnd) {
				break
			}
			if err != nil {
				return nil, err
			}
			mine = answer
		}
		decision, err := decisionRow(row, mine)
		if err != nil {
			return nil, fmt.Errorf("conflict %d: %w", row.Conflict.ID, err)
		}
		decisions = append(decisions, made{DecisionRow: decision, row: row})
	}
	return decisions, nil
}

// made is a decision, and the conflict as it was shown.
type made struct {
	ledger.DecisionRow
	row ledger.ConflictRow
}

// staleDecision shows what a conflict is now that is not any more what was
// decided about.
func (a *app) staleDecision(ctx context.Context, d made) error {
	id := d.row.Conflict.ID
	rows, err := a.house.Ledger.Conflicts(ctx, ledger.ConflictFilter{IDs: []int64{id}})
	if err == nil && len(rows) == 1 && rows[0].State == stateOpen {
		if !a.screen.json {
			a.sideBySide(viewConflict(rows[0]), rows[0])
		}
		return &exitError{
			code: exitFailed, err: fmt.Errorf("conflict %d has changed meanwhile; nothing was written", id),
			next: "look at it again and decide anew",
		}
	}
	state := "closed"
	if err == nil && len(rows) == 1 {
		state = rows[0].State
	}
	return &exitError{
		code: exitFailed, err: fmt.Errorf("conflict %d is not open any more: it is %s; nothing was written", id, state),
		next: "`syncline conflicts list` shows the open ones",
	}
}

// decisionRow turns a choice into a row of the ledger.
func decisionRow(row ledger.ConflictRow, ch choice) (ledger.DecisionRow, error) {
	verb, _ := ch.verb()
	if verb == "link" && aboutIdentity(row) {
		if err := row.Joinable(ch.link); err != nil {
			return ledger.DecisionRow{}, &exitError{
				code: exitUsage, err: fmt.Errorf("--link: %w; nothing was written", err), next: "there are " + flagsFor(row),
			}
		}
	}
	if fit := verbsFor(row); !slices.Contains(fit, verb) {
		return ledger.DecisionRow{}, usage(fmt.Sprintf("--%s does not fit a conflict of kind %s: there are %s", verb, row.Kind, flagsFor(row)))
	}
	d := ledger.DecisionRow{Sync: row.Sync, Who: orElse(ch.who, userName()), Why: ch.why, At: time.Now()}
	d.Decision = reconcile.Decision{
		ConflictID: row.Conflict.ID, Digest: row.Digest, Verb: verb, System: reconcile.None, Link: ch.link,
	}
	switch verb {
	case "take":
		return d, takeOf(&d, row, ch.take)
	case "value":
		value, err := record.Convert(row.FieldType, ch.value)
		if err != nil {
			return d, fmt.Errorf("--value is not a %s: %w", row.FieldType, err)
		}
		d.Value = value
	case "skip", "wait":
		if ch.pause > 0 {
			d.Until = record.NewTimestamp(d.At.Add(ch.pause))
		}
	}
	return d, nil
}

func takeOf(d *ledger.DecisionRow, row ledger.ConflictRow, system string) error {
	if system == "base" {
		return nil
	}
	var names []string
	for _, candidate := range row.Candidates {
		if candidate.System < 0 || candidate.System >= len(row.AllSystems) {
			continue
		}
		name := row.AllSystems[candidate.System]
		if name == system {
			d.System = candidate.System
			return nil
		}
		names = append(names, name)
	}
	return usage(fmt.Sprintf("--take %s: its sides are %s and base", system, strings.Join(names, ", ")))
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}

func parseID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, usage(fmt.Sprintf("%q is not an id; `list` shows them", text))
	}
	return id, nil
}
