package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// Previewer sends a few records of one system through a mapping, without
// Temporal, without the ledger and without writing anything anywhere.
type Previewer struct{ Sessions *Sessions }

// Preview is what became of the records.
type Preview struct {
	Sync    string      `json:"sync"`
	System  string      `json:"system"`
	Records []Previewed `json:"records"`
}

// Previewed is one record: as its system has it, as the sync sees it, and as
// each other system would get it if it had nothing like it yet.
type Previewed struct {
	Key       string `json:"key"`
	Raw       []Cell `json:"raw"`
	Canonical []Cell `json:"canonical"`
	// Note says why it would not go on: it is bad, deleted or left out.
	Note   string       `json:"note,omitempty"`
	Writes []WriteShown `json:"writes"`
}

// Cell is a column or field with its value as text; null is NULL.
type Cell struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
}

// WriteShown is what one system would get, or why it gets nothing.
type WriteShown struct {
	System string `json:"system"`
	Cells  []Cell `json:"cells,omitempty"`
	Note   string `json:"note,omitempty"`
}

var errEnough = errors.New("enough records")

// Preview takes the first records of a system, or of the first one that is
// read where system is "".
func (p *Previewer) Preview(ctx context.Context, def *mappings.Definition, system string, limit int) (*Preview, error) {
	session, err := p.Sessions.OpenDefinition(ctx, def)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	from, err := readable(session, system)
	if err != nil {
		return nil, err
	}
	shown := &Preview{Sync: def.Sync.Value, System: from.Mapping.Name, Records: []Previewed{}}
	writers := map[int]*mappings.Writer{}
	for i, other := range session.Systems {
		if other == from || !other.Mapping.Receives {
			continue
		}
		if writers[i], err = other.Mapping.NewWriter(other.Description.Schema); err != nil {
			return nil, connectors.Wrap(connectors.SchemaChanged, "write "+other.Mapping.Name, err)
		}
	}
	return shown, firstRecords(ctx, from, limit, func(batch *record.Batch, row int, reader *mappings.Reader) {
		shown.Records = append(shown.Records, previewed(session, from, writers, batch, row, reader))
	})
}

func readable(session *Session, name string) (*OpenSystem, error) {
	for _, system := range session.Systems {
		if system.Mapping.Name == name || name == "" && system.Mapping.Reads {
			return system, nil
		}
	}
	return nil, connectors.Errorf(connectors.NotFound, "there is no system %q in this definition", name)
}

// firstRecords reads until it has enough.
func firstRecords(ctx context.Context, system *OpenSystem, limit int, take func(*record.Batch, int, *mappings.Reader)) error {
	source, err := system.Source()
	if err != nil {
		return err
	}
	window, err := source.Detect(ctx, connectors.Ask{
		Mode: connectors.ModeSnapshot, Columns: system.Mapping.Columns, Full: true, PartitionRows: partitionRows,
	})
	if err != nil {
		return connectors.Wrap(connectors.Transient, "look at "+system.Mapping.Name, err)
	}
	for _, part := range window.Partitions {
		err := source.Read(ctx, part, func(batch *record.Batch) error {
			defer batch.Release()
			reader, err := system.Mapping.NewReader(batch.Schema)
			if err != nil {
				return connectors.Wrap(connectors.SchemaChanged, "read "+system.Mapping.Name, err)
			}
			for row := range batch.Rows() {
				if limit--; limit < 0 {
					return errEnough
				}
				take(batch, row, reader)
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return connectors.Wrap(connectors.Transient, "read "+system.Mapping.Name, err)
		}
	}
	return nil
}

func previewed(session *Session, from *OpenSystem, writers map[int]*mappings.Writer, batch *record.Batch, row int,
	reader *mappings.Reader,
) Previewed {
	var c mappings.Canonical
	values := batch.Row(row, nil)
	mark := batch.Mark(row)
	readRow(reader, values, mark, &c)
	shown := Previewed{Key: reader.Key(values).String(), Writes: []WriteShown{}}
	for i, f := range batch.Schema.Fields {
		shown.Raw = append(shown.Raw, Cell{Name: f.Name, Value: textOf(values[i])})
	}
	for i, f := range session.Mapping.Schema.Fields {
		if !record.IsMissing(c.Values[i]) {
			shown.Canonical = append(shown.Canonical, Cell{Name: f.Name, Value: textOf(c.Values[i])})
		}
	}
	if shown.Note = staysBehind(from, &c, mark); shown.Note != "" {
		return shown
	}
	for i, other := range session.Systems {
		if writers[i] != nil {
			shown.Writes = append(shown.Writes, wouldGet(session, other, i, writers[i], c.Values))
		}
	}
	return shown
}

// staysBehind says why a record would not reach other systems, or "".
func staysBehind(from *OpenSystem, c *mappings.Canonical, mark record.Mark) string {
	switch {
	case mark.Bad != "":
		return "quarantined: " + mark.Bad
	case c.Bad != "":
		return "quarantined: " + c.Bad
	case c.Deleted:
		return "it says that it is deleted"
	case !c.InScope:
		return "left alone by `where: " + from.Definition.Where.Value + "`"
	case !from.Mapping.Reads:
		return from.Mapping.Name + " is only a target"
	default:
		return ""
	}
}

func wouldGet(session *Session, to *OpenSystem, index int, writer *mappings.Writer, values []record.Value) WriteShown {
	shown := WriteShown{System: to.Mapping.Name}
	if accept := session.Mapping.Rules.Systems[index].Accept; accept != nil {
		takes, err := accept(values)
		if err != nil {
			shown.Note = fmt.Sprintf("accept: %v", err)
			return shown
		}
		if !takes {
			shown.Note = "not accepted by `accept: " + to.Definition.Accept.Value + "`"
			return shown
		}
	}
	all := make([]bool, len(values))
	for i, v := range values {
		all[i] = !record.IsMissing(v)
	}
	out := make([]record.Value, len(to.Mapping.Write))
	if err := writer.Write(values, all, true, out); err != nil {
		shown.Note = "refused: " + err.Error()
		return shown
	}
	for i, column := range to.Mapping.Write {
		if !record.IsMissing(out[i]) {
			shown.Cells = append(shown.Cells, Cell{Name: column, Value: textOf(out[i])})
		}
	}
	if to.Definition.Allow.NoCreate {
		shown.Note = "only where it has the record already (`allow: {create: false}`)"
	}
	return shown
}
