// Bench runs syncs against what a person would type instead, on the same
// machine, in turns, and says how they compare.
//
//	go run ./bench -workload copy -rows 1000000
//
// It starts PostgreSQL servers of its own with durable settings, builds the
// data in SQL from row numbers alone, lets the sync and its control take turns
// (A B A B …), checks after every turn what the target holds, prints a table and
// writes bench/results/<workload>.json.
//
// What is timed of a sync: from asking the engine for the run to the run's
// result, all five steps and their history included; the process, with the
// engine inside, stands by then. What is timed of a control: the whole shell
// command, the start of psql included; of a replicator that stands by, from the
// word to begin to its word that it is done. Before each turn both servers write a
// checkpoint, so that nobody pays for the other's writes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	if task := os.Getenv(envTask); task != "" {
		return child(ctx, task, os.Stdout)
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	names := flags.String("workload", "", "one or more of: "+strings.Join(workloadNames(), ", ")+"; empty for all")
	rows := flags.String("rows", "", "rows of the source; empty for what the workload is defined with")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each side has its turn")
	flags.StringVar(&o.results, "results", "bench/results", "the folder for the results; empty to keep none")
	flags.StringVar(&o.profile, "profile", "", "a folder for CPU profiles of the sync's processes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rows != "" {
		n, err := strconv.Atoi(*rows)
		if err != nil || n < 100 {
			return fmt.Errorf("-rows %q: a number from 100 upward", *rows)
		}
		o.rows = n
	}
	chosen := workloadNames()
	if *names != "" {
		chosen = strings.Split(*names, ",")
	}
	for _, name := range chosen {
		if !slices.Contains(workloadNames(), name) {
			return fmt.Errorf("there is no workload %q; there are %s", name, strings.Join(workloadNames(), ", "))
		}
	}
	return runAll(ctx, o, chosen, os.Stdout)
}

// options are what the command line says.
type options struct {
	rows    int // 0: the workload's own
	rounds  int
	results string
	profile string
}

// runAll runs workloads one after the other, each in a place of its own. One
// that fails does not keep the others from running.
func runAll(ctx context.Context, o options, names []string, out io.Writer) error {
	var done []report
	failed := 0
	for _, w := range workloads() {
		if !slices.Contains(names, w.name) || ctx.Err() != nil {
			continue
		}
		r, err := w.run(ctx, o)
		if err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "%s: %v\n", w.name, err)
			continue
		}
		done = append(done, r)
		if err := r.save(o.results); err != nil {
			return err
		}
	}
	printTable(out, done)
	if failed > 0 {
		return fmt.Errorf("%d workloads failed", failed)
	}
	return ctx.Err()
}
