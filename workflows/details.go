package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// show puts the sync's situation where the Web UI shows it: what is going on,
// and the open conflicts with the exact signal to send. It never has a value or
// a match of a record.
func (m *mind) show(ctx workflow.Context, now string) {
	var b strings.Builder
	switch {
	case m.state.Paused != "":
		fmt.Fprintf(&b, "**Paused:** %s. Send the signal `resume` to go on.\n\n", m.state.Paused)
	case m.known.Paused != "":
		fmt.Fprintf(&b, "**Paused:** %s. `syncline resume %s` goes on.\n\n", m.known.Paused, m.state.Sync)
	case now != "":
		fmt.Fprintf(&b, "**Now:** %s\n\n", now)
	case m.known.Open > 0:
		fmt.Fprintf(&b, "**%s** for a decision.\n\n", open(m.known.Open))
	default:
		b.WriteString("Nothing is open.\n\n")
	}
	if m.failed != "" {
		fmt.Fprintf(&b, "**Last:** %s\n\n", m.failed)
	}
	writeConflicts(&b, m.state.Sync, m.known)
	workflow.SetCurrentDetails(ctx, clip(b.String(), maxDetails))
}

func open(n int64) string {
	if n == 1 {
		return "1 open conflict waits"
	}
	return fmt.Sprintf("%d open conflicts wait", n)
}

// writeConflicts says of each conflict what people may know who may not see
// records. The Web UI has half a page for it: what is wide is cut off there.
func writeConflicts(b *strings.Builder, sync string, review activities.Review) {
	if len(review.Conflicts) == 0 {
		return
	}
	b.WriteString("| id | kind | field | systems | since | decides itself | hash |\n|---|---|---|---|---|---|---|\n")
	due := false
	for _, c := range review.Conflicts {
		deadline := "never"
		if c.Deadline != 0 {
			deadline, due = moment(c.Deadline), true
		}
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s | `%s` |\n",
			c.ID, strings.ReplaceAll(c.Kind, "_", " "), c.Field, strings.Join(c.Systems, ", "), moment(c.Since), deadline, c.Digest)
	}
	if more := review.Open - int64(len(review.Conflicts)); more > 0 {
		fmt.Fprintf(b, "\nand %d more: `syncline conflicts list %s`\n", more, sync)
	}
	if due && review.Then != "" {
		fmt.Fprintf(b, "\nWhat decides itself does so by `then: %s`.\n", review.Then)
	}
	first := review.Conflicts[0]
	signal, flag := signalFor(first)
	fmt.Fprintf(b, "\nSee the values:\n\n```\nsyncline conflicts show %d\n```\n\nDecide there:\n\n```\nsyncline conflicts decide %d %s\n```\n\n",
		first.ID, first.ID, flag)
	fmt.Fprintf(b, "or here, by *Send a Signal* with the name `decide` and\n\n```json\n%s\n```\n", asJSON(signal, "\n  "))
	if len(review.Conflicts) > 1 {
		b.WriteString("\nThe same for the others, one a line; other verbs are in `syncline conflicts show`:\n\n```json\n")
		for _, c := range review.Conflicts[1:] {
			signal, _ := signalFor(c)
			b.WriteString(asJSON(signal, "") + "\n")
		}
		b.WriteString("```\n")
	}
}

// signalFor gives the first decision that fits a conflict: as a signal and as a
// flag.
func signalFor(c activities.ReviewConflict) (signal activities.Decision, flag string) {
	signal = activities.Decision{Conflict: c.ID, Digest: c.Digest, Who: "your name", Why: "your reason"}
	switch kind := reconcile.Kind(c.Kind); {
	case kind == reconcile.IdentityAmbiguous || kind == reconcile.MultipleUniqueConflicts:
		signal.Verb, flag = "separate", "--separate"
	case c.Field == "":
		signal.Verb, flag = "keep", "--keep"
	case kind == reconcile.OwnershipViolation:
		signal.Verb, flag = "revert", "--revert"
	case kind == reconcile.ReferenceUnresolved:
		signal.Verb, flag = "wait", "--wait"
	case len(c.Systems) == 0:
		signal.Verb, flag = "skip", "--skip"
	default:
		signal.Verb, signal.System, flag = "take", c.Systems[0], "--take "+c.Systems[0]
	}
	return signal, flag
}

// asJSON writes a signal; between stands between its lines. It is written by
// hand, of names and numbers only: encoding/json may not be used in a workflow.
func asJSON(d activities.Decision, between string) string {
	parts := []string{fmt.Sprintf(`"conflict": %d`, d.Conflict)}
	for _, part := range [][2]string{
		{"digest", d.Digest}, {"verb", d.Verb}, {"system", d.System}, {"who", d.Who}, {"why", d.Why},
	} {
		if part[1] != "" {
			parts = append(parts, fmt.Sprintf("%q: %q", part[0], part[1]))
		}
	}
	if between == "" {
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return "{" + between + strings.Join(parts, ","+between) + "\n}"
}

// moment is short enough for a cell of the table.
func moment(at record.Timestamp) string { return at.Time().UTC().Format("2006-01-02 15:04") }
