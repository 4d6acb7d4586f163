package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Execute runs one command line and gives its exit code.
func Execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	a := &app{screen: newScreen(stdin, stdout, stderr)}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	a.close()
	return a.screen.exit(err)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "syncline",
		Short: "Keep records in two or more systems in agreement",
		Long: "Syncline keeps records in two or more systems in agreement: one way or both ways,\n" +
			"merged field by field, previewed, with nothing lost silently.\n\n" +
			"First hour:  demo · init · connections test · discover · check · preview · plan · run · deploy · up\n" +
			"Every day:   status · show · history · conflicts · quarantine\n" +
			"Bad days:    pause · resume · approve · runs · doctor · logs",
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.prepare() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exitError{code: exitUsage, err: err, next: "`" + c.CommandPath() + " --help` shows what there is"}
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.state, "state", "", "folder of ledger, stage and engine (default ./.syncline)")
	flags.StringVar(&a.flags.definitions, "definitions", "", "folder of definitions and connections (default ./mappings)")
	flags.StringVar(&a.flags.env, "env", os.Getenv("SYNCLINE_ENV"), "environment: connections.<env>.yaml, with a state of its own")
	flags.StringVar(&a.flags.ledger, "ledger", os.Getenv("SYNCLINE_LEDGER"), "ledger URL, such as postgres://… (default a file in the state folder)")
	flags.StringVar(&a.flags.stage, "stage", os.Getenv("SYNCLINE_STAGE"), "stage URL: file:// s3:// gs:// azblob:// (default a folder in the state folder)")
	flags.IntVar(&a.flags.temporalPort, "temporal-port", 0, "port of the engine started here (default the first free one from 7233)")
	flags.IntVar(&a.flags.uiPort, "ui-port", 0, "port of its Web UI (default the first free one from 8233)")
	flags.StringVarP(&a.flags.output, "output", "o", "text", "text or json")
	flags.BoolVarP(&a.flags.verbose, "verbose", "v", false, "log to stderr what goes on")
	root.AddCommand(commands(a)...)
	return root
}

// exitError is an error with the exit code of the contract with scripts and
// the next command for people.
type exitError struct {
	code int
	err  error
	next string
}

// Error gives the message without the next command.
func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// Unwrap gives the cause.
func (e *exitError) Unwrap() error { return e.err }

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitChanges     = 2
	exitWaiting     = 3
	exitUnreachable = 4
	exitStopped     = 5
	exitUsage       = 64
	exitInterrupted = 130
)

// usage is a wrong command line.
func usage(text string) error { return &exitError{code: exitUsage, err: errors.New(text)} }
