package ledger

import (
	"encoding/binary"
	"errors"

	"github.com/syncline-dev/syncline/internal/record"
)

// A link's body in the ledger, by the numbers of fields and systems:
//
//	version
//	match texts
//	members: system, key, state, flags, why, acked, order, token, hashes,
//	         match texts, fields seen, flips
//	origins: the different ones of the base's fields
//	base:    field, place among the origins, value
//
// Counts and numbers are varints; texts have their length before them.
const bodyVersion = 1

var errBody = errors.New("a link's body in the ledger is damaged")

// body is the decoded form, reused from link to link.
type body struct {
	match   []string
	members []bodyMember
	origins []bodyOrigin
	base    []bodyField
}

type bodyMember struct {
	system       int64
	key          string
	state        uint8
	sinceWrite   bool
	apart        bool
	why          string
	acked        int64
	order, token string
	raw, mapping record.Hash
	match        []string
	seen         []bodySeen
	flips        int64
	flipHash     record.Hash
}

type bodySeen struct {
	field uint32
	value record.Value
}

type bodyOrigin struct {
	system int64 // 0 for none
	rev    int64
	at     record.Timestamp
	rule   string
}

type bodyField struct {
	field  uint32
	origin int // a place in origins
	value  record.Value
}

// The flags of a member.
const (
	flagSinceWrite = 1 << iota
	flagFlips
	flagApart
)

// rules that are so common that one byte stands for them; numbers are stored.
var commonRules = [...]string{1: "edit", 2: "agreed", 3: "first_sync"} //nolint:gochecknoglobals // a constant table

func (b *body) reset() {
	b.match, b.members, b.origins, b.base = b.match[:0], b.members[:0], b.origins[:0], b.base[:0]
}

func (b *body) append(dst []byte) ([]byte, error) {
	dst = appendTexts(append(dst, bodyVersion), b.match)
	dst = binary.AppendUvarint(dst, uint64(len(b.members)))
	var err error
	for i := range b.members {
		dst = binary.AppendUvarint(dst, uint64(b.members[i].system))
		if dst, err = b.members[i].append(dst); err != nil {
			return nil, err
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.origins)))
	for _, o := range b.origins {
		dst = o.append(dst)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.base)))
	for _, f := range b.base {
		dst = binary.AppendUvarint(dst, uint64(f.field))
		dst = binary.AppendUvarint(dst, uint64(f.origin))
		if dst, err = record.AppendValue(dst, f.value); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (m *bodyMember) append(dst []byte) ([]byte, error) {
	flags := byte(0)
	if m.sinceWrite {
		flags |= flagSinceWrite
	}
	if m.flips != 0 || !m.flipHash.Zero() {
		flags |= flagFlips
	}
	if m.apart {
		flags |= flagApart
	}
	dst = appendText(dst, m.key)
	dst = append(dst, m.state, flags)
	dst = appendText(dst, m.why)
	dst = binary.AppendVarint(dst, m.acked)
	dst = appendText(appendText(dst, m.order), m.token)
	dst = append(append(dst, m.raw[:]...), m.mapping[:]...)
	dst = appendTexts(dst, m.match)
	dst = binary.AppendUvarint(dst, uint64(len(m.seen)))
	var err error
	for _, s := range m.seen {
		dst = binary.AppendUvarint(dst, uint64(s.field))
		if dst, err = record.AppendValue(dst, s.value); err != nil {
			return nil, err
		}
	}
	if flags&flagFlips != 0 {
		dst = append(binary.AppendVarint(dst, m.flips), m.flipHash[:]...)
	}
	return dst, nil
}

func (o bodyOrigin) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(o.system))
	dst = binary.AppendVarint(dst, o.rev)
	dst = binary.AppendVarint(dst, int64(o.at))
	for i, rule := range commonRules {
		if i > 0 && rule == o.rule {
			return append(dst, byte(i))
		}
	}
	return appendText(append(dst, 0), o.rule)
}

// parse reads a body; texts in it are parts of data.
func (b *body) parse(data string) error {
	b.reset()
	r := scanner{rest: data}
	b.parseMembers(&r)
	for range r.count() {
		o := bodyOrigin{system: int64(r.uvarint()), rev: r.varint(), at: record.Timestamp(r.varint())}
		if rule := r.byte(); rule == 0 {
			o.rule = r.text()
		} else if int(rule) < len(commonRules) {
			o.rule = commonRules[rule]
		} else {
			r.bad = true
		}
		b.origins = append(b.origins, o)
	}
	for range r.count() {
		f := bodyField{field: uint32(r.uvarint()), origin: int(r.uvarint()), value: r.value()}
		if f.origin >= len(b.origins) || f.origin < 0 {
			r.bad = true
		}
		b.base = append(b.base, f)
	}
	if r.bad || r.rest != "" {
		return errBody
	}
	return nil
}

// parseHead reads the match texts and members only.
func (b *body) parseHead(data string) error {
	b.reset()
	r := scanner{rest: data}
	b.parseMembers(&r)
	if r.bad {
		return errBody
	}
	return nil
}

func (b *body) parseMembers(r *scanner) {
	if r.byte() != bodyVersion {
		r.bad = true
	}
	b.match = r.texts(b.match)
	n := r.count()
	for i := range n {
		// Take the slices of an earlier link's member along.
		if i < cap(b.members) {
			b.members = b.members[:i+1]
		} else {
			b.members = append(b.members, bodyMember{})
		}
		m := &b.members[i]
		m.system = int64(r.uvarint())
		m.parse(r)
	}
}

func (m *bodyMember) parse(r *scanner) {
	m.key = r.text()
	m.state = r.byte()
	flags := r.byte()
	m.sinceWrite, m.apart = flags&flagSinceWrite != 0, flags&flagApart != 0
	m.why = r.text()
	m.acked = r.varint()
	m.order, m.token = r.text(), r.text()
	m.raw, m.mapping = r.hash(), r.hash()
	m.match = r.texts(m.match[:0])
	m.seen = m.seen[:0]
	for range r.count() {
		m.seen = append(m.seen, bodySeen{field: uint32(r.uvarint()), value: r.value()})
	}
	m.flips, m.flipHash = 0, record.Hash{}
	if flags&flagFlips != 0 {
		m.flips, m.flipHash = r.varint(), r.hash()
	}
}
