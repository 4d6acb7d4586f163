package activities

import (
	"fmt"
	"strconv"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// Detected is what a run has before it.
type Detected struct {
	Pass Pass `json:"pass"`
	// Stateless: no links are kept; partitions go straight to the targets.
	Stateless bool     `json:"stateless,omitempty"`
	Windows   []Window `json:"windows"`
	// Targets are the systems that can be owed something.
	Targets []string `json:"targets"`
}

// Window is what there is to read in one system.
type Window struct {
	System     string                 `json:"system"`
	Index      int                    `json:"index"`
	Mode       connectors.Mode        `json:"mode,omitempty"`
	Complete   bool                   `json:"complete,omitempty"`
	First      bool                   `json:"first,omitempty"`
	To         record.Position        `json:"to"`
	Partitions []connectors.Partition `json:"partitions,omitempty"`
	Rows       int64                  `json:"rows"`
	// Down says why the system cannot be read now; the others go on.
	Down string `json:"down,omitempty"`
	// DownKind is the error's kind.
	DownKind connectors.Kind `json:"down_kind,omitempty"`
	// Filter is what the database evaluates of `where`; its partitions have it.
	Filter string `json:"-"`
}

// ExtractInput names one partition.
type ExtractInput struct {
	Pass      Pass                 `json:"pass"`
	System    int                  `json:"system"`
	Partition connectors.Partition `json:"partition"`
	Stateless bool                 `json:"stateless,omitempty"`
}

// Extracted is one partition in the stage.
type Extracted struct {
	Ref   string `json:"ref"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
}

// TransformInput names one partition's raw batches.
type TransformInput struct {
	Pass      Pass   `json:"pass"`
	System    int    `json:"system"`
	Partition string `json:"partition"`
	Ref       string `json:"ref"`
	Stateless bool   `json:"stateless,omitempty"`
	First     bool   `json:"first,omitempty"`
	// Target is the receiving system of a stateless run; Complete says that the
	// run lists everything that the source has.
	Target   int  `json:"target,omitempty"`
	Complete bool `json:"complete,omitempty"`
}

// Transformed counts one partition's records.
type Transformed struct {
	Rows  int64           `json:"rows"`
	Tally reconcile.Tally `json:"tally"`
	// Groups has a bit for each group that got records, and Serial tells
	// whether the serial group did.
	Groups uint64 `json:"groups,omitempty"`
	Serial bool   `json:"serial,omitempty"`
	// Ref is the target's batches of a stateless run, and Rejects the rows that
	// could not be mapped, or can be again; "" if there are none.
	Ref     string `json:"ref,omitempty"`
	Rejects string `json:"rejects,omitempty"`
}

// SerialGroup is the group of the records whose match is new or has changed
// where that cannot be bucketed; it is resolved before the others.
const SerialGroup = -1

// SettleGroup is the group of the links with decisions or deadlines due.
const SettleGroup = -2

// ResolveInput names one group.
type ResolveInput struct {
	Pass  Pass `json:"pass"`
	Group int  `json:"group"`
	// Windows say what was listed completely, without their partitions.
	Windows []Window `json:"windows"`
	// Parts are the partitions that have records of this group.
	Parts []Part `json:"parts,omitempty"`
	// Stateless: nothing is decided; System names the source, and Rejects the
	// rows of one of its partitions that are to be held or released.
	Stateless bool     `json:"stateless,omitempty"`
	System    string   `json:"system,omitempty"`
	Rejects   []string `json:"rejects,omitempty"`
}

// mark names the group among the run's marks.
func (in ResolveInput) mark() string {
	if in.Pass.Attempt > 0 {
		return fmt.Sprintf("%d again %d", in.Group, in.Pass.Attempt)
	}
	return strconv.Itoa(in.Group)
}

// Part names one transformed partition.
type Part struct {
	System int    `json:"s"`
	ID     string `json:"p"`
}

// Resolved is what a group came to.
type Resolved struct {
	Tally reconcile.Tally `json:"tally"`
	// Blanked counts by field how often a value became NULL.
	Blanked map[string]int64 `json:"blanked,omitempty"`
	// Conflicts opened, and Closed ones.
	Opened int64 `json:"opened,omitempty"`
	Closed int64 `json:"closed,omitempty"`
	// Links is how many links changed.
	Links int64 `json:"links,omitempty"`
	// Missed decisions were for values that have changed since.
	Missed int64 `json:"missed,omitempty"`
	// Fetched counts records read again by key: what a listing did not show,
	// and what is decided.
	Fetched int64 `json:"fetched,omitempty"`
}

// Add sums two groups.
func (r *Resolved) Add(o Resolved) {
	r.Tally = AddTally(r.Tally, o.Tally)
	// Sums have no order.
	//workflowcheck:ignore
	for field, n := range o.Blanked {
		if r.Blanked == nil {
			r.Blanked = map[string]int64{}
		}
		r.Blanked[field] += n
	}
	r.Opened += o.Opened
	r.Closed += o.Closed
	r.Links += o.Links
	r.Missed += o.Missed
	r.Fetched += o.Fetched
}

// Recount forgets how the records ended, because they are read once more, but
// for those of settled. It keeps what the guard has to know of what is committed.
func (r *Resolved) Recount(settled Resolved) {
	r.Tally, r.Fetched = settled.Tally, settled.Fetched
}

// AddTally sums two tallies.
func AddTally(a, b reconcile.Tally) reconcile.Tally {
	return reconcile.Tally{
		Read: a.Read + b.Read, Applied: a.Applied + b.Applied, Owed: a.Owed + b.Owed,
		Unchanged: a.Unchanged + b.Unchanged, Conflicts: a.Conflicts + b.Conflicts,
		Quarantined: a.Quarantined + b.Quarantined, Ignored: a.Ignored + b.Ignored,
	}
}

// GuardInput has the totals of all groups.
type GuardInput struct {
	Pass     Pass     `json:"pass"`
	Resolved Resolved `json:"resolved"`
}

// Guarded says whether the run may write.
type Guarded struct {
	// Stopped says which limit stopped it, for people; "" lets it go on.
	Stopped string `json:"stopped,omitempty"`
	// Hash and Count name the exact set that an approval is for.
	Hash  string `json:"hash,omitempty"`
	Count int64  `json:"count,omitempty"`
}

// The phases of load: deletes come last.
const (
	PhaseWrite  = "write"
	PhaseDelete = "delete"
)

// LoadInput names what one system is owed.
type LoadInput struct {
	Pass   Pass   `json:"pass"`
	System int    `json:"system"`
	Phase  string `json:"phase"`
	// Round is 1 where the system is told what others set by themselves in this
	// very run.
	Round int `json:"round,omitempty"`
	// Ref and Source are a stateless run's batches and where they come from.
	Ref      string `json:"ref,omitempty"`
	Source   int    `json:"source,omitempty"`
	Complete bool   `json:"complete,omitempty"`
}

// Loaded counts what was written to one system.
type Loaded struct {
	Created     int64 `json:"created,omitempty"`
	Updated     int64 `json:"updated,omitempty"`
	Deleted     int64 `json:"deleted,omitempty"`
	Unchanged   int64 `json:"unchanged,omitempty"`
	Quarantined int64 `json:"quarantined,omitempty"`
	// Left stays owed: refused three times, or held by what came in meanwhile.
	Left int64 `json:"left,omitempty"`
	// Opened conflicts appeared while writing.
	Opened int64 `json:"opened,omitempty"`
	// Told counts what others are owed because the system set it by itself.
	Told int64 `json:"told,omitempty"`
	// Down says that the system could not be reached; it stays owed.
	Down string `json:"down,omitempty"`
}

// Add sums two loads.
func (l *Loaded) Add(o Loaded) {
	l.Created += o.Created
	l.Updated += o.Updated
	l.Deleted += o.Deleted
	l.Unchanged += o.Unchanged
	l.Quarantined += o.Quarantined
	l.Left += o.Left
	l.Opened += o.Opened
	l.Told += o.Told
	if o.Down != "" {
		l.Down = o.Down
	}
}

// FinishInput closes a run.
type FinishInput struct {
	Pass     Pass              `json:"pass"`
	Trigger  string            `json:"trigger"`
	Windows  []Window          `json:"windows"`
	Tally    reconcile.Tally   `json:"tally"`
	Resolved Resolved          `json:"resolved"`
	Loaded   map[string]Loaded `json:"loaded,omitempty"`
	Read     map[string]int64  `json:"read,omitempty"`
	Stopped  Guarded           `json:"stopped"`
	// Started is the workflow's own start, in microseconds.
	Started record.Timestamp `json:"started"`
	Ended   record.Timestamp `json:"ended"`
	URL     string           `json:"url,omitempty"`
	// Stateless: the run kept no links.
	Stateless bool `json:"stateless,omitempty"`
	// Targets is how often the tally of a stateless run has each record: once for
	// each target.
	Targets int `json:"targets,omitempty"`
	// Failed closes the run as failed, with this reason.
	Failed string `json:"failed,omitempty"`
}
