package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/workflows"
)

func TestBarsShowRowsRateAndTimeLeft(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&screen{out: &out, err: &out, terminal: true}, "s/run/1")
	p.began["load"] = time.Now().Add(-10 * time.Second)
	p.draw(workflows.Progress{Steps: []workflows.StepProgress{
		{Name: "extract", Done: 4000, Total: 4000}, {Name: "load", Done: 1000, Total: 4000},
	}})
	full, part := strings.Repeat("█", 24), strings.Repeat("█", 6)+strings.Repeat("░", 18)
	require.Equal(t, "  extract    "+full+" 4000/4000\n  load       "+part+" 1000/4000  100/s  30s left\n", out.String())

	// The next drawing takes the place of this one, and never goes back: what a
	// step says of itself comes and goes.
	out.Reset()
	p.draw(workflows.Progress{Steps: []workflows.StepProgress{{Name: "load", Done: 10, Total: 4000}}})
	require.True(t, strings.HasPrefix(out.String(), strings.Repeat("\x1b[1A\x1b[2K", 2)))
	require.Contains(t, out.String(), "1000/4000")

	out.Reset()
	p.end()
	p.end()
	require.Equal(t, "\x1b[1A\x1b[2K", out.String())
}
