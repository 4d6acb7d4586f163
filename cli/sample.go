package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // sample databases are made with it

	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/mappings/examples"
)

// samples makes the databases and files that an example runs on, except those
// that are there. It gives the environment variables that say where its other
// systems are.
func (a *app) samples(e example) (variables []string, err error) {
	source, err := examples.Files.ReadFile("connections.yaml")
	if err != nil {
		return nil, err
	}
	connections, problems := mappings.ParseConnections("connections.yaml", source)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	for _, name := range e.connections {
		options := connections[name].Options
		if file := options["path"].Value; file != "" {
			e.files = append(e.files, file)
			continue
		}
		if name, is := strings.CutPrefix(options["url"].Value, "${"); is {
			variables = append(variables, strings.TrimSuffix(name, "}"))
		}
	}
	for _, file := range e.files {
		if err := a.sample(path.Clean(file)); err != nil {
			return nil, err
		}
	}
	return variables, nil
}

// sample makes one database or file in the folder of definitions, from which
// the example's paths count.
func (a *app) sample(name string) error {
	to := filepath.Join(a.flags.definitions, filepath.FromSlash(name))
	text, err := examples.Files.ReadFile("setup/" + name)
	tables, sqlErr := examples.Files.ReadFile("setup/" + strings.TrimSuffix(name, ".db") + ".sql")
	switch {
	case err == nil:
		err = writeNew(to, text)
	case sqlErr == nil:
		err = newDatabase(to, string(tables))
	default:
		return nil // a target that the first run makes
	}
	if errors.Is(err, fs.ErrExist) {
		a.screen.say("  %s is there already and stays as it is", to)
		return nil
	}
	if err == nil {
		a.screen.say("%s %s   %s", a.screen.green("✓"), to, a.screen.dim("made up, to try it on"))
	}
	return err
}

// newDatabase makes an SQLite database that is not there yet, whole or not at
// all.
func newDatabase(file, tables string) (err error) {
	if err := writeNew(file, nil); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make %s: %w", file, err), os.Remove(file))
		}
	}()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(file)}).EscapedPath())
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), "BEGIN;"+tables+"COMMIT;")
	return errors.Join(err, db.Close())
}
