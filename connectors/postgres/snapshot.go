package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

const (
	// partitionRows is how many rows a partition has when nobody says.
	partitionRows = 200_000
	// maxPartitions bounds a window: its list travels in one message.
	maxPartitions = 500
	// Behind each bound stand at least so many sampled rows and pages: a sample
	// takes whole pages, whose rows are neighbours.
	sampleRows  = 200
	samplePages = 30
)

// detectSnapshot cuts the whole table into ranges of its key.
func (o *object) detectSnapshot(ctx context.Context, t *table, ask connectors.Ask) (connectors.Window, error) {
	w := connectors.Window{
		Mode: connectors.ModeSnapshot, Complete: true, Rows: t.rows,
		To: record.Position{Source: t.identity, Mode: string(connectors.ModeSnapshot)},
	}
	err := o.with(ctx, "cut "+t.readable(), func(conn *pgconn.PgConn) error {
		rows, err := query(ctx, conn, "select pg_current_snapshot()::text")
		if err != nil {
			return err
		}
		w.To.Value = string(rows[0][0])
		w.Partitions, err = o.partitions(ctx, conn, t, ask)
		return err
	})
	return w, err
}

// partitions lists the whole table in ranges of its key. With more than one
// range they share a snapshot, if the server exports one.
func (o *object) partitions(ctx context.Context, conn *pgconn.PgConn, t *table, ask connectors.Ask) ([]connectors.Partition, error) {
	cuts, by, err := t.cuts(ctx, conn, ask.PartitionRows)
	if err != nil {
		return nil, err
	}
	common := spec{Where: ask.Where, Bare: ask.Bare}
	var shared *held
	if len(cuts) > 0 {
		common.By = by
		if shared, err = o.exportSnapshot(ctx, t.identity); err != nil {
			o.log.Warn("no shared snapshot; ranges are read one by one", "table", t.readable(), "error", classify("export a snapshot", err).Error())
		} else {
			common.Snapshot = shared.id
		}
	}
	parts, err := ranges(ask, common, cuts, t.rows)
	if shared != nil {
		ids := make([]string, len(parts))
		for i, p := range parts {
			ids[i] = p.ID
		}
		shared.keep(ids)
	}
	return parts, err
}

// ranges makes the partitions between cuts.
func ranges(ask connectors.Ask, common spec, cuts [][]string, rows int64) ([]connectors.Partition, error) {
	parts := make([]connectors.Partition, 0, len(cuts)+1)
	for i := range len(cuts) + 1 {
		s := common
		if i > 0 {
			s.After = cuts[i-1]
		}
		if i < len(cuts) {
			s.Upto = cuts[i]
		}
		s.Nulls = i == len(cuts)
		text, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("describe a partition: %w", err)
		}
		parts = append(parts, connectors.Partition{
			ID: fmt.Sprintf("p%04d", i+1), Mode: ask.Mode, Columns: ask.Columns, Spec: string(text),
			Rows: max(rows, 0) / int64(len(cuts)+1),
		})
	}
	return parts, nil
}

// cuts finds keys that cut the table into even ranges, out of a sample that
// the database orders. Without an index over the key each range would be a
// scan of everything, so there are none.
func (t *table) cuts(ctx context.Context, conn *pgconn.PgConn, perPart int64) (cuts [][]string, by []string, err error) {
	if perPart <= 0 {
		perPart = partitionRows
	}
	parts := min((t.rows+perPart-1)/perPart, maxPartitions)
	by = t.rangeColumns()
	if parts < 2 || by == nil || t.relkind != "r" && t.relkind != "p" {
		return nil, nil, nil
	}
	percent := min(100, 100*float64(parts)*max(sampleRows/float64(t.rows), samplePages/float64(max(t.pages, 1))))
	columns, err := t.pick(by)
	if err != nil {
		return nil, nil, err
	}
	names := rowList(columns, func(c *column) string { return quote(c.field.Name) })
	texts := rowList(columns, func(c *column) string { return quote(c.field.Name) + "::text" })
	rows, err := query(ctx, conn, `
		select `+texts+` from (
			select `+names+`, row_number() over (order by `+names+`) as "syncline n", count(*) over () as "syncline of"
			from `+t.SQL()+` tablesample system (`+strconv.FormatFloat(percent, 'f', 6, 64)+`) repeatable (1)
			where `+rowList(columns, func(c *column) string { return quote(c.field.Name) + " is not null" }, " and ")+`
		) s
		where "syncline n" < "syncline of"
		and "syncline n" * $1::text::int8 / "syncline of" <> ("syncline n" - 1) * $1::text::int8 / "syncline of"
		order by "syncline n"`, strconv.FormatInt(parts, 10))
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		cut := make([]string, len(row))
		for i, value := range row {
			cut[i] = string(value)
		}
		cuts = append(cuts, cut)
	}
	return cuts, by, nil
}

func rowList(columns []*column, each func(*column) string, separator ...string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = each(c)
	}
	if len(separator) > 0 {
		return strings.Join(parts, separator[0])
	}
	return strings.Join(parts, ", ")
}

// rangeColumns are the key's columns in the order of an index that begins with
// them; nil if there is none.
func (t *table) rangeColumns() []string {
	key := make([]string, len(t.key))
	for i, c := range t.key {
		key[i] = c.field.Name
	}
	if len(key) == 0 {
		return nil
	}
	for _, ix := range t.indexes {
		if len(ix.columns) >= len(key) && sameNames(ix.columns[:len(key)], key) {
			return ix.columns[:len(key)]
		}
	}
	return nil
}
