package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
)

// externalTarget is what the options, the TEMPORAL_* variables and temporal.toml say
// about a cluster: address, namespace, TLS, API key. HostPort is empty when none of
// them names one.
func externalTarget(o Options) (client.Options, error) {
	target, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{ConfigFileProfile: o.Profile})
	if err != nil {
		return client.Options{}, fmt.Errorf("read Temporal's configuration (TEMPORAL_*, temporal.toml): %w", err)
	}
	if o.Address != "" {
		target.HostPort = o.Address
	}
	return target, nil
}

func connectExternal(ctx context.Context, o Options, target client.Options) (*Engine, error) {
	if o.Namespace != "" {
		target.Namespace = o.Namespace
	}
	if target.Namespace == "" {
		target.Namespace = client.DefaultNamespace
	}
	c, err := dial(ctx, target, o.Logger)
	if err != nil {
		return nil, err
	}
	if err := prepareExternal(ctx, c, target.Namespace); err != nil {
		c.Close()
		return nil, fmt.Errorf("use the Temporal cluster at %s: %w", target.HostPort, err)
	}
	return &Engine{
		client: c, address: target.HostPort, ui: externalUI(o, target.HostPort), namespace: target.Namespace,
		external: true, close: closer(c, nil),
	}, nil
}

// prepareExternal checks that the namespace is there, which its owner creates, and
// registers our search attributes, without which our workflows cannot run.
func prepareExternal(ctx context.Context, c client.Client, namespace string) error {
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if _, missing := errors.AsType[*serviceerror.NamespaceNotFound](err); missing {
		return fmt.Errorf("%w: it has no namespace %[2]q; create it with: temporal operator namespace create --namespace %[2]s --retention 720h",
			ErrUnreachable, namespace)
	}
	if err != nil {
		return fmt.Errorf("%w: describe the namespace %q: %w", ErrUnreachable, namespace, err)
	}
	return ensureSearchAttributes(ctx, c, namespace)
}

// externalUI is the Web UI of an external cluster, if we know it.
func externalUI(o Options, address string) string {
	if o.UI != "" {
		return o.UI
	}
	if ui := os.Getenv("TEMPORAL_UI_URL"); ui != "" {
		return ui
	}
	host, _, _ := strings.Cut(address, ":")
	if strings.HasSuffix(host, ".tmprl.cloud") || strings.HasSuffix(host, ".api.temporal.io") {
		return "https://cloud.temporal.io"
	}
	return ""
}

// dial opens a client and asks the cluster once, so that an address where nobody is
// shows now.
func dial(ctx context.Context, o client.Options, logger *slog.Logger) (client.Client, error) {
	o.Logger = sdklog.NewStructuredLogger(logger)
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, o.HostPort, err)
	}
	return c, nil
}

// clusterID is the id that a cluster gave itself at its first start.
func clusterID(ctx context.Context, c client.Client) (string, error) {
	info, err := c.WorkflowService().GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
	if err != nil {
		return "", fmt.Errorf("%w: ask for the cluster's id: %w", ErrUnreachable, err)
	}
	return info.GetClusterId(), nil
}
