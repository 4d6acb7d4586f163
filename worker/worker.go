package worker

import (
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/workflows"
)

// New makes a worker for all syncs of a house. The caller starts and stops it.
func New(c client.Client, h *House) worker.Worker {
	SettleMemory()
	w := worker.New(c, workflows.TaskQueue, worker.Options{
		Identity:                           identity(),
		MaxConcurrentActivityExecutionSize: 16,
		// Progress is shown from heartbeats; the default is most of their timeout.
		MaxHeartbeatThrottleInterval: 2 * time.Second,
		Interceptors:                 []interceptor.WorkerInterceptor{&logging{sessions: h.Sessions, log: h.logger(), failed: h.makeRoom}},
	})
	Register(w, c, h)
	return w
}

func (h *House) logger() *slog.Logger {
	if h.Config.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return h.Config.Logger
}

func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return "syncline@" + host
}

// registry is what both a worker and the test environment register on.
type registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// Register puts all workflows and steps of a house on a worker.
func Register(w registry, c client.Client, h *House) {
	nameBuild()
	w.RegisterWorkflowWithOptions(workflows.Sync, workflow.RegisterOptions{Name: workflows.NameSync})
	w.RegisterWorkflowWithOptions(workflows.Run, workflow.RegisterOptions{Name: workflows.NameRun})
	w.RegisterWorkflowWithOptions(workflows.Scheduled, workflow.RegisterOptions{Name: workflows.NameScheduled})

	steps := map[string]any{
		activities.StepDetect:    (&activities.Detect{Sessions: h.Sessions, Ledger: h.Ledger, Clock: time.Now}).Run,
		activities.StepExtract:   (&activities.Extract{Sessions: h.Sessions, Stage: h.Stage}).Run,
		activities.StepTransform: (&activities.Transform{Sessions: h.Sessions, Ledger: h.Ledger, Stage: h.Stage}).Run,
		activities.StepResolve:   (&activities.Resolve{Sessions: h.Sessions, Ledger: h.Ledger, Stage: h.Stage}).Run,
		activities.StepLoad:      (&activities.Load{Sessions: h.Sessions, Ledger: h.Ledger, Stage: h.Stage, Client: c}).Run,
		activities.ActGuard:      (&activities.Guard{Sessions: h.Sessions, Ledger: h.Ledger}).Run,
		activities.ActFinish:     (&activities.Finish{Sessions: h.Sessions, Ledger: h.Ledger, Stage: h.Stage, Logger: h.logger()}).Run,
		activities.ActReview:     (&activities.Reviewer{Ledger: h.Ledger}).Run,
		activities.ActDecide:     (&activities.Decide{Ledger: h.Ledger, Clock: time.Now}).Run,
		activities.ActAsk:        (&Asker{Client: c}).Run,
	}
	for name, step := range steps {
		w.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: name})
	}
}
