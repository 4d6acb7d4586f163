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
	for _, c := range review.Conflicts {
		deadline := "never"
		if c.Deadline != 0 {
			deadline = moment(c.Deadline)
		}
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s | `%s` |\n",
			c.ID, strings.ReplaceAll(c.Kind, "_", " "), c.Field, strings.Join(c.Systems, ", "), moment(c.Since), deadline, c.Digest)
	}
	if more := review.Open - int64(len(review.Conflicts)); more > 0 {
		fmt.Fprintf(b, "\nand %d more: `syncline conflicts list %s`\n", more, sync)
	}
	first := review.Conflicts[0]
	verb, flag := verbFor(first)
	fmt.Fprintf(b, "\nSee the values:\n\n```\nsyncline conflicts show %d\n```\n\nDecide there:\n\n```\nsyncline conflicts decide %d %s\n```\n\n",
		first.ID, first.ID, flag)
	fmt.Fprintf(b, "or here, by *Send a Signal* with the name `decide` and\n\n```json\n{\n  \"conflict\": %d,\n  \"digest\": \"%s\",\n%s"+
		"  \"who\": \"your name\",\n  \"why\": \"your reason\"\n}\n```\n", first.ID, first.Digest, verb)
}

// verbFor gives the first decision that fits a conflict: as lines of a signal
// and as a flag.
func verbFor(c activities.ReviewConflict) (signal, flag string) {
	switch kind := reconcile.Kind(c.Kind); {
	case kind == reconcile.IdentityAmbiguous || kind == reconcile.MultipleUniqueConflicts:
		return "  \"verb\": \"separate\",\n", "--separate"
	case c.Field == "":
		return "  \"verb\": \"keep\",\n", "--keep"
	case len(c.Systems) == 0:
		return "  \"verb\": \"skip\",\n", "--skip"
	default:
		return fmt.Sprintf("  \"verb\": \"take\",\n  \"system\": \"%s\",\n", c.Systems[0]), "--take " + c.Systems[0]
	}
}

// moment is short enough for a cell of the table.
func moment(at record.Timestamp) string { return at.Time().UTC().Format("2006-01-02 15:04") }
