package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/mappings"
)

// A small table is listed with every run of a cursor, a large one by the clock,
// or by what the definition says.
func TestWhenKeysAreListed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		mode  connectors.Mode
		rows  int64
		every time.Duration
		last  time.Duration
		want  bool
	}{
		"small":                   {connectors.ModeCursor, 100_000, 0, time.Minute, true},
		"large, lately":           {connectors.ModeCursor, 100_001, 0, 24*time.Hour - time.Second, false},
		"large, a day ago":        {connectors.ModeCursor, 100_001, 0, 24 * time.Hour, true},
		"small, as it is defined": {connectors.ModeCursor, 10, time.Hour, time.Minute, false},
		"defined, and due":        {connectors.ModeCursor, 10, time.Hour, time.Hour, true},
		"a snapshot has them":     {connectors.ModeSnapshot, 10, 0, 48 * time.Hour, false},
		"triggers report deletes": {connectors.ModeTrigger, 10, 0, 48 * time.Hour, false},
	} {
		system := &OpenSystem{
			Definition:  &mappings.System{Sweep: c.every},
			Description: connectors.Description{Rows: c.rows, Can: connectors.Capabilities{SeesDeletes: []connectors.Mode{connectors.ModeTrigger}}},
		}
		got := sweepDue(system, ledger.SystemState{LastSweep: now.Add(-c.last)}, c.mode, now)
		require.Equal(t, c.want, got, name)
	}
}
