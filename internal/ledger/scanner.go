package ledger

import (
	"encoding/binary"

	"github.com/syncline-dev/syncline/internal/record"
)

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTexts(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendText(dst, s)
	}
	return dst
}

// scanner reads stored bytes; what is too short or wrong sets bad, and reads
// nothing from then on.
type scanner struct {
	rest string
	bad  bool
}

func (r *scanner) byte() byte {
	if r.rest == "" {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *scanner) uvarint() uint64 {
	var x uint64
	for i := range min(len(r.rest), binary.MaxVarintLen64) {
		b := r.rest[i]
		x |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return x
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

func (r *scanner) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads how many follow; each takes a byte at least.
func (r *scanner) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return 0
	}
	return int(n)
}

func (r *scanner) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *scanner) texts(into []string) []string {
	for range r.count() {
		into = append(into, r.text())
	}
	return into
}

func (r *scanner) hash() (h record.Hash) {
	if len(r.rest) < len(h) {
		r.bad, r.rest = true, ""
		return h
	}
	copy(h[:], r.rest)
	r.rest = r.rest[len(h):]
	return h
}

func (r *scanner) value() record.Value {
	v, rest, err := record.DecodeValue(r.rest)
	if err != nil {
		r.bad, r.rest = true, ""
		return nil
	}
	r.rest = rest
	return v
}
