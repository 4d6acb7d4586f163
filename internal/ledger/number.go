package ledger

import (
	"encoding/binary"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/syncline-dev/syncline/internal/record"
)

// HomeSlot is where links and loose rows live if nothing else is said: by
// their first match text, or else by a name of their own. There are 65,536
// slots, and what may belong together has the same one.
func HomeSlot(match []string, name string) uint16 {
	for _, text := range match {
		if text != "" {
			return slotOf(record.HashText(text))
		}
	}
	return slotOf(record.HashText("", name))
}

func slotOf(h record.Hash) uint16 { return binary.BigEndian.Uint16(h[:2]) }

// A link's number lays the links of one slot side by side: 15 bits of sync, 16
// of slot, 32 of a serial number.
func linkNumber(sync int64, slot uint16, serial int64) int64 {
	return sync<<48 | int64(slot)<<32 | serial
}

func numberSlot(n int64) uint16 { return uint16(n >> 32) }

func numberSync(n int64) int64 { return n >> 48 }

// slotRange gives the first and last number of a range of slots.
func slotRange(sync int64, slots [2]uint16) (first, last int64) {
	return linkNumber(sync, slots[0], 0), linkNumber(sync, slots[1], maxSerial)
}

// handle is a link's id as a number to look it up by. Ids that begin with 16
// hexadecimal digits keep their order, so that ids which begin with their slot
// lie beside their bucket's.
func handle(id string) int64 {
	if len(id) >= 16 {
		if u, err := strconv.ParseUint(id[:16], 16, 64); err == nil {
			return int64(u)
		}
	}
	h := record.HashText(id)
	return int64(binary.BigEndian.Uint64(h[:8]))
}

// matchHash names a match text of one alternative. It begins with the text's
// slot, so that what a bucket writes lies together.
func matchHash(alternative int, text string) record.Hash {
	h := record.HashText(text)
	h[len(h)-1] ^= byte(alternative)
	return h
}

// printOf tells whether a row is as it was; 0 means that nobody can tell.
func printOf(raw, mapping record.Hash) int64 {
	if raw.Zero() {
		return 0
	}
	var both [32]byte
	copy(both[:16], raw[:])
	copy(both[16:], mapping[:])
	if p := int64(xxh3.Hash(both[:])); p != 0 {
		return p
	}
	return 1
}

func stateColumn(state uint8, sinceWrite bool) int64 {
	if sinceWrite {
		return int64(state)*2 + 1
	}
	return int64(state) * 2
}
