package mappings

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A pipe maps whole columns: what it allocates is for the results of the three
// expressions, two or so each, and nothing for the seven columns that are handed
// on as they are.
//
//nolint:paralleltest // allocations of tests beside it would be counted
func TestAllocationsOfARow(t *testing.T) {
	m, batch := benchMapping(t)
	p, err := m.NewPipe(m.Systems[0], m.Systems[1], batch.Schema, m.Systems[1].schema)
	require.NoError(t, err)
	perBatch := testing.AllocsPerRun(3, func() {
		out, _, err := p.Map(batch)
		require.NoError(t, err)
		out.Release()
	})
	perRow := perBatch / float64(batch.Rows())
	t.Logf("%.3f allocations a row", perRow)
	require.Less(t, perRow, 6.5)
}
