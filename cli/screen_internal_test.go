package cli

import (
	"bytes"
	"testing"

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
