package reconcile

import (
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// leave is how a row left its link in this window.
type leave int

const (
	stays     leave = iota
	leftGone        // the row is not there any more
	leftSoft        // the row says that it is deleted
	leftScope       // the row left `where`, and that deletes
)

// Why a member is detached.
const (
	whyUnlinked = "unlinked"
	whyGone     = "gone"
	whyDeleted  = "deleted"
	whyRestore  = "restore"
)

// missed meets a row that is not there. That is a delete only of a member that
// was seen since our last write to it, or where the source's order shows it.
func (w *work) missed(s int, m *Member, row *sighting) {
	ordered := m.Order != "" && row.obs.Order != "" && strings.Compare(row.obs.Order, m.Order) > 0
	switch {
	case m.State == Detached && (m.Why == whyUnlinked || m.Why == whyGone), m.State == Creating:
		row.end = endIgnored
	case w.r.first(s), !m.SinceWrite && !ordered && m.State == Live:
		row.end = endIgnored
	case w.link.Tombstone, m.State == Detached && m.Why == whyRestore:
		w.link.Members[s] = nil
		row.news = true
	case m.State == OutOfScope, m.State == Detached:
		m.State, m.Why = Detached, whyGone
		row.end = endIgnored
	default:
		w.leaves[s] = leftGone
	}
}

// saysDeleted meets a row that is there and says that it is deleted.
func (w *work) saysDeleted(s int, m *Member, row *sighting) {
	switch {
	case row.joined:
		m.State, m.Why = Detached, whyDeleted
		w.unread(s, m)
		row.end = endIgnored
	case w.r.first(s):
		row.end = endIgnored
	case m.State == Detached:
		if m.Why == whyGone {
			m.Why = whyDeleted
		}
		if m.Why != whyRestore {
			row.end = endIgnored
		}
	case w.link.Tombstone:
		m.State, m.Why = Detached, whyDeleted
		row.news = true
	case m.State == OutOfScope:
		m.State, m.Why = Detached, whyDeleted
		row.end = endIgnored
	default:
		w.leaves[s] = leftSoft
	}
}

// left meets a row that is outside of the sync. It keeps what was last seen, so
// that it goes on from there when it comes back.
func (w *work) left(s int, m *Member, row *sighting) {
	row.end = endIgnored
	if row.joined {
		m.State = OutOfScope
		w.unread(s, m)
		return
	}
	if m.State == Live && w.system(s).LeavingDeletes && !w.link.Tombstone && !w.r.first(s) {
		row.end = undecided
		w.leaves[s] = leftScope
		return
	}
	m.State, m.Why = OutOfScope, ""
}

// revive lets a tombstone live again where its thing came back: a row of it was
// made anew or undeleted, or edited by a system that had not yet deleted it.
func (w *work) revive() {
	if !w.link.Tombstone {
		return
	}
	var edits []Candidate
	back := false
	for s, row := range w.rows {
		if row == nil || w.now[s] == nil || !w.system(s).Reads {
			continue
		}
		m := w.link.Members[s]
		before := w.before[s]
		if row.joined || before == nil || before.State == Detached || before.State == OutOfScope || before.MapHash == unread() {
			back = true
			row.news = true
			continue
		}
		if changed := w.changedFields(s); len(changed) > 0 {
			edits = append(edits, w.editSide(s, m, changed))
		}
	}
	if back {
		w.reopen(string(UpdateRecentlyDeleted), nil)
		return
	}
	open := w.recordConflict()
	if len(edits) == 0 && open == nil {
		return
	}
	w.contestTombstone(open, edits)
}

func (w *work) contestTombstone(open *Conflict, edits []Candidate) {
	dead := Candidate{System: None, Deleted: true}
	if open != nil {
		for _, c := range open.Candidates {
			if c.Deleted || w.link.Members[c.System] == nil {
				continue
			}
			if !slices.ContainsFunc(edits, func(e Candidate) bool { return e.System == c.System }) {
				edits = append(edits, c)
			}
		}
		if len(edits) == 0 {
			return
		}
	}
	switch w.r.rules.DeleteVsUpdate {
	case "delete_wins":
		w.note(None, nil, nil, None, "delete_vs_update: delete_wins", edits)
	case "manual":
		c := &Conflict{LinkID: w.link.ID, System: None, Kind: UpdateRecentlyDeleted, Field: None, Candidates: append(edits, dead)}
		w.r.file(c, open)
		switch d, verdict := w.ruling(c, open); verdict {
		case rulingNone:
			w.hold(c)
		case rulingKeep:
			w.reopen(d, []Candidate{dead})
		case rulingDelete:
			w.note(None, nil, nil, None, d, edits)
		}
	default: // when the delete was made is not known: nothing is lost by living
		w.reopen("delete_vs_update: update_wins", []Candidate{dead})
	}
}

// reopen makes a tombstone a link again: deletes that are owed are cancelled,
// rows that say they are deleted are owed a restore, and rows whose edits the
// delete overruled are owed the base.
func (w *work) reopen(rule string, lost []Candidate) {
	w.link.Tombstone = false
	w.reopened, w.dead = true, true
	for s, m := range w.link.Members {
		if m != nil && m.State == Detached && m.Why != whyUnlinked && m.Why != whyGone {
			m.Why = whyRestore
		}
		if before := w.before[s]; m != nil && before != nil {
			for f := range before.Seen {
				w.owe = append(w.owe, debt{s, f})
			}
		}
	}
	w.note(None, nil, nil, None, rule, lost)
}

// changedFields are the fields in which a row differs from when it was last seen.
func (w *work) changedFields(s int) []int {
	var changed []int
	last := w.lastOf(s)
	for f, v := range w.now[s] {
		if w.system(s).Has[f] && !record.IsMissing(v) && !record.Equal(v, last[f]) {
			changed = append(changed, f)
		}
	}
	return changed
}

// editSide is a candidate that shows the edited fields as JSON.
func (w *work) editSide(s int, m *Member, fields []int) Candidate {
	c := Candidate{System: s, Key: m.Key, Value: record.JSON("{}")}
	shown := map[string]any{}
	values := w.now[s]
	if values == nil {
		values = w.lastOf(s)
	}
	for _, f := range fields {
		shown[w.r.rules.Fields[f].Name] = jsonable(values[f])
	}
	if text, err := record.EncodeJSON(shown); err == nil {
		c.Value = text
	}
	if w.rows[s] != nil {
		c.At = w.rows[s].modified()
	}
	return c
}

// jsonable gives what JSON has a form for.
func jsonable(v record.Value) any {
	switch x := v.(type) {
	case nil, string, bool, int64, record.Decimal:
		return x
	default:
		return record.Text(v)
	}
}

// recordConflict is the open conflict between a delete and edits.
func (w *work) recordConflict() *Conflict {
	if w.old == nil {
		return nil
	}
	for _, c := range w.old.Conflicts {
		if c.aboutDelete() {
			return c
		}
	}
	return nil
}

// remove decides what the rows that left mean for the others.
func (w *work) remove() {
	if w.link.Tombstone {
		return
	}
	open := w.recordConflict()
	var leavers []int
	for s, how := range w.leaves {
		if how == stays && (!open.deletedBy(s) || w.rows[s] != nil || w.link.Members[s] == nil) {
			continue
		}
		if how == stays {
			w.leaves[s] = open.leftBy(s) // said before the conflict opened, and nothing since
		}
		if w.rows[s] != nil {
			w.rows[s].news = true
		}
		if !w.system(s).Reads { // a target's delete counts no more than its edits
			w.drop(s)
			w.note(None, nil, nil, None, "target", []Candidate{w.leaver(s)})
			continue
		}
		leavers = append(leavers, s)
	}
	if len(leavers) == 0 {
		return
	}
	edits, kind := w.against(leavers, open)
	if len(edits) == 0 {
		w.bury(leavers, "delete", nil)
		return
	}
	w.contest(leavers, edits, kind, open)
}

func (c *Conflict) deletedBy(s int) bool {
	return c != nil && slices.ContainsFunc(c.Candidates, func(c Candidate) bool { return c.System == s && c.Deleted })
}

// leftBy gives how a row left whose delete waits in a conflict.
func (c *Conflict) leftBy(s int) leave {
	for _, candidate := range c.Candidates {
		if candidate.System != s || !candidate.Deleted {
			continue
		}
		switch candidate.Value {
		case saidDeleted:
			return leftSoft
		case saidLeft:
			return leftScope
		}
	}
	return leftGone
}

// What a candidate that deleted shows: nothing where the row is gone.
const (
	saidDeleted = "deleted"
	saidLeft    = "out_of_scope"
)

func (w *work) leaver(s int) Candidate {
	c := Candidate{System: s, Deleted: true}
	if m := w.before[s]; m != nil {
		c.Key = m.Key
	}
	switch w.leaves[s] {
	case leftSoft:
		c.Value = saidDeleted
	case leftScope:
		c.Value = saidLeft
	case leftGone, stays:
	}
	if w.rows[s] != nil {
		c.At = w.rows[s].modified()
	}
	return c
}

// against collects what speaks against a delete: edits of others in this
// window, edits that wait in conflicts, rows that just came, and a base that
// the deleting system had not heard of.
func (w *work) against(leavers []int, open *Conflict) ([]Candidate, Kind) {
	var edits []Candidate
	add := func(c Candidate) {
		i := slices.IndexFunc(edits, func(e Candidate) bool { return e.System == c.System })
		if i < 0 {
			edits = append(edits, c)
		}
	}
	for s, m := range w.link.Members {
		if m == nil || slices.Contains(leavers, s) {
			continue
		}
		fields := w.edits[s]
		if known := open.of(s); known != nil && len(fields) == 0 {
			add(*known)
			continue
		}
		for _, c := range w.next {
			if c.Field != None && c.of(s) != nil && !slices.Contains(fields, c.Field) {
				fields = append(fields, c.Field)
			}
		}
		if len(fields) > 0 || (w.rows[s] != nil && w.rows[s].joined && w.now[s] != nil && w.system(s).Reads) {
			slices.Sort(fields)
			add(w.editSide(s, m, fields))
		}
	}
	if open != nil {
		for _, c := range open.Candidates {
			if !c.Deleted {
				add(c)
			}
		}
		return edits, open.Kind
	}
	if len(edits) > 0 {
		return edits, DeleteRecentlyUpdated
	}
	for _, s := range leavers {
		for f := range w.base {
			if m := w.before[s]; m != nil && owedField(w.r.rules, w.link, m, f) && !w.changed[f] {
				origin := w.link.Origins[f]
				add(Candidate{System: origin.System, Value: w.base[f], At: origin.At, Base: true})
			}
		}
	}
	return edits, UpdateMissing
}

func (w *work) contest(leavers []int, edits []Candidate, kind Kind, open *Conflict) {
	dead := make([]Candidate, 0, len(leavers))
	for _, s := range leavers {
		dead = append(dead, w.leaver(s))
	}
	switch w.r.rules.DeleteVsUpdate {
	case "delete_wins":
		w.bury(leavers, "delete_vs_update: delete_wins", edits)
	case "newest_wins":
		if newest(dead, edits) > 0 {
			w.bury(leavers, "delete_vs_update: newest_wins", edits)
			return
		}
		w.keep(leavers, "delete_vs_update: newest_wins", dead)
	case "manual":
		c := &Conflict{LinkID: w.link.ID, System: None, Kind: kind, Field: None, Candidates: append(edits, dead...)}
		w.r.file(c, open)
		switch rule, what := w.ruling(c, open); what {
		case rulingNone:
			w.hold(c)
		case rulingKeep:
			w.keep(leavers, rule, dead)
		case rulingDelete:
			w.bury(leavers, rule, edits)
		}
	default:
		w.keep(leavers, "delete_vs_update: update_wins", dead)
	}
}

// newest compares the latest delete with the latest edit; 0 where that is not
// known of all.
func newest(deletes, edits []Candidate) int {
	var d, e record.Timestamp
	for _, c := range deletes {
		if c.At == 0 {
			return 0
		}
		d = max(d, c.At)
	}
	for _, c := range edits {
		if c.At == 0 {
			return 0
		}
		e = max(e, c.At)
	}
	switch {
	case d > e:
		return 1
	case d < e:
		return -1
	default:
		return 0
	}
}

// keep lets the record live: where it was deleted it is owed again.
func (w *work) keep(leavers []int, rule string, lost []Candidate) {
	for _, s := range leavers {
		w.drop(s)
	}
	w.note(None, nil, nil, None, rule, lost)
}

// drop leaves a system without the row, so that it is owed one.
func (w *work) drop(s int) {
	m := w.link.Members[s]
	switch w.leaves[s] {
	case leftGone:
		w.link.Members[s] = nil
	case leftSoft:
		m.State, m.Why = Detached, whyRestore
		m.Acked = 0
	case leftScope:
		m.State, m.Why = OutOfScope, ""
	case stays:
	}
}

// bury carries a delete to the others. Where all of them ignore deletes, the
// link lives on without the system that deleted.
func (w *work) bury(leavers []int, rule string, lost []Candidate) {
	others, ignoring := 0, 0
	for s, m := range w.link.Members {
		if m == nil || m.State == Detached || m.State == OutOfScope || slices.Contains(leavers, s) {
			continue
		}
		others++
		if w.r.rules.effect(s) == "ignore" {
			ignoring++
		}
	}
	survives := others > 0 && ignoring == others
	for _, s := range leavers {
		w.part(s, survives)
	}
	from := leavers[0]
	if survives {
		w.note(None, nil, nil, from, rule+" (ignored)", lost)
		return
	}
	w.link.Tombstone, w.dead = true, true
	// Questions about identity stay: the row they ask about may be this one's
	// successor.
	w.next = slices.DeleteFunc(w.next, func(c *Conflict) bool { return !c.about() })
	for s, m := range w.link.Members {
		if m == nil || slices.Contains(leavers, s) || (m.State != Live && m.State != Quarantined) {
			continue
		}
		if e := w.r.rules.effect(s); e == "ignore" || e == "unlink" {
			m.State, m.Why = Detached, whyUnlinked
		}
	}
	w.note(None, nil, nil, from, rule, lost)
}

// part takes the deleted row out of the link; where the link lives on,
// something has to say that nothing takes its place.
func (w *work) part(s int, survives bool) {
	m := w.link.Members[s]
	switch {
	case w.leaves[s] == leftGone && !survives:
		w.link.Members[s] = nil
	case w.leaves[s] == leftGone:
		m.State, m.Why = Detached, whyGone
	case w.leaves[s] == leftSoft:
		m.State, m.Why = Detached, whyDeleted
	default:
		m.State, m.Why = OutOfScope, ""
	}
}

type ruling int

const (
	rulingNone ruling = iota
	rulingKeep
	rulingDelete
)

// ruling asks a person, and then the deadline, about a delete.
func (w *work) ruling(c, open *Conflict) (rule string, _ ruling) {
	d := w.r.decision(c, func(d *Decision) bool {
		return d.Verb == "skip" || c.ruledBy(d) != rulingNone
	})
	if d != nil {
		w.r.apply(d)
		if d.Verb == "skip" {
			c.SkipUntil = orForEver(d.Until)
			return "", rulingNone
		}
		return decisionRule(d), c.ruledBy(d)
	}
	if open == nil || !c.passed(w.r.bucket.Now) || len(w.r.rules.Then) == 0 {
		return "", rulingNone
	}
	for _, p := range w.r.rules.Then {
		switch p.Name {
		case "system_wins", "priority":
			for _, s := range p.Systems {
				if c.deletedBy(s) {
					return "then: " + orElse(p.Text, p.Name), rulingDelete
				}
				if c.of(s) != nil {
					return "then: " + orElse(p.Text, p.Name), rulingKeep
				}
			}
		case "manual", "skip":
			return "", rulingNone
		}
	}
	return "then: the record lives", rulingKeep
}

func (c *Conflict) ruledBy(d *Decision) ruling {
	switch d.Verb {
	case "keep":
		return rulingKeep
	case "delete":
		return rulingDelete
	case "take":
		for _, candidate := range c.Candidates {
			if candidate.System == d.System && candidate.Deleted {
				return rulingDelete
			}
			if candidate.System == d.System {
				return rulingKeep
			}
		}
	}
	return rulingNone
}
