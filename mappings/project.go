package mappings

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Project is a folder of definitions with their connections.
type Project struct {
	// Definitions are in the order of their files' names, then of the file.
	Definitions []*Definition
	// Connections are those of connections.yaml, with entries replaced by
	// those of connections.ENV.yaml.
	Connections map[string]*Connection
	// Env is the environment's name; "" for none.
	Env string
}

// LoadProject reads all *.yaml of a folder: connections.yaml and the
// environment's own, and every other file as definitions; files of other
// environments are not opened. Files are named in problems by their place in
// fsys; Problems.In puts the folder's name before them.
//
// The project is never nil. A problem names the sync that it stops, so that one
// bad definition need not stop the others.
func LoadProject(fsys fs.FS, env string) (*Project, Problems) {
	project := &Project{Connections: map[string]*Connection{}, Env: env}
	names, problems := yamlFiles(fsys)
	problems = append(problems, project.loadConnections(fsys, names)...)
	for _, name := range names {
		if isConnections(name) {
			continue
		}
		src, problem := readFile(fsys, name)
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		definitions, more := Parse(name, src)
		problems = append(problems, more...)
		problems = append(problems, project.add(definitions)...)
	}
	for _, d := range project.Definitions {
		problems = append(problems, project.CheckConnections(d)...)
	}
	return project, problems
}

// yamlFiles lists the folder's YAML files by name.
func yamlFiles(fsys fs.FS) ([]string, Problems) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		hint := "`--definitions DIR` names the folder, and `syncline init` makes one"
		return nil, Problems{{
			Pos: Pos{File: "."}, Severity: SeverityError,
			Message: "the folder of definitions cannot be read: " + reason(err), Hint: hint,
		}}
	}
	var names []string
	for _, e := range entries {
		suffix := path.Ext(e.Name())
		if !e.IsDir() && (suffix == ".yaml" || suffix == ".yml") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func isConnections(name string) bool {
	base := strings.TrimSuffix(name, path.Ext(name))
	return base == "connections" || strings.HasPrefix(base, "connections.")
}

func readFile(fsys fs.FS, name string) ([]byte, *Problem) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, &Problem{
			Pos: Pos{File: name, Line: 1, Col: 1}, Severity: SeverityError, Message: "this file cannot be read: " + reason(err),
		}
	}
	return src, nil
}

// reason gives an error's cause without the path, which stands before it.
func reason(err error) string {
	if at, is := errors.AsType[*fs.PathError](err); is {
		return at.Err.Error()
	}
	return err.Error()
}

func (p *Project) loadConnections(fsys fs.FS, names []string) Problems {
	var problems Problems
	load := func(base string) bool {
		found := false
		for _, name := range names {
			if strings.TrimSuffix(name, path.Ext(name)) != base {
				continue
			}
			found = true
			src, problem := readFile(fsys, name)
			if problem != nil {
				problems = append(problems, *problem)
				continue
			}
			connections, more := ParseConnections(name, src)
			problems = append(problems, more...)
			for _, key := range sortedKeys(connections) {
				p.Connections[key] = connections[key]
			}
		}
		return found
	}
	load("connections")
	if p.Env == "" {
		return problems
	}
	if !load("connections." + p.Env) {
		problems = append(problems, Problem{
			Pos: Pos{File: "connections." + p.Env + ".yaml", Line: 1, Col: 1}, Severity: SeverityWarning,
			Message: fmt.Sprintf("the environment %q has no connections of its own: those of connections.yaml are used", p.Env),
		})
	}
	return problems
}

// add takes the definitions of one more file; a name may be used once.
func (p *Project) add(definitions []*Definition) Problems {
	var problems Problems
	for _, d := range definitions {
		at := slices.IndexFunc(p.Definitions, func(o *Definition) bool {
			return o.Sync.Value == d.Sync.Value && d.Sync.Value != "" && o.Sync.Pos.File != d.Sync.Pos.File
		})
		if at >= 0 {
			before := p.Definitions[at].Sync.Pos
			problems = append(problems, Problem{
				Pos: d.Sync.Pos, Severity: SeverityError, Sync: d.Sync.Value,
				Message: fmt.Sprintf("sync %q is defined twice", d.Sync.Value),
				Hint:    fmt.Sprintf("the other one is at %s:%d:%d", before.File, before.Line, before.Col),
				Line:    sourceLine(d, d.Sync.Pos),
			})
		}
	}
	p.Definitions = append(p.Definitions, definitions...)
	return problems
}

// Find gives the definition of a sync; its error suggests what may be meant.
func (p *Project) Find(sync string) (*Definition, error) {
	names := make([]string, len(p.Definitions))
	for i, d := range p.Definitions {
		if d.Sync.Value == sync {
			return d, nil
		}
		names[i] = d.Sync.Value
	}
	if hint := didYouMean(sync, names); hint != "" {
		return nil, fmt.Errorf("there is no sync %q; %s", sync, hint)
	}
	return nil, fmt.Errorf("there is no sync %q", sync)
}

// CheckConnections reports systems of a definition whose connection is not
// there.
func (p *Project) CheckConnections(d *Definition) Problems {
	var problems Problems
	for _, s := range d.Systems {
		if s.Use.Value == "" || p.Connections[s.Use.Value] != nil {
			continue
		}
		problem := Problem{
			Pos: s.Use.Pos, Severity: SeverityError, Sync: d.Sync.Value, Line: sourceLine(d, s.Use.Pos),
			Message: fmt.Sprintf("there is no connection %q", s.Use.Value),
			Hint:    didYouMean(s.Use.Value, sortedKeys(p.Connections)),
		}
		if len(p.Connections) == 0 {
			problem.Hint = "write it into connections.yaml, in this folder: connections: {" + s.Use.Value + ": {connector: postgres, url: \"${URL}\"}}"
		}
		problems = append(problems, problem)
	}
	return problems
}

// Connect gives a system's connector and its options, with all references
// replaced; the result holds secrets and is not for showing. Relative paths
// stay relative: to the folder of the definitions.
func (p *Project) Connect(system *System, lookup Lookup) (connector string, given map[string]string, problems Problems) {
	if system.Use.Value == "" {
		given, problems = allOptions(system.Options, lookup)
		return system.Connector.Value, given, problems
	}
	connection := p.Connections[system.Use.Value]
	if connection == nil {
		return "", nil, Problems{{
			Pos: system.Use.Pos, Severity: SeverityError, Message: fmt.Sprintf("there is no connection %q", system.Use.Value),
			Hint: didYouMean(system.Use.Value, sortedKeys(p.Connections)),
		}}
	}
	given, problems = allOptions(connection.Options, lookup)
	for i := range problems {
		problems[i].Message = "connection " + connection.Name.Value + ": " + problems[i].Message
	}
	return connection.Connector.Value, given, problems
}
