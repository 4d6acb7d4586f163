package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/workflows"
)

// catchUp: what a schedule missed for longer than this is not made up for; the
// next run sees all changes anyway.
const catchUp = time.Hour

// SetSchedule makes or updates the Temporal Schedule of a definition; one
// without a schedule loses the one that it had.
func SetSchedule(ctx context.Context, c client.Client, def *mappings.Definition) error {
	name := def.Sync.Value
	if def.Schedule.Every == 0 && def.Schedule.Cron == "" {
		return RemoveSchedule(ctx, c, name)
	}
	spec := client.ScheduleSpec{Jitter: def.Schedule.Jitter, TimeZoneName: def.Schedule.Timezone}
	if def.Schedule.Every > 0 {
		spec.Intervals = []client.ScheduleIntervalSpec{{Every: def.Schedule.Every}}
	} else {
		spec.CronExpressions = []string{def.Schedule.Cron}
	}
	action := &client.ScheduleWorkflowAction{
		ID: name + "/scheduled", Workflow: workflows.NameScheduled, Args: []any{name}, TaskQueue: workflows.TaskQueue,
	}
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: workflows.ScheduleID(name), Spec: spec, Action: action,
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: catchUp, Note: def.About,
	})
	if err == nil || !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return c.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name)).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(old client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := old.Description.Schedule
			schedule.Spec, schedule.Action = &spec, action
			schedule.Policy = &client.SchedulePolicies{Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: catchUp}
			if schedule.State != nil { // whether somebody paused it is theirs
				schedule.State.Note = def.About
			}
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		},
	})
}

// RemoveSchedule takes the schedule of a sync away, if it has one.
func RemoveSchedule(ctx context.Context, c client.Client, name string) error {
	err := c.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name)).Delete(ctx)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return nil
	}
	return err
}
