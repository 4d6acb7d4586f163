package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// On a terminal the environment stands above the bars, wherever the result
// goes; without one the progress has no header.
func TestTheEnvironmentComesBeforeTheBars(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		terminal, together bool
		out, err           string
	}{
		"one terminal":   {true, true, "environment: prod\nbar\nnote\nresult\n", ""},
		"out redirected": {true, false, "environment: prod\nresult\n", "environment: prod\nbar\nnote\n"},
		"no terminal":    {false, false, "environment: prod\nresult\n", "bar\nnote\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, other bytes.Buffer
			s := &screen{out: &out, err: &other, env: "prod", terminal: c.terminal, together: c.together}
			if c.together {
				s.err = &out
			}
			s.write("")
			s.write("bar\n")
			s.note("note")
			s.say("result")
			require.Equal(t, c.out, out.String())
			require.Equal(t, c.err, other.String())
		})
	}
}

func TestEveryIsSaidAsItIsWritten(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		30 * time.Second: "30s", 15 * time.Minute: "15m", 90 * time.Second: "1m30s", time.Hour: "1h", 90 * time.Minute: "1h30m",
		24 * time.Hour: "24h", 10 * time.Hour: "10h",
	} {
		require.Equal(t, want, every(d))
	}
}
