package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/mappings"
)

// screen is where a command speaks: results on out, the rest on err.
type screen struct {
	in       io.Reader
	out, err io.Writer
	// terminal: err is a terminal, so bars and colours make sense.
	terminal bool
	// asks: in and out are a terminal, so a person can be asked.
	asks  bool
	color bool
	json  bool
	// env stands in the first line of every output; announced says that it does,
	// and prefaced that it stands before the bars, where out goes elsewhere.
	env                 string
	announced, prefaced bool
	// together: out and err are one terminal.
	together bool
	// lines reads answers; one for all questions, because it reads ahead.
	lines *bufio.Scanner
}

func newScreen(in io.Reader, out, err io.Writer) *screen {
	s := &screen{in: in, out: out, err: err, lines: bufio.NewScanner(in), terminal: isTerminal(err), asks: isTerminal(out) && isTerminalIn(in)}
	s.together = s.terminal && isTerminal(out)
	s.color = isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return s
}

func isTerminal(w io.Writer) bool {
	f, is := w.(*os.File)
	return is && term.IsTerminal(int(f.Fd()))
}

func isTerminalIn(r io.Reader) bool {
	f, is := r.(*os.File)
	return is && term.IsTerminal(int(f.Fd()))
}

// say prints a line of a result; the environment comes before the first.
func (s *screen) say(format string, args ...any) {
	s.head(s.out)
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		fmt.Fprintln(s.out, strings.TrimRight(line, " "))
	}
}

// answer gives a result: v for scripts, the text for people.
func (s *screen) answer(v any, format string, args ...any) error {
	if s.json {
		return s.print(v)
	}
	s.say(format, args...)
	return nil
}

// question asks a person and gives the answer; the end of the input, or of
// ctx, is an interruption.
func (s *screen) question(ctx context.Context, text string) (string, error) {
	fmt.Fprint(s.out, text)
	answers := make(chan bool, 1)
	go func() { answers <- s.lines.Scan() }()
	select {
	case ok := <-answers:
		if ok {
			return strings.TrimSpace(s.lines.Text()), nil
		}
	case <-ctx.Done():
	}
	return "", &exitError{code: exitInterrupted, err: errors.New("nothing was decided")}
}

// write puts text on the screen as it is; a screen that went away shows nothing.
func (s *screen) write(text string) {
	if text != "" {
		s.preface()
		_, _ = io.WriteString(s.err, text)
	}
}

// preface puts the environment before what a person sees of the progress: a
// bar that comes first would be drawn over, and the header stand below it.
func (s *screen) preface() {
	switch {
	case s.together:
		s.head(s.out)
	case s.terminal && !s.prefaced && s.env != "" && !s.json:
		s.prefaced = true
		s.environment(s.err)
	}
}

// note prints a line of progress.
func (s *screen) note(format string, args ...any) {
	s.preface()
	fmt.Fprintf(s.err, format+"\n", args...)
}

func (s *screen) head(w io.Writer) {
	if s.env != "" && !s.announced && !s.json && (w != s.err || !s.prefaced) {
		s.environment(w)
	}
	s.announced = true
}

func (s *screen) environment(w io.Writer) { fmt.Fprintf(w, "environment: %s\n", s.env) }

// print prints an object as one line of JSON.
func (s *screen) print(v any) error {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false) // URLs are for people too
	return e.Encode(v)
}

// paint colours text on a terminal.
func (s *screen) paint(code, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) bold(text string) string   { return s.paint("1", text) }
func (s *screen) dim(text string) string    { return s.paint("2", text) }
func (s *screen) red(text string) string    { return s.paint("31", text) }
func (s *screen) green(text string) string  { return s.paint("32", text) }
func (s *screen) yellow(text string) string { return s.paint("33", text) }

// count says how many of something there are.
func count[N int | int64](n N, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// verb says how many of something do something.
func verb[N int | int64](n N, of, one, many string) string {
	if n == 1 {
		return count(n, of) + " " + one
	}
	return count(n, of) + " " + many
}

// exit tells an error, if there is one, and gives the exit code.
func (s *screen) exit(err error) int {
	if err == nil {
		return exitDone
	}
	var (
		code int
		next string
	)
	var coded *exitError
	if errors.As(err, &coded) {
		code, next = coded.code, coded.next
	} else {
		code = codeOfKind(err)
	}
	text := strings.TrimSpace(err.Error())
	if text == "" {
		return code
	}
	s.head(s.err)
	var problems mappings.Problems
	if errors.As(err, &problems) {
		s.note("%s", text) // each says its place and that it is an error
		next = orElse(next, "mend it; `syncline check` shows all faults of all definitions")
	} else {
		s.note("error: %s", text)
	}
	if next != "" {
		s.note("next:  %s", next)
	}
	if coded != nil && coded.see != "" {
		s.note("see:   %s", coded.see)
	}
	return code
}

func codeOfKind(err error) int {
	var problems mappings.Problems
	if errors.As(err, &problems) {
		return exitFailed
	}
	var known *connectors.Error
	if !errors.As(err, &known) {
		return exitFailed
	}
	return codeOf(known.Kind)
}

func codeOf(kind connectors.Kind) int {
	switch kind {
	case connectors.Transient, connectors.Unauthorized, connectors.RateLimited:
		return exitUnreachable
	case connectors.NotFound, connectors.Conflict, connectors.SchemaChanged, connectors.BadRecord,
		connectors.Incomplete, connectors.Fenced, connectors.Permanent:
		return exitFailed
	default:
		return exitFailed
	}
}
