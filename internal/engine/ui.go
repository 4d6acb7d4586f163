package engine

import (
	"context"
	"fmt"
	"net/http"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

// ui is Temporal's Web UI in this process.
type ui struct {
	server *uiserver.Server
	ended  chan struct{}
	url    string
}

// startUI serves the Web UI of the cluster at temporalAddress and returns when it
// answers. The port must be free: on a taken one the UI ends the whole process.
func startUI(ctx context.Context, host string, port int, temporalAddress, namespace string) (*ui, error) {
	u := &ui{
		server: uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
			Host:                host,
			Port:                port,
			TemporalGRPCAddress: temporalAddress,
			DefaultNamespace:    namespace,
			EnableUI:            true,
			// The browser reaches us on plain HTTP, where it drops secure cookies.
			CORS:     uiconfig.CORS{CookieInsecure: true},
			HideLogs: true,
			// Neither calls the Internet without being asked.
			DisableNewsFetch:   true,
			NotifyOnNewVersion: false,
		})),
		ended: make(chan struct{}),
		url:   "http://" + address(host, port),
	}
	go func() {
		defer close(u.ended)
		_ = u.server.Start() // ends the process itself on any error but being stopped
	}()
	if err := u.wait(ctx); err != nil {
		_ = u.stop()
		return nil, err
	}
	return u, nil
}

// wait returns when the Web UI answers.
func (u *ui) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := get(ctx, u.url+"/healthz")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the Web UI: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// get succeeds when url answers with 200.
func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	// A transport of its own: no proxy, and no idle connection left open.
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s", url, resp.Status)
	}
	return nil
}

func (u *ui) stop() error {
	u.server.Stop()
	select {
	case <-u.ended:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("the Web UI at %s did not stop", u.url)
	}
}
