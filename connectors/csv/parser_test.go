package csv

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Cells end at commas and line ends, wherever in a word of the processor these
// are and whatever bytes stand beside them; and all bytes are handed on once.
func TestParserFindsEveryCell(t *testing.T) {
	t.Parallel()
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{",", ";", "\n", "\r\n", "\r", "", "-", "+", "\x8c", "\xac", "\x0b", "\x8a", "\x0a", "\x2c", "ä", "\x00", "\x01", "\xff"}),
		rapid.StringMatching(`[a-z0-9]{0,20}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, "pieces"), "")
		comma := rapid.SampledFrom([]byte{',', ';', '\t', '|', 0xff}).Draw(t, "comma")
		var src io.Reader = strings.NewReader(text)
		if rapid.Bool().Draw(t, "slow") {
			src = iotest.OneByteReader(src)
		}
		p := newParser(context.Background(), src, comma)
		var passed bytes.Buffer
		p.passed = func(b []byte) { passed.Write(b) }
		p.buf = p.buf[:rapid.SampledFrom([]int{1, 3, 8, 9, 64}).Draw(t, "buffer")]
		var rows [][]string
		for {
			more, err := p.next()
			require.NoError(t, err)
			if !more {
				break
			}
			var row []string
			for _, c := range p.cells {
				row = append(row, string(p.text(c)))
			}
			rows = append(rows, row)
			require.Equal(t, strings.Count(text[:p.offset()], "\n"), p.rowLine-1)
		}
		p.pass(p.end)
		require.Equal(t, text, passed.String())
		var want [][]string
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimSuffix(line, "\r")
			if line != "" {
				want = append(want, strings.Split(line, string([]byte{comma})))
			}
		}
		require.Equal(t, want, rows)
	})
}
