package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

// settings of the running server. The keys are typed because the server ignores
// unknown names in silence.
func settings(longHistory int) dynamicconfig.StaticClient {
	s := dynamicconfig.StaticClient{
		// At its default of 20 polls a second each hand-over from one queue to the next
		// waits up to 50 ms, and a signal reaches its activity after 262 ms.
		dynamicconfig.TransferProcessorMaxPollRPS.Key():   2000,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():      2000,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): 2000,
		// One process needs no more, and with several a task may land where no poller
		// waits and be forwarded.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// 10 a second by default, which a person with the Web UI open and a script that
		// polls reach together.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 200,
		// The default of 128,000 cached workflows is meant for a cluster.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8192,
		// The version check calls a server on the Internet.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
	}
	if longHistory > 0 {
		s[dynamicconfig.HistoryCountSuggestContinueAsNew.Key()] = longHistory
	}
	return s
}

// server is a Temporal server in this process.
type server struct {
	temporal temporal.Server
	log      *os.File
}

// startServer runs a server on the database and returns when its services listen.
func startServer(dir, host string, p ports, db *config.SQL, tuned dynamicconfig.Client) (*server, error) {
	file, err := openLog(dir)
	if err != nil {
		return nil, err
	}
	handler := slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelWarn})
	logger := serverLog{to: slog.New(handler), state: &logState{fatal: make(chan error, 1)}}
	type result struct {
		server temporal.Server
		err    error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		if r.server, r.err = temporal.NewServer(options(serverConfig(host, p, db), p, host, logger, tuned)...); r.err == nil {
			r.err = r.server.Start()
		}
		done <- r
	}()
	select {
	case r := <-done:
		s := &server{temporal: r.server, log: file}
		if r.err != nil {
			return nil, errors.Join(fmt.Errorf("start the Temporal server: %w", r.err), s.stop())
		}
		logger.state.started.Store(true)
		return s, nil
	case err := <-logger.state.fatal:
		// What has started cannot be stopped, for it waits for what has not. It holds
		// no lock, does no work, and ends with the process.
		return nil, fmt.Errorf("start the Temporal server: %w", err)
	}
}

// stop ends the server's services; what they had not finished, the next start does.
func (s *server) stop() error {
	var err error
	if s.temporal != nil {
		err = s.temporal.Stop()
	}
	if err = errors.Join(err, s.log.Close()); err != nil {
		return fmt.Errorf("stop the Temporal server: %w", err)
	}
	return nil
}

func options(c *config.Config, p ports, host string, logger serverLog, tuned dynamicconfig.Client) []temporal.ServerOption {
	at := func(host string, port int) static.Hosts {
		return static.SingleLocalHost(address(host, port))
	}
	return []temporal.ServerOption{
		temporal.WithConfig(c),
		temporal.ForServices(temporal.DefaultServices),
		// Without the gossip by which a cluster's members find each other.
		temporal.WithStaticHosts(map[primitives.ServiceName]static.Hosts{
			primitives.FrontendService: at(host, p.temporal),
			primitives.HistoryService:  at(inside, p.history),
			primitives.MatchingService: at(inside, p.matching),
			primitives.WorkerService:   at(inside, p.worker),
		}),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(tuned),
	}
}

// inside is where the services behind the frontend listen.
const inside = "127.0.0.1"

func serverConfig(host string, p ports, db *config.SQL) *config.Config {
	const store = "sqlite"
	service := func(host string, port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: host}}
	}
	frontend := address(host, p.temporal)
	c := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     store,
			VisibilityStore:  store,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{store: {SQL: db}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(host, p.temporal),
			string(primitives.HistoryService):  service(inside, p.history),
			string(primitives.MatchingService): service(inside, p.matching),
			string(primitives.WorkerService):   service(inside, p.worker),
		},
		PublicClient: config.PublicClient{HostPort: frontend},
	}
	c.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: inside}
	c.Archival.History.State = "disabled"
	c.Archival.Visibility.State = "disabled"
	c.NamespaceDefaults.Archival.History.State = "disabled"
	c.NamespaceDefaults.Archival.Visibility.State = "disabled"
	return c
}

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
