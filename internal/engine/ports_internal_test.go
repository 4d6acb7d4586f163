package engine

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Engines that start at once choose before any of them listens: none chooses what
// another one has chosen, and the ports are free again for whoever comes later.
func TestEnginesThatStartAtOnceChooseOtherPorts(t *testing.T) {
	t.Parallel()
	chosen := map[int]bool{}
	var all []claims
	for range 10 {
		p, claimed, err := choosePorts(t.Context(), Options{Host: "127.0.0.1"})
		require.NoError(t, err)
		all = append(all, claimed)
		for _, port := range []int{p.temporal, p.ui, p.history, p.matching, p.worker} {
			require.False(t, chosen[port], "port %d was chosen twice", port)
			chosen[port] = true
		}
	}
	for _, claimed := range all {
		claimed.release()
	}
	for port := range chosen {
		require.Eventually(t, func() bool { // an engine of another test may be choosing just now
			claim, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			return err == nil && claim.Close() == nil
		}, 20*time.Second, 20*time.Millisecond)
	}
}
