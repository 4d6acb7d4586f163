package reconcile

import "slices"

// textRef is a match text of one alternative.
type textRef struct {
	alternative int
	text        string
}

// anchor is a link that unknown rows may belong to, with its match texts as
// they are in this window.
type anchor struct {
	link  *Link // as it came; nil for one founded in this window
	work  *work
	match []string
	// begun are the match texts of creations whose outcome is not known yet, by
	// system; nil without any.
	begun map[int][]string
	// claimed are the systems whose place a row of ours has taken.
	claimed []int
}

func (a *anchor) id() string {
	if a.work != nil {
		return a.work.link.ID
	}
	return a.link.ID
}

// apart reports whether a person told a row of the link apart from others: then
// its match alone makes no row its own.
func (a *anchor) apart() bool {
	if a.work == nil {
		return a.link.apart()
	}
	return a.work.link.apart() || slices.ContainsFunc(a.work.rows, func(row *sighting) bool { return row != nil && row.apart })
}

type rootSystem struct{ root, system int }

// compareMatch compares by the first alternative that both sides have: equal
// there is the same thing, different there is not, whatever a later
// alternative says. Weak says that a later one nevertheless agrees.
func compareMatch(a, b []string) (same, weak bool) {
	for i := range min(len(a), len(b)) {
		if a[i] == "" || b[i] == "" {
			continue
		}
		if a[i] == b[i] {
			return true, false
		}
		for j := i + 1; j < min(len(a), len(b)); j++ {
			if a[j] != "" && a[j] == b[j] {
				return false, true
			}
		}
		return false, false
	}
	return false, false
}

// crowd is how many rows or links may share a text of a lower alternative
// before it says nothing any more about which of them are one.
const crowd = 200

// relations are who might be whom.
type relations struct {
	rows    []*sighting
	anchors []*anchor
	// direct are the links that a row matches, weak those that contradict it
	// in a more important alternative; both are places in anchors.
	direct, weak [][]int
	// weakRows are rows of other systems that do so, as places in rows.
	weakRows [][]int
	parent   []int // union-find over rows that match
	// systems are those that the rows which hang together have a row of.
	systems map[rootSystem]bool
}

func (r *relations) root(i int) int {
	for r.parent[i] != i {
		r.parent[i] = r.parent[r.parent[i]]
		i = r.parent[i]
	}
	return i
}

func (r *relations) join(i, j int) {
	a, b := r.root(i), r.root(j)
	r.parent[max(a, b)] = min(a, b)
}

// relate compares rows with each other and with links by their match texts.
func relate(rows []*sighting, anchors []*anchor) *relations {
	rel := &relations{
		rows: rows, anchors: anchors, direct: make([][]int, len(rows)), weak: make([][]int, len(rows)),
		weakRows: make([][]int, len(rows)), parent: make([]int, len(rows)),
	}
	holders := make(map[textRef][]int, len(rows))
	for i, row := range rows {
		rel.parent[i] = i
		for alt, text := range row.match {
			if text != "" {
				at := textRef{alt, text}
				holders[at] = append(holders[at], i)
			}
		}
	}
	shared := make(map[textRef]int)
	for _, anchor := range anchors {
		for alt, text := range anchor.match {
			if at := (textRef{alt, text}); alt > 0 && holders[at] != nil {
				shared[at]++
			}
		}
	}
	for a, anchor := range anchors {
		for alt, text := range anchor.match {
			at := textRef{alt, text}
			if shared[at] > crowd {
				continue
			}
			for _, i := range holders[at] {
				rel.relateLink(i, a)
			}
		}
	}
	for i, row := range rows {
		for alt, text := range row.match {
			if group := holders[textRef{alt, text}]; text != "" && len(group) > 1 && group[0] == i {
				rel.relateRows(alt, group)
			}
		}
	}
	rel.joinByLink()
	if slices.ContainsFunc(rel.weakRows, func(rows []int) bool { return len(rows) > 0 }) {
		rel.systems = make(map[rootSystem]bool, len(rows))
		for i, row := range rows {
			rel.systems[rootSystem{rel.root(i), row.system}] = true
		}
	}
	return rel
}

func (r *relations) relateLink(i, a int) {
	switch same, weak := compareMatch(r.rows[i].match, r.anchors[a].match); {
	case same && !slices.Contains(r.direct[i], a):
		r.direct[i] = append(r.direct[i], a)
	case weak && !slices.Contains(r.weak[i], a):
		r.weak[i] = append(r.weak[i], a)
	}
}

func (r *relations) relateRows(alt int, group []int) {
	if alt == 0 || len(group) > crowd {
		r.joinAll(alt, group)
		return
	}
	for n, i := range group {
		for _, j := range group[n+1:] {
			same, weak := compareMatch(r.rows[i].match, r.rows[j].match)
			if same {
				r.join(i, j)
			}
			if weak && r.rows[i].system != r.rows[j].system {
				r.weakRows[i] = append(r.weakRows[i], j)
				r.weakRows[j] = append(r.weakRows[j], i)
			}
		}
	}
}

// joinAll makes one heap of the rows that have nothing better than this
// alternative.
func (r *relations) joinAll(alt int, group []int) {
	first := -1
	for _, i := range group {
		switch {
		case slices.ContainsFunc(r.rows[i].match[:alt], func(t string) bool { return t != "" }):
		case first < 0:
			first = i
		default:
			r.join(first, i)
		}
	}
}

func (r *relations) joinByLink() {
	firstOf := make([]int, len(r.anchors)) // one more than the row
	for i := range r.rows {
		for _, a := range r.direct[i] {
			if firstOf[a] > 0 {
				r.join(firstOf[a]-1, i)
			} else {
				firstOf[a] = i + 1
			}
		}
	}
}

// components gives the rows that hang together, in the order of the rows.
func (r *relations) components() [][]int {
	at := make([]int, len(r.rows)) // of a root, one more than its place in all
	all := make([][]int, 0, len(r.rows))
	for i := range r.rows {
		root := r.root(i)
		if at[root] == 0 {
			all = append(all, nil)
			at[root] = len(all)
		}
		all[at[root]-1] = append(all[at[root]-1], i)
	}
	return all
}
