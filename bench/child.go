package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// envTask carries a task to the process that does it: this program again, so
// that memory and processor time are those of a sync with the engine inside,
// and of nothing else.
const envTask = "SYNCLINE_BENCH_TASK"

// task is one run of one sync.
type task struct {
	State       string `json:"state"`
	Definitions string `json:"definitions"`
	Sync        string `json:"sync"`
	// Direct runs the steps in Temporal's test environment: the same workflow
	// and steps, with no server, no history and no storage.
	Direct  bool   `json:"direct"`
	Profile string `json:"profile"`
}

// measured is what a run cost.
type measured struct {
	// Seconds from asking to the result.
	Seconds float64 `json:"seconds"`
	// CPUSeconds of the process in that time: steps and engine, not databases.
	CPUSeconds float64 `json:"cpu_seconds"`
	// ServerCPU is the processor seconds of both databases.
	ServerCPU float64 `json:"server_cpu_seconds"`
	// PeakRSS of the process over its life, in bytes.
	PeakRSS       int64             `json:"peak_rss"`
	HistoryEvents int64             `json:"history_events"`
	HistoryBytes  int64             `json:"history_bytes"`
	Result        activities.Result `json:"result"`
}

// sync does a task in a process of its own.
func (t task) run(ctx context.Context, environ []string) (measured, error) {
	var m measured
	text, err := json.Marshal(t)
	if err != nil {
		return m, err
	}
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	var complaints strings.Builder
	c := exec.CommandContext(ctx, self) //nolint:gosec // this program itself
	c.Env = append(append(os.Environ(), environ...), envTask+"="+string(text))
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		return m, fmt.Errorf("run %s: %w\n%s", t.Sync, err, complaints.String())
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("run %s: %w: %s", t.Sync, err, out)
	}
	if m.Result.Outcome != activities.OutcomeDone && m.Result.Outcome != activities.OutcomeWaiting {
		return m, fmt.Errorf("run %s ended %s: %s", t.Sync, m.Result.Outcome, m.Result.Reason)
	}
	if q := m.Result.Counts.Quarantined; q > 0 {
		return m, fmt.Errorf("run %s quarantined %d records", t.Sync, q)
	}
	return m, nil
}

func child(ctx context.Context, text string, out io.Writer) error {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	house, err := worker.Open(ctx, worker.Config{State: t.State, Definitions: t.Definitions})
	if err != nil {
		return err
	}
	project, problems := house.Project()
	if err := problems.Err(); err != nil {
		return err
	}
	def, err := project.Find(t.Sync)
	if err != nil {
		return err
	}
	revision, err := house.Ledger.SaveRevision(ctx, ledger.Revision{Sync: t.Sync, YAML: def.Source, Hash: "1", By: "bench", At: time.Now()})
	if err != nil {
		return err
	}
	do := throughEngine
	if t.Direct {
		do = directly
	}
	m, err := do(ctx, t, house, revision)
	if err != nil {
		return err
	}
	if m.PeakRSS, err = peakRSS(); err != nil {
		return err
	}
	if err := house.Close(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(m)
}

func throughEngine(ctx context.Context, t task, house *worker.House, revision int) (measured, error) {
	var m measured
	port, err := freePort(ctx)
	if err != nil {
		return m, err
	}
	e, err := engine.Connect(ctx, engine.Options{State: t.State, NoUI: true, TemporalPort: port})
	if err != nil {
		return m, err
	}
	defer e.Close() //nolint:errcheck // the run is over
	if err := worker.Mend(ctx, e.Client(), e.Namespace()); err != nil {
		return m, err
	}
	w := worker.New(e.Client(), house)
	if err := w.Start(); err != nil {
		return m, err
	}
	defer w.Stop()
	var started workflows.Started
	err = m.time(t, func() error {
		if started, err = worker.Ask(ctx, e.Client(), t.Sync, workflows.Ask{Revision: revision, Trigger: "manual"}); err != nil {
			return err
		}
		return e.Client().GetWorkflow(ctx, started.WorkflowID, started.RunID).Get(ctx, &m.Result)
	})
	if err != nil {
		return m, err
	}
	d, err := e.Client().DescribeWorkflowExecution(ctx, started.WorkflowID, started.RunID)
	if err != nil {
		return m, fmt.Errorf("describe the run: %w", err)
	}
	// The next process would wait for what this one leaves half done.
	resting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := e.Client().GetWorkflow(resting, workflows.SyncID(t.Sync), "").Get(resting, nil); err != nil && resting.Err() == nil {
		return m, fmt.Errorf("wait for the end of the sync: %w", err)
	}
	m.HistoryEvents = d.GetWorkflowExecutionInfo().GetHistoryLength()
	m.HistoryBytes = d.GetWorkflowExecutionInfo().GetHistorySizeBytes()
	return m, nil
}

// freePort lets the system choose, so that engines of others on this machine
// are not in the way.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has no other
	return port, l.Close()
}

func directly(ctx context.Context, t task, house *worker.House, revision int) (measured, error) {
	var m measured
	runs, err := house.Ledger.Runs(ctx, t.Sync, 1)
	if err != nil {
		return m, err
	}
	number := int64(1)
	if len(runs) > 0 {
		number = runs[0].Number + 1
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Hour)
	env.SetWorkerOptions(sdkworker.Options{DeadlockDetectionTimeout: time.Minute})
	worker.Register(env, nil, house)
	err = m.time(t, func() error {
		env.ExecuteWorkflow(workflows.Run, activities.Request{
			Sync: t.Sync, Run: workflows.RunID(t.Sync, number), Revision: revision, Trigger: "manual",
		})
		if err := env.GetWorkflowError(); err != nil {
			return err
		}
		return env.GetWorkflowResult(&m.Result)
	})
	return m, err
}

// time runs something and notes what it cost.
func (m *measured) time(t task, do func() error) error {
	if t.Profile != "" {
		name := filepath.Join(t.Profile, t.Sync+"-"+strconv.Itoa(os.Getpid())+".prof")
		f, err := os.Create(name) //nolint:gosec // the folder of the command line
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // a profile only
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			saveHeap(name + ".heap")
		}()
	}
	cpu, start := cpuSeconds(), time.Now()
	err := do()
	m.Seconds, m.CPUSeconds = time.Since(start).Seconds(), cpuSeconds()-cpu
	return err
}

// saveHeap keeps what was allocated over the process's life (-sample_index=alloc_space).
func saveHeap(name string) {
	f, err := os.Create(name) //nolint:gosec // the folder of the command line
	if err != nil {
		return
	}
	_ = pprof.Lookup("allocs").WriteTo(f, 0)
	_ = f.Close()
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// peakRSS is the most memory that this process ever had, in bytes.
func peakRSS() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read the peak of memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, nil
}
