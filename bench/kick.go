package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncline-dev/syncline/internal/testenv"
)

// kick starts the sync as `bucardo kick pair 0` does and waits for its end, by
// the same notices; the command itself only looks for them once a second.
func (b *bucardo) kick(ctx context.Context, atMost time.Duration) (float64, error) {
	u, err := url.Parse(b.place.source.URL)
	if err != nil {
		return 0, err
	}
	u.Path = "/bucardo"
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx) //nolint:errcheck // every statement was answered
	for _, s := range []string{`listen "bucardo_syncdone_pair"`, `listen "bucardo_synckill_pair"`} {
		if _, err := conn.Exec(ctx, s); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	start := time.Now()
	if _, err := conn.Exec(ctx, `notify "bucardo_kick_sync_pair"`); err != nil {
		return 0, err
	}
	n, err := conn.WaitForNotification(ctx)
	if err != nil {
		return 0, fmt.Errorf("wait for bucardo's sync: %w", err)
	}
	if n.Channel != "bucardo_syncdone_pair" {
		return 0, fmt.Errorf("bucardo's sync failed: %s; see %s", n.Channel, b.dir)
	}
	return time.Since(start).Seconds(), nil
}

func (b *bucardo) turn(ctx context.Context) (float64, error) { return b.kick(ctx, time.Hour) }

// purge forgets the changes of earlier turns, as bucardo's own sweeper does
// every two minutes, and counts those that are there now, so that each turn
// finds tables that are small and known to the planner.
func (b *bucardo) purge(ctx context.Context, table string) error {
	for _, s := range []*testenv.Server{b.place.source, b.place.target} {
		if err := execute(ctx, s, "select bucardo.bucardo_purge_delta('0 seconds')",
			"vacuum analyze bucardo.delta_public_"+table, "vacuum analyze bucardo.track_public_"+table); err != nil {
			return err
		}
		if err := waiting(ctx, s, table); err != nil {
			return err
		}
	}
	return nil
}

// waiting makes sure that nobody has replicated the edits before the kick:
// purging would have forgotten them.
func waiting(ctx context.Context, s *testenv.Server, table string) error {
	changes, err := sumOf(ctx, s, "id", "bucardo.delta_public_"+table)
	if err == nil && changes.rows == 0 {
		err = errors.New("bucardo has no changes to replicate before its turn")
	}
	return err
}
