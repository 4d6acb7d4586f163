package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/mappings/examples"
)

func newInit(a *app) *cobra.Command {
	var name string
	var list bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Begin: write a first definition, its connections and a little data",
		Long: "Write a folder of definitions (./mappings) with a commented definition, the connections that\n" +
			"it uses and small SQLite and CSV files for it to run on. --example chooses which one; --list\n" +
			"shows them. Nothing is ever overwritten.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := loadExamples()
			if err != nil {
				return err
			}
			if list {
				return a.listExamples(all)
			}
			for _, e := range all {
				if e.name == name {
					return a.begin(e)
				}
			}
			return &exitError{code: exitUsage, err: fmt.Errorf("there is no example %q", name), next: "`syncline init --list` shows them"}
		},
	}
	c.Flags().StringVar(&name, "example", "members", "the example to begin with")
	c.Flags().BoolVar(&list, "list", false, "list the examples")
	return c
}

// example is a definition that runs as it is, and the connections that it uses.
type example struct {
	name, about, sync string
	source            []byte
	connections       []string
	files             []string // of systems that it names without a connection
}

func loadExamples() ([]example, error) {
	names, err := fs.Glob(examples.Files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []example
	for _, file := range names {
		if file == "connections.yaml" {
			continue
		}
		source, err := examples.Files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		definitions, problems := mappings.Parse(file, source)
		if err := problems.Err(); err != nil {
			return nil, err
		}
		e := example{name: strings.TrimSuffix(file, ".yaml"), about: definitions[0].About, sync: definitions[0].Sync.Value, source: source}
		for _, system := range definitions[0].Systems {
			if system.Use.Value != "" {
				e.connections = append(e.connections, system.Use.Value)
			} else if path := system.Options["path"].Value; path != "" {
				e.files = append(e.files, path)
			}
		}
		all = append(all, e)
	}
	return all, nil
}

func (a *app) listExamples(all []example) error {
	for _, e := range all {
		if a.screen.json {
			if err := a.screen.print(map[string]string{"example": e.name, "about": e.about}); err != nil {
				return err
			}
			continue
		}
		a.screen.say("%-12s %s", a.screen.bold(e.name), e.about)
	}
	return nil
}

const connectionsHead = `# Where the systems are, once for all definitions of this folder: a definition
# names them with ` + "`use:`" + `. Paths count from this folder. Secrets never stand here:
# "${NAME}" is taken from the environment, "${file:/run/secrets/x}" from a file.
# connections.prod.yaml replaces entries of the same name under --env prod.
connections:
`

// begin writes an example into the folder of definitions.
func (a *app) begin(e example) error {
	dir := a.flags.definitions
	definition := filepath.Join(dir, e.name+".yaml")
	connections := filepath.Join(dir, "connections.yaml")
	if _, err := os.Stat(definition); err == nil {
		return &exitError{
			code: exitFailed, err: fmt.Errorf("%s is there already; nothing was written", definition),
			next: "`syncline check` looks at it, `syncline init --list` shows other examples",
		}
	}
	entries, err := connectionLines(e.connections)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the folder of definitions: %w", err)
	}
	if err := writeNew(definition, e.source); err != nil {
		return err
	}
	a.screen.say("%s %s   %s", a.screen.green("✓"), definition, a.screen.dim(e.about))
	made := strings.Join(entries, "\n") + "\n"
	err = writeNew(connections, []byte(connectionsHead+made))
	switch {
	case err == nil:
		entries = nil
		a.screen.say("%s %s", a.screen.green("✓"), connections)
	case errors.Is(err, fs.ErrExist):
		a.screen.say("  %s is there already and stays as it is", connections)
		entries = lacking(connections, e.connections, entries)
	default:
		return err
	}
	variables, err := a.samples(e)
	if err != nil {
		return err
	}
	a.next(e, variables, entries)
	return nil
}

// lacking gives the entries of connections that a file has not; all of them if
// it cannot be read, which check will tell.
func lacking(file string, names, entries []string) []string {
	source, err := os.ReadFile(file) //nolint:gosec // the user's own
	if err != nil {
		return entries
	}
	there, _ := mappings.ParseConnections(file, source)
	var left []string
	for i, name := range names {
		if there[name] == nil {
			left = append(left, entries[i])
		}
	}
	return left
}

// next tells the way from here to a first run, command by command.
func (a *app) next(e example, variables, entries []string) {
	if len(entries) > 0 {
		a.screen.say("\nWrite into %s, below `connections:`", filepath.Join(a.flags.definitions, "connections.yaml"))
		for _, entry := range entries {
			a.screen.say("%s", entry)
		}
	}
	a.screen.say("\nNext:")
	for _, name := range variables {
		a.screen.say("  export %s=postgres://USER:PASSWORD@HOST/DATABASE", name)
	}
	command := "  syncline"
	if dir := a.flags.definitions; dir != "mappings" {
		command += " --definitions " + dir
	}
	for _, step := range []string{"connections test", "check", "plan " + e.sync, "run " + e.sync} {
		a.screen.say("%s %s", command, step)
	}
	if len(variables) == 0 {
		a.screen.say("\nThe data is made up. For your own, write into connections.yaml where your systems are, and into\n%s what is theirs.",
			filepath.Join(a.flags.definitions, e.name+".yaml"))
	} else {
		a.screen.say("\nWrite into %s the tables and columns that your systems have.", filepath.Join(a.flags.definitions, e.name+".yaml"))
	}
}

// writeNew writes a file that is not there yet.
func writeNew(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // definitions hold no secrets and are for everyone to read
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// connectionLines takes the lines of some connections out of the examples'.
func connectionLines(names []string) ([]string, error) {
	source, err := examples.Files.ReadFile("connections.yaml")
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, name := range names {
		for line := range strings.Lines(string(source)) {
			if strings.HasPrefix(strings.TrimSpace(line), name+":") {
				lines = append(lines, strings.TrimRight(line, "\n"))
			}
		}
	}
	return lines, nil
}
