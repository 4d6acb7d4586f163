package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what one workload came to.
type report struct {
	Workload string  `json:"workload"`
	About    string  `json:"about"`
	Control  string  `json:"control,omitempty"`
	Timed    string  `json:"timed"`
	Rows     int     `json:"rows"`
	Bar      bar     `json:"bar"`
	Reached  bool    `json:"reached"`
	Value    spread  `json:"value"`
	Ours     spread  `json:"ours_seconds"`
	Theirs   *spread `json:"control_seconds,omitempty"`
	// The worst of all rounds.
	PeakRSS    int64   `json:"peak_rss_bytes"`
	CPUSeconds float64 `json:"cpu_seconds"`
	ServerCPU  float64 `json:"server_cpu_seconds"`
	// ControlCPU is the processor seconds of the databases in a turn of the control.
	ControlCPU    float64    `json:"control_server_cpu_seconds,omitempty"`
	HistoryEvents int64      `json:"history_events"`
	HistoryBytes  int64      `json:"history_bytes"`
	Rounds        []measured `json:"rounds"`
	ControlRounds []float64  `json:"control_rounds,omitempty"`
	controlCPU    []float64
	Machine       machine `json:"machine"`
}

// spread is a median with its least and most.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	middle := v[len(v)/2]
	if len(v)%2 == 0 {
		middle = (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return spread{Median: middle, Min: v[0], Max: v[len(v)-1]}
}

// machine is where it was measured.
type machine struct {
	Date       string `json:"date"`
	OS         string `json:"os"`
	Processor  string `json:"processor"`
	Cores      int    `json:"cores"`
	Memory     string `json:"memory"`
	Load       string `json:"load_average_before"`
	Go         string `json:"go"`
	PostgreSQL string `json:"postgresql"`
}

func thisMachine(postgres string) machine {
	return machine{
		Date: time.Now().UTC().Format(time.DateOnly), OS: runtime.GOOS + "/" + runtime.GOARCH,
		Processor: lineOf("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		Memory: lineOf("/proc/meminfo", "MemTotal"), Load: lineOf("/proc/loadavg", ""),
		Go: runtime.Version(), PostgreSQL: postgres,
	}
}

// lineOf gives the first line of a file that begins so, without that beginning.
func lineOf(file, beginning string) string {
	text, err := os.ReadFile(file) //nolint:gosec // files of the kernel
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, beginning); found {
			return strings.TrimLeft(strings.TrimSpace(rest), ": \t")
		}
	}
	return "unknown"
}

func (r *report) save(folder string) error {
	if folder == "" {
		return nil
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, r.Workload+".json"), append(text, '\n'), 0o600)
}

func printTable(out io.Writer, reports []report) {
	if len(reports) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "workload\trows\tours\tcontrol\tresult [min–max]\tbar\tok\tpeak RSS\tCPU\tservers (control)\tevents\thistory\t")
	for _, r := range reports {
		theirs, theirCPU := "–", "–"
		if r.Theirs != nil {
			theirs = fmt.Sprintf("%.2f s", r.Theirs.Median)
		}
		if r.ControlCPU > 0 {
			theirCPU = fmt.Sprintf("%.1f", r.ControlCPU)
		}
		ok := "no"
		if r.Reached {
			ok = "yes"
		}
		fmt.Fprintf(w, "%s\t%d\t%.2f s\t%s\t%s [%s–%s]\t%s\t%s\t%d MB\t%.1f s\t%.1f (%s) s\t%d\t%d KB\t\n",
			r.Workload, r.Rows, r.Ours.Median, theirs,
			r.Bar.show(r.Value.Median), r.Bar.show(r.Value.Min), r.Bar.show(r.Value.Max), r.Bar, ok,
			r.PeakRSS>>20, r.CPUSeconds, r.ServerCPU, theirCPU, r.HistoryEvents, r.HistoryBytes>>10)
	}
	_ = w.Flush() // standard output
}
