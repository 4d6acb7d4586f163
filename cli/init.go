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
		Short: "Begin: write a first definition and its connections",
		Long: "Write a folder of definitions (./mappings) with a commented definition and the connections\n" +
			"that it uses. --example chooses which one; --list shows them. Nothing is ever overwritten.",
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
	name, about string
	source      []byte
	connections []string
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
		e := example{name: strings.TrimSuffix(file, ".yaml"), about: definitions[0].About, source: source}
		for _, system := range definitions[0].Systems {
			if system.Use.Value != "" {
				e.connections = append(e.connections, system.Use.Value)
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
	err = writeNew(connections, []byte(connectionsHead+strings.Join(entries, "\n")+"\n"))
	switch {
	case err == nil:
		a.screen.say("%s %s", a.screen.green("✓"), connections)
	case errors.Is(err, fs.ErrExist):
		a.screen.say("  %s is there already and stays as it is. The example uses:", connections)
		for _, entry := range entries {
			a.screen.say("    %s", strings.TrimSpace(entry))
		}
	default:
		return err
	}
	a.screen.say("\nSay in connections.yaml where your systems are, then: syncline connections test")
	return nil
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
