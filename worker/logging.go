package worker

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/workflows"
)

// logging says of each step that it ended, and how: names, times and errors,
// never what it was given or gave.
type logging struct {
	interceptor.WorkerInterceptorBase
	sessions *activities.Sessions
	log      *slog.Logger
	// failed hears of every step that failed.
	failed func(error)
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (l *logging) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &loggingStep{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, to: l}
}

type loggingStep struct {
	interceptor.ActivityInboundInterceptorBase
	to *logging
}

// ExecuteActivity runs the step and logs its end.
func (s *loggingStep) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	began := time.Now()
	var run, system string
	if len(in.Args) > 0 {
		run, system = s.to.sessions.Where(in.Args[0])
	}
	out, err := s.Next.ExecuteActivity(ctx, in)
	if system == "" && len(in.Args) > 0 { // the step itself may have opened the session
		run, system = s.to.sessions.Where(in.Args[0])
	}
	attrs := []slog.Attr{
		slog.String("sync", workflows.SyncOf(info.WorkflowExecution.ID)), slog.String("step", info.ActivityType.Name),
		slog.Int64("ms", time.Since(began).Milliseconds()),
	}
	if run != "" {
		attrs = append(attrs, slog.String("run", run))
	}
	if system != "" {
		attrs = append(attrs, slog.String("system", system))
	}
	if info.Attempt > 1 {
		attrs = append(attrs, slog.Int("attempt", int(info.Attempt)))
	}
	if err != nil {
		s.to.failed(err)
		s.to.log.LogAttrs(ctx, slog.LevelWarn, "step failed", append(attrs, slog.String("err", err.Error()))...)
		return out, err
	}
	s.to.log.LogAttrs(ctx, slog.LevelInfo, "step done", attrs...)
	return out, nil
}
