package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// after is the bucket as the ledger would give it after the outcome was
// committed and nothing moved since: the same observations, no decisions.
func after(bucket *Bucket, out *Outcome) *Bucket {
	next := *bucket
	next.Decisions = nil
	next.Links, next.Loose, next.Conflicts = commit(bucket.Links, bucket.Loose, bucket.Conflicts, out, 1000)
	return &next
}

// commit does to a set of links and members what a ledger does.
func commit(links []*Link, loose []*Member, conflicts []*Conflict, out *Outcome, ids int64) ([]*Link, []*Member, []*Conflict) {
	byID := map[string]*Link{}
	var order []string
	put := func(l *Link) {
		if byID[l.ID] == nil {
			order = append(order, l.ID)
		}
		byID[l.ID] = l
	}
	for _, l := range links {
		put(l)
	}
	for _, l := range out.Links {
		put(l.Clone())
	}
	var keptLinks []*Link
	linked := map[ref]bool{}
	numbered := map[string]int64{}
	number := func(c *Conflict) {
		at := fmt.Sprint(c.LinkID, c.System, c.Key, c.Kind, c.Field)
		if c.ID == 0 {
			if numbered[at] == 0 {
				ids++
				numbered[at] = ids
			}
			c.ID = numbered[at]
		}
	}
	slices.Sort(order)
	for _, id := range order {
		l := byID[id]
		keptLinks = append(keptLinks, l)
		for s, m := range l.Members {
			if m != nil {
				linked[ref{s, m.Key}] = true
			}
		}
		for _, c := range l.Conflicts {
			number(c)
		}
	}
	members := map[ref]*Member{}
	for _, m := range append(slices.Clone(loose), out.Loose...) {
		members[ref{m.System, m.Key}] = m
	}
	var keptLoose []*Member
	for at, m := range members {
		if !linked[at] && m.State != Detached {
			keptLoose = append(keptLoose, m)
		}
	}
	slices.SortFunc(keptLoose, func(a, b *Member) int {
		return strings.Compare(fmt.Sprint(a.System, a.Key), fmt.Sprint(b.System, b.Key))
	})
	return keptLinks, keptLoose, commitConflicts(conflicts, out, number)
}

// commitConflicts does the same for the conflicts that name no link.
func commitConflicts(conflicts []*Conflict, out *Outcome, number func(*Conflict)) []*Conflict {
	var keptConflicts []*Conflict
	gone := map[int64]bool{}
	for _, id := range out.Closed {
		gone[id] = true
	}
	for _, c := range out.Opened {
		if c.ID != 0 {
			gone[c.ID] = true
		}
	}
	for _, c := range conflicts {
		if !gone[c.ID] {
			keptConflicts = append(keptConflicts, c)
		}
	}
	for _, c := range out.Opened {
		if c.LinkID == "" {
			c = c.Clone()
			number(c)
			keptConflicts = append(keptConflicts, c)
		}
	}
	return keptConflicts
}
