package csv

import (
	"encoding/hex"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// keyReader names the current row of a file by its key columns, or by its
// content where there are none.
type keyReader struct {
	f    *file
	at   []int // places of the key columns; nil: the whole row
	buf  []byte
	seen []uint64
}

func (f *file) keyReader() (*keyReader, error) {
	k := &keyReader{f: f}
	if len(f.o.config.Key) == 0 {
		return k, nil
	}
	var err error
	k.at, err = f.columns(f.o.config.Key)
	return k, err
}

// key gives the bytes of the current row's key (see record.NewKey), valid until
// the next call; bad says why it has none.
func (k *keyReader) key() (key []byte, bad string) {
	k.buf = k.buf[:0]
	if k.at == nil {
		text := k.rowHash()
		k.buf = append(k.buf[:0], "32:"...)
		return append(k.buf, text...), ""
	}
	for _, at := range k.at {
		text, bad := k.part(at)
		if bad != "" {
			return nil, bad
		}
		k.buf = appendKeyPart(k.buf, text)
	}
	return k.buf, ""
}

// bad says why the current row has no key.
func (k *keyReader) bad() string {
	for _, at := range k.at {
		if _, bad := k.part(at); bad != "" {
			return bad
		}
	}
	return ""
}

func (k *keyReader) part(at int) (text []byte, bad string) {
	c := k.f.cells[at]
	text = k.f.text(c)
	if k.f.o.nulls.is(text, c.quoted) {
		return nil, "column " + k.f.dialect.names[at] + ": part of the key is empty"
	}
	if !utf8.Valid(text) {
		return nil, "column " + k.f.dialect.names[at] + ": not valid UTF-8"
	}
	return text, ""
}

// rowHash is the value of the row column.
func (k *keyReader) rowHash() string {
	k.buf = k.buf[:0]
	for _, c := range k.f.cells {
		text := k.f.text(c)
		k.buf = appendKeyPart(k.buf, text)
	}
	sum := xxh3.Hash128(k.buf).Bytes()
	return hex.EncodeToString(sum[:])
}

// hash gives a short form of the key; false if there is none.
func (k *keyReader) hash() (uint64, bool) {
	key, bad := k.key()
	return xxh3.Hash(key), bad == ""
}

// note remembers the current row's key for doubles.
func (k *keyReader) note() {
	if h, ok := k.hash(); ok {
		k.seen = append(k.seen, h)
	}
}

// doubles gives the keys that were noted more than once.
func (k *keyReader) doubles() hashes {
	slices.Sort(k.seen)
	out := hashes{}
	for i := 1; i < len(k.seen); i++ {
		if k.seen[i] == k.seen[i-1] {
			out[k.seen[i]] = struct{}{}
		}
	}
	return out
}

// appendKeyPart encodes one part as record.NewKey does.
func appendKeyPart[T string | []byte](dst []byte, text T) []byte {
	dst = strconv.AppendInt(dst, int64(len(text)), 10)
	dst = append(dst, ':')
	return append(dst, text...)
}
