package worker

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/workflows"
)

// seenLately is how long ago a worker may have asked for work to be counted as
// running: it asks at least once a minute.
const seenLately = 90 * time.Second

// Elsewhere gives the other machines that have workers of the same cluster and
// namespace. Steps of one run go to all of them, so that they need one stage.
func Elsewhere(ctx context.Context, c client.Client) ([]string, error) {
	queue, err := c.DescribeTaskQueue(ctx, workflows.TaskQueue, enums.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return nil, fmt.Errorf("look for other workers: %w", err)
	}
	here, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("look for other workers: %w", err)
	}
	var hosts []string
	for _, p := range queue.GetPollers() {
		host := hostOf(p.GetIdentity())
		if time.Since(p.GetLastAccessTime().AsTime()) < seenLately && host != "" && host != here && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts, nil
}

// hostOf gives the machine of an identity.
func hostOf(identity string) string {
	_, host, _ := strings.Cut(identity, "@")
	host, _, _ = strings.Cut(host, "@")
	return host
}
