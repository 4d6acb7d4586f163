package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"
)

const (
	firstTemporalPort = 7233
	firstUIPort       = 8233
	portsToTry        = 200

	// The server's own services talk to each other on ports below the range from
	// which operating systems take those of outgoing connections, so that none of
	// them slips in between our look and the server's.
	firstInnerPort = 20000
	lastInnerPort  = 29999
)

// ports are where an engine listens.
type ports struct {
	temporal, ui              int // ui is 0 without Web UI
	history, matching, worker int
}

// choosePorts looks for free ports. The caller holds the ports lock until the server
// listens.
func choosePorts(ctx context.Context, o Options) (ports, error) {
	var p ports
	var err error
	taken := map[int]bool{}
	if p.temporal, err = choose(ctx, o.Host, o.TemporalPort, firstTemporalPort, "--temporal-port", taken); err != nil {
		return p, err
	}
	if !o.NoUI {
		if p.ui, err = choose(ctx, o.Host, o.UIPort, firstUIPort, "--ui-port", taken); err != nil {
			return p, err
		}
	}
	for _, inner := range []*int{&p.history, &p.matching, &p.worker} {
		from := firstInnerPort + rand.IntN(lastInnerPort-firstInnerPort-portsToTry) //nolint:gosec // nobody need be kept from guessing it
		if *inner, err = choose(ctx, inside, 0, from, "", taken); err != nil {
			return p, err
		}
	}
	return p, nil
}

// choose returns the port that was asked for, which must be free, or else the first
// free one from a number upward, and notes it in taken.
func choose(ctx context.Context, host string, asked, from int, flag string, taken map[int]bool) (int, error) {
	if asked != 0 {
		if taken[asked] || !free(ctx, host, asked) {
			return 0, fmt.Errorf("%w: something else listens on %s; choose another with %s, or leave it out for a free one",
				ErrPortTaken, net.JoinHostPort(host, strconv.Itoa(asked)), flag)
		}
		taken[asked] = true
		return asked, nil
	}
	for port := from; port < from+portsToTry; port++ {
		if !taken[port] && free(ctx, host, port) {
			taken[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("%w: none of the ports %d to %d on %s is free", ErrPortTaken, from, from+portsToTry-1, host)
}

func free(ctx context.Context, host string, port int) bool {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// lockPorts keeps other engines of this user from choosing ports between our choice
// and the moment we listen on them. It is a courtesy: where it fails, we go on.
func lockPorts(ctx context.Context) (unlock func()) {
	lock := flock.New(filepath.Join(os.TempDir(), "syncline-ports-"+strconv.Itoa(os.Getuid())+".lock"))
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if ok, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil || !ok {
		return func() {}
	}
	return func() { _ = lock.Unlock() }
}
