package mappings

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParseDefinitions reads the eight example definitions without a fault and
// finds exactly what is put off, where it stands.
func TestParseDefinitions(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"01-mirror.yaml":           {"customers-mirror:"},
		"02-contacts-hubspot.yaml": {"people:", "contacts: ref@42 live@56"},
		"03-stripe.yaml":           {"stripe.customers:", "stripe.tax_ids: rows@40 ref@45"},
		"04-sqlite-csv.yaml":       {"members:"},
		"05-orders.yaml":           {"orders: ref@16", "orders.lines: changes: {with}@31 ref@37", "customers:"},
		"06-three-way.yaml":        {"customers:"},
		"07-tickets.yaml":          {"agents:", "tickets: ref@31 live@54"},
		"08-thirty-tables.yaml":    {"erp.{table}: each@3", "erp.users:"},
	}
	for name, syncs := range want {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(filepath.Join("testdata", "definitions", name)) //nolint:gosec // a file of ours
			require.NoError(t, err)
			definitions, problems := Parse(name, src)
			require.Empty(t, problems)
			got := make([]string, len(definitions))
			for i, d := range definitions {
				got[i] = d.Sync.Value + ":"
				for _, later := range d.Later {
					got[i] += " " + later.Value + "@" + strconv.Itoa(later.Pos.Line)
				}
			}
			require.Equal(t, syncs, got)
		})
	}
}
