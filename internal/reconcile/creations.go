package reconcile

import "slices"

// ownCreations finds the rows that creations of ours made, whose outcome was
// not known: they have the match texts that the creation was begun with,
// whatever the link's are by now.
func ownCreations(rows []*sighting, anchors []*anchor) map[*sighting]*anchor {
	begun := begunTexts(anchors)
	if len(begun) == 0 {
		return nil
	}
	type placeOf struct {
		anchor *anchor
		system int
	}
	found := map[*sighting]*anchor{}
	claims := map[placeOf]int{}
	for _, row := range rows {
		if mine := begunBy(row, begun); len(mine) == 1 {
			found[row] = mine[0]
			claims[placeOf{mine[0], row.system}]++
		}
	}
	for row, a := range found { // each on its own: the order does not matter
		if claims[placeOf{a, row.system}] > 1 {
			delete(found, row)
		}
	}
	return found
}

func begunTexts(anchors []*anchor) map[textRef][]*anchor {
	begun := map[textRef][]*anchor{}
	for _, a := range anchors {
		for _, match := range a.begun { // each on its own: the order does not matter
			for alt, text := range match {
				if at := (textRef{alt, text}); text != "" && !slices.Contains(begun[at], a) {
					begun[at] = append(begun[at], a)
				}
			}
		}
	}
	return begun
}

// begunBy are the links with a creation that this row may be the outcome of.
func begunBy(row *sighting, begun map[textRef][]*anchor) []*anchor {
	var mine []*anchor
	for alt, text := range row.match {
		for _, a := range begun[textRef{alt, text}] {
			same, _ := compareMatch(row.match, a.begun[row.system])
			if same && a.free(row.system) && !slices.Contains(mine, a) {
				mine = append(mine, a)
			}
		}
	}
	return mine
}
