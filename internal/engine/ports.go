package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
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

// claims keep other engines from choosing the same ports between our choice and the
// moment when the server listens on them: whoever wants a TCP port first takes the
// UDP port of that number, which nothing of ours uses. Engines of all users and all
// folders see it, and a killed process holds none.
type claims []net.PacketConn

// release gives the claims back once the server listens.
func (c claims) release() {
	for _, claim := range c {
		_ = claim.Close() // it held nothing
	}
}

// choosePorts looks for free ports and claims them.
func choosePorts(ctx context.Context, o Options) (p ports, c claims, err error) {
	defer func() {
		if err != nil {
			c.release()
			c = nil
		}
	}()
	if p.temporal, err = c.choose(ctx, o.Host, o.TemporalPort, firstTemporalPort, "--temporal-port"); err != nil {
		return p, c, err
	}
	if !o.NoUI {
		if p.ui, err = c.choose(ctx, o.Host, o.UIPort, firstUIPort, "--ui-port"); err != nil {
			return p, c, err
		}
	}
	for _, inner := range []*int{&p.history, &p.matching, &p.worker} {
		from := firstInnerPort + rand.IntN(lastInnerPort-firstInnerPort-portsToTry) //nolint:gosec // nobody need be kept from guessing it
		if *inner, err = c.choose(ctx, inside, 0, from, ""); err != nil {
			return p, c, err
		}
	}
	return p, c, nil
}

// choose returns the port that was asked for, which must be free, or else the first
// free one from a number upward.
func (c *claims) choose(ctx context.Context, host string, asked, from int, flag string) (int, error) {
	if asked != 0 {
		if !c.claim(ctx, host, asked) || !free(ctx, host, asked) {
			return 0, fmt.Errorf("%w: something else listens on %s; choose another with %s, or leave it out for a free one",
				ErrPortTaken, net.JoinHostPort(host, strconv.Itoa(asked)), flag)
		}
		return asked, nil
	}
	for port := from; port < from+portsToTry; port++ {
		if free(ctx, host, port) && c.claim(ctx, host, port) && free(ctx, host, port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("%w: none of the ports %d to %d on %s is free", ErrPortTaken, from, from+portsToTry-1, host)
}

// claim reports whether nobody else has claimed the port. Where nothing can be
// claimed at all, it is true: it is a courtesy among engines.
func (c *claims) claim(ctx context.Context, host string, port int) bool {
	claim, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		*c = append(*c, claim)
	}
	return !errors.Is(err, syscall.EADDRINUSE)
}

func free(ctx context.Context, host string, port int) bool {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
