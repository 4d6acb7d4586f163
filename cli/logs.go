package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newLogs(a *app) *cobra.Command {
	var run string
	var follow bool
	var lines int
	c := &cobra.Command{
		Use:   "logs [NAME]",
		Short: "Show what was logged, of one sync or all",
		Long: "Show the log of the state folder: steps, retries and errors with their sync, run, step and\n" +
			"system. It never has a record's values or a secret. -o json prints the lines as they are.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p := &logPrinter{a: a, run: run}
			if len(args) > 0 {
				p.sync = args[0]
				house, err := a.openReading(c.Context())
				if err != nil {
					return err
				}
				if err := a.known(c.Context(), house, p.sync, ""); err != nil {
					return err
				}
			}
			return p.show(c.Context(), lines, follow)
		},
	}
	c.Flags().StringVar(&run, "run", "", "only this run")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as more is logged")
	c.Flags().IntVar(&lines, "lines", 100, "begin with so many of the last lines; 0 is all")
	return c
}

// logPrinter prints lines of the log for people.
type logPrinter struct {
	a         *app
	sync, run string
}

// logLine is one line: what every line has, and the rest.
type logLine struct {
	Time   time.Time `json:"time"`
	Level  string    `json:"level"`
	Msg    string    `json:"msg"`
	Sync   string    `json:"sync"`
	Run    string    `json:"run"`
	Step   string    `json:"step"`
	System string    `json:"system"`
}

func (p *logPrinter) show(ctx context.Context, lines int, follow bool) error {
	file, err := os.Open(p.a.logPath())
	if errors.Is(err, os.ErrNotExist) && !follow {
		p.a.screen.note("nothing was logged yet in %s", p.a.logPath())
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	reader := bufio.NewReader(file)
	var last []string
	for {
		text, err := reader.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the log: %w", err)
		}
		if line, ok := p.wanted(text); ok {
			last = append(last, line)
			if lines > 0 && len(last) > lines {
				last = last[1:]
			}
		}
		if err != nil {
			break
		}
	}
	for _, line := range last {
		p.print(line)
	}
	if !follow {
		return nil
	}
	return p.follow(ctx, reader)
}

// follow prints what is added, until Ctrl-C.
func (p *logPrinter) follow(ctx context.Context, reader *bufio.Reader) error {
	interrupts, giveBack := p.a.signals.interrupts()
	defer giveBack()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	part := ""
	for {
		text, err := reader.ReadString('\n')
		part += text
		if err == nil {
			if line, ok := p.wanted(part); ok {
				p.print(line)
			}
			part = ""
			continue
		}
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the log: %w", err)
		}
		select {
		case <-tick.C:
		case <-interrupts:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// wanted tells whether a line is of the sync and run that are asked for.
func (p *logPrinter) wanted(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", false
	}
	var line logLine
	if json.Unmarshal([]byte(text), &line) != nil {
		return text, p.sync == "" && p.run == "" // half a line of a process that was killed
	}
	return text, (p.sync == "" || line.Sync == p.sync) && (p.run == "" || line.Run == p.run)
}

func (p *logPrinter) print(text string) {
	s := p.a.screen
	if s.json {
		_, _ = fmt.Fprintln(s.out, text) //nolint:errcheck // who reads it may have gone
		return
	}
	var line logLine
	if json.Unmarshal([]byte(text), &line) != nil {
		s.say("%s", text)
		return
	}
	level := line.Level
	switch level {
	case "ERROR":
		level = s.red(level)
	case "WARN":
		level = s.yellow("WARN ")
	default:
		level = fmt.Sprintf("%-5s", level)
	}
	words := []string{s.dim(line.Time.Local().Format("2006-01-02 15:04:05.000")), level}
	about := ""
	for _, word := range []string{orElse(line.Run, line.Sync), line.Step, line.System} {
		if word != "" {
			about += " " + word
		}
	}
	if about != "" {
		about += ":"
	}
	s.say("%s%s %s%s", strings.Join(words, " "), about, line.Msg, rest(text))
}

// rest gives what else a line has, in its own order.
func rest(text string) string {
	known := []string{"time", "level", "msg", "sync", "run", "step", "system"}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	if _, err := d.Token(); err != nil {
		return ""
	}
	var b strings.Builder
	for d.More() {
		key, err := d.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			break
		}
		name, _ := key.(string)
		if slices.Contains(known, name) {
			continue
		}
		var plain string
		if json.Unmarshal(value, &plain) != nil {
			plain = string(value)
		}
		fmt.Fprintf(&b, "  %s=%s", name, plain)
	}
	return b.String()
}
