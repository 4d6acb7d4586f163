package activities

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEverySlotIsInTheGroupThatListsIt(t *testing.T) {
	t.Parallel()
	for _, groups := range []int{1, 2, 3, 7, 20, 63, 64} {
		for slot := range 1 << 16 {
			g := groupOf(uint16(slot), groups)
			span := slotsOf(g, groups)
			require.True(t, uint16(slot) >= span[0] && uint16(slot) <= span[1], "slot %d of %d groups", slot, groups)
		}
		require.Equal(t, uint16(0), slotsOf(0, groups)[0])
		require.Equal(t, uint16(1<<16-1), slotsOf(groups-1, groups)[1])
	}
}
