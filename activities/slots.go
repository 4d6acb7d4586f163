package activities

import "github.com/syncline-dev/syncline/internal/record"

// slotOf is a link's home: 16 bits of its first match text that is not blank,
// or of the row that founds it.
func slotOf(match []string, system int, key record.Key) uint16 {
	for _, m := range match {
		if m != "" {
			h := record.HashText(m)
			return uint16(h[0])<<8 | uint16(h[1])
		}
	}
	h := record.HashRow(int64(system), string(key))
	return uint16(h[0])<<8 | uint16(h[1])
}

// slots is how many there are.
const slots = 1 << 16

// groupOf says in which group a slot is resolved.
func groupOf(slot uint16, groups int) int { return slotRange{0, slots - 1}.place(slot, groups) }

// slotsOf gives the slots of a group.
func slotsOf(group, groups int) slotRange { return slotRange{0, slots - 1}.cut(group, groups) }

// groupsFor says in how many groups records are resolved. Only a few are one
// group: what comes in one piece needs no serial group either.
func groupsFor(rows int64) int {
	if rows <= wholeRows {
		return 1
	}
	return int(min(max((rows+groupRows-1)/groupRows, 2), maxGroups))
}

// slotRange is a range of slots, both ends included.
type slotRange [2]uint16

func (r slotRange) width() int { return int(r[1]) - int(r[0]) + 1 }

// place says in which of n equal pieces of the range a slot is.
func (r slotRange) place(slot uint16, n int) int { return (int(slot) - int(r[0])) * n / r.width() }

// cut gives the i-th of n equal pieces of the range.
func (r slotRange) cut(i, n int) slotRange {
	first := (i*r.width() + n - 1) / n
	next := ((i+1)*r.width() + n - 1) / n
	return slotRange{r[0] + uint16(first), r[0] + uint16(next-1)}
}
