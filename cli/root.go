package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Execute runs one command line and gives its exit code.
func Execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, signals := listen(ctx)
	defer signals.stop()
	a := &app{screen: newScreen(stdin, stdout, stderr), signals: signals}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	a.close()
	return a.screen.exit(signals.explain(err))
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "syncline",
		Short: "Keep records in two or more systems in agreement",
		Long: "Syncline keeps records in two or more systems in agreement: one way or both ways,\n" +
			"merged field by field, previewed, with nothing lost silently.\n\n" +
			"Exit codes: 0 done · 1 failed · 2 plan found changes (--exit-code) · 3 done, but something waits\n" +
			"for a person · 4 cannot reach or not allowed · 5 stopped by a limit · 64 wrong usage · 130 interrupted",
		Example: "  syncline demo                 three systems come into agreement\n" +
			"  syncline init                 a first definition in ./mappings\n" +
			"  syncline plan customers       what a run would write\n" +
			"  syncline run customers",
		SilenceUsage: true, SilenceErrors: true,
		Args:              noSuch,
		RunE:              help,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.prepare() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exitError{code: exitUsage, err: err, next: "`" + c.CommandPath() + " --help` shows what there is"}
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.state, "state", "", "folder of ledger, stage and engine (default ./.syncline)")
	flags.StringVar(&a.flags.definitions, "definitions", "", "folder of definitions and connections (default ./mappings)")
	flags.StringVar(&a.flags.env, "env", "", "environment: connections.<env>.yaml, with a state of its own")
	flags.StringVar(&a.flags.ledger, "ledger", "", "ledger URL, such as postgres://… (default a file in the state folder)")
	flags.StringVar(&a.flags.stage, "stage", "", "stage URL: file:// s3:// gs:// azblob:// (default a folder in the state folder)")
	flags.StringVar(&a.flags.keep, "keep", "", "how long journal, runs and decided conflicts are kept, such as 90d, or forever (default 30d)")
	flags.IntVar(&a.flags.temporalPort, "temporal-port", 0, "port of the engine started here (default the first free one from 7233)")
	flags.IntVar(&a.flags.uiPort, "ui-port", 0, "port of its Web UI (default the first free one from 8233)")
	flags.StringVarP(&a.flags.output, "output", "o", "text", "text or json")
	flags.BoolVarP(&a.flags.verbose, "verbose", "v", false, "log to stderr what goes on")
	addCommands(root, a)
	addExamples(root, "")
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	usageErrors(root)
	a.completeNames(root)
	return root
}

// group makes a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: noSuch, RunE: help}
	c.AddCommand(children...)
	return c
}

func help(c *cobra.Command, _ []string) error { return c.Help() }

// noSuch refuses what is no command, with the nearest one.
func noSuch(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	next := "`" + c.CommandPath() + " --help` lists the commands"
	if c.SuggestionsMinimumDistance <= 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		next = "did you mean `" + c.CommandPath() + " " + near[0] + "`?"
	}
	return &exitError{code: exitUsage, err: errors.New("there is no command `" + c.CommandPath() + " " + args[0] + "`"), next: next}
}

// usageErrors gives errors about arguments, which have no type in cobra, the
// exit code of a wrong command line.
func usageErrors(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			var coded *exitError
			if err == nil || errors.As(err, &coded) {
				return err
			}
			takes := "no arguments"
			if _, rest, ok := strings.Cut(c.Use, " "); ok {
				takes = rest
			}
			return &exitError{
				code: exitUsage, err: fmt.Errorf("`%s` takes %s", c.CommandPath(), takes), next: "`" + c.CommandPath() + " --help` shows more",
			}
		}
	}
	for _, child := range c.Commands() {
		usageErrors(child)
	}
}

// exitError is an error with the exit code of the contract with scripts and
// the next command for people.
type exitError struct {
	code int
	err  error
	next string
	// see is the Web UI's page of what failed.
	see string
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

// setting is a flag's value, else the variable's, else the default.
func setting(flag, variable, otherwise string) string {
	return orElse(flag, orElse(os.Getenv(variable), otherwise))
}
