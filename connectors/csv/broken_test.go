package csv_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/csv"
	"github.com/syncline-dev/syncline/internal/record"
)

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	must(w.Write([]byte(text)))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// detect gives the error of opening the file and looking for changes.
func detect(t *testing.T, path string) error {
	t.Helper()
	o, err := csv.Connector{}.Open(context.Background(), config(path, "Nr"))
	if err != nil {
		return err
	}
	defer o.Close()
	_, err = o.(connectors.Source).Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot, Full: true})
	return err
}

// A file that looks half-written is an error, never fewer rows.
func TestHalfWrittenFiles(t *testing.T) {
	t.Parallel()
	whole := zipped("Nr,Name\n" + strings.Repeat("1,Ann\n", 1000))
	for name, c := range map[string]struct {
		text, message string
	}{
		"empty":                 {"", "not even a header"},
		"only a mark":           {"\xef\xbb\xbf", "not even a header"},
		"blank":                 {"\n\n", "not even a header"},
		"row cut short":         {"Nr,Name\n1,Ann\n2", "line 3: 1 cells where the header has 2"},
		"row too long":          {"Nr,Name\n1,Ann\n2,Bob,x\n3,Cyd\n", "line 3: 3 cells where the header has 2"},
		"quote without end":     {"Nr,Name\n1,\"Ann\n2,Bob\n", "line 2: a quote that never ends"},
		"quote ends in text":    {"Nr,Name\n1,\"An\"n\n", "line 2: text behind a closing quote"},
		"after two lines":       {"Nr,Name\n1,\"An\nn\"\n2\n", "line 4: 1 cells"},
		"cut after the quote":   {"Nr,Name\n1,Ann\n2,\"", "line 3: a quote that never ends"},
		"header without end":    {"Nr,\"Na", "line 1: a quote that never ends"},
		"zipped, cut off":       {whole[:len(whole)/2], "truncated or damaged"},
		"zipped, no end":        {whole[:len(whole)-5], "truncated or damaged"},
		"zipped, only the head": {whole[:5], "truncated or damaged"},
		"zipped, wrong sum":     {whole[:len(whole)-5] + "xxxxx", "truncated or damaged"},
		"zipped, empty":         {"\x1f", "truncated or damaged"},
	} {
		file := "people.csv"
		if strings.HasPrefix(name, "zipped") {
			file += ".gz"
		}
		path := filepath.Join(t.TempDir(), file)
		require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
		err := detect(t, path)
		require.ErrorContains(t, err, c.message, name)
		require.Equal(t, connectors.Incomplete, connectors.KindOf(err), name)
	}
	for name, text := range map[string]string{
		"latin-1": "Nr,Stra\xdfe\n1,x\n", "utf-16": "\xff\xfeN\x00r\x00\n\x00",
	} {
		err := detect(t, write(t, text))
		require.ErrorContains(t, err, "UTF-8", name)
		require.Equal(t, connectors.Permanent, connectors.KindOf(err), name)
	}
}

func TestALostLineEndIsAFileCutOff(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n1,Ann\n2,Bob\n")
	s := open(t, config(path, "Nr"))
	w, _ := read(t, s, connectors.Ask{})
	require.NoError(t, os.WriteFile(path, []byte("Nr,Name\n1,Ann\n2,Bo"), 0o600))
	_, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot, Since: w.To, Full: true})
	require.Equal(t, connectors.Incomplete, connectors.KindOf(err))
	_, rows := read(t, s, connectors.Ask{})
	require.Len(t, rows, 2, "a file that never had one is whole")
}

func TestAnUnchangedFileIsNotRead(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n1,Ann\n")
	s := open(t, config(path, "Nr"))
	first, _ := read(t, s, connectors.Ask{})
	require.NoError(t, os.WriteFile(path, []byte("Nr,Name\n1,Ann\n"), 0o600))
	again, _ := read(t, s, connectors.Ask{Since: first.To})
	require.Empty(t, again.Partitions)
	require.False(t, again.Complete, "nothing was listed, so nothing is absent")
	require.Equal(t, first.To, again.To)
	full, rows := read(t, s, connectors.Ask{Since: first.To, Full: true})
	require.True(t, full.Complete)
	require.Len(t, rows, 1)
	require.NoError(t, os.WriteFile(path, []byte("Nr,Name\n1,Anna\n"), 0o600))
	changed, rows := read(t, s, connectors.Ask{Since: first.To})
	require.True(t, changed.Complete)
	require.Equal(t, [][]record.Value{{"1", "Anna"}}, values(rows))
}

func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n"+numbered(40_000))
	s := open(t, config(path, "Nr"))
	w, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot})
	require.NoError(t, err)
	err = s.Read(context.Background(), w.Partitions[0], func(*record.Batch) error {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // a file of this test
		require.NoError(t, err)
		_, err = f.WriteString("99999999,new\n")
		require.NoError(t, err)
		return f.Close()
	})
	require.Equal(t, connectors.Incomplete, connectors.KindOf(err))
}

func numbered(rows int) string {
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, "%d,\"name\n%d\"\n", i, i)
	}
	return b.String()
}

// A large file is cut; each part must still be what was cut, and knows the
// doubles that stand elsewhere.
func TestLargeFilesAreCut(t *testing.T) {
	t.Parallel()
	const rows = 900_000
	text := "\xef\xbb\xbfNr,Name\n" + numbered(rows) + "7,double\n"
	path := write(t, text)
	s := open(t, config(path, "Nr"))
	w, all := read(t, s, connectors.Ask{PartitionRows: 250_000})
	require.Len(t, w.Partitions, 4)
	require.EqualValues(t, rows+1, w.Rows)
	require.Len(t, all, rows+1)
	for i, r := range all {
		if bad := i == 7 || i == rows; bad != (r.mark.Bad != "") {
			require.Fail(t, "wrong mark", "row %d: %q", i, r.mark.Bad)
		}
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(text, "800000,", "800001,", 1)), 0o600))
	require.NoError(t, s.Read(context.Background(), w.Partitions[0], func(*record.Batch) error { return nil }))
	err := s.Read(context.Background(), w.Partitions[3], func(*record.Batch) error { return nil })
	require.Equal(t, connectors.Incomplete, connectors.KindOf(err))

	var many strings.Builder
	many.WriteString(text)
	for i := range 500 {
		fmt.Fprintf(&many, "%d,double\n", 1_000+i)
	}
	require.NoError(t, os.WriteFile(path, []byte(many.String()), 0o600))
	bad := 0
	_, all = read(t, s, connectors.Ask{PartitionRows: 250_000})
	for _, r := range all {
		if r.mark.Bad != "" {
			bad++
		}
	}
	require.Equal(t, 1_002, bad)
}

func TestBadRowsAreMarked(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name,Name,\n1,Ann,x,y\n2,Bob,x,y\n,Cyd,x,y\n2,Dan,x,y\n3,E\xffe,x,y\n\xff,Fay,x,y\n")
	s := open(t, config(path, "Nr"))
	d, err := s.Describe(context.Background())
	require.NoError(t, err)
	require.Equal(t, []string{"Nr", "Name (1)", "Name (2)", "column 4"}, d.Schema.Names())
	_, rows := read(t, s, connectors.Ask{Columns: []string{"Nr", "Name (1)"}})
	var marks []string
	for _, r := range rows {
		marks = append(marks, r.mark.Bad)
	}
	require.Equal(t, []string{
		"", "several rows have the same key", "line 4: column Nr: part of the key is empty", "several rows have the same key",
		"column Name (1): not valid UTF-8", "line 7: column Nr: not valid UTF-8",
	}, marks)
	require.Equal(t, []record.Value{"3", nil}, rows[4].values)

	batch, err := s.Fetch(context.Background(), []string{"Nr", "Name (1)"}, []record.Key{key(t, "2"), key(t, "3"), key(t, "1"), key(t, "2")})
	require.NoError(t, err)
	got := rowsOf(batch)
	require.Len(t, got, 3)
	require.NotEmpty(t, got[0].mark.Bad)
	require.NotEmpty(t, got[1].mark.Bad)
	require.Empty(t, got[2].mark.Bad)
	results, err := s.Apply(context.Background(), connectors.Writes{
		Columns: []string{"Name (1)"}, Compare: []string{"Name (1)"},
		Items: []connectors.Item{
			{Op: connectors.OpUpdate, Key: key(t, "2"), Set: []record.Value{"x"}},
			{Op: connectors.OpUpdate, Key: key(t, "3"), Set: []record.Value{"x"}, Seen: record.HashRow(nil)},
		},
	})
	require.NoError(t, err)
	require.Equal(t, connectors.BadRecord, connectors.KindOf(results[0].Err))
	require.Equal(t, connectors.Refused, results[1].Status)
}

func TestRowsWithoutAKeyAreNamedByTheirContent(t *testing.T) {
	t.Parallel()
	s := open(t, config(write(t, "a,b\n1,2\n12,\n1,3\n1,3\n")))
	d, err := s.Describe(context.Background())
	require.NoError(t, err)
	require.Equal(t, []string{"_row"}, d.Key)
	require.False(t, d.Can.Writable)
	_, rows := read(t, s, connectors.Ask{})
	require.NotEqual(t, rows[0].values[2], rows[1].values[2])
	require.Equal(t, "several rows have the same key", rows[3].mark.Bad)
	batch, err := s.Fetch(context.Background(), nil, []record.Key{key(t, rows[1].values[2])})
	require.NoError(t, err)
	require.Equal(t, rows[1].values, batch.Row(0, nil))
	_, err = s.Apply(context.Background(), connectors.Writes{})
	require.Equal(t, connectors.Permanent, connectors.KindOf(err))
}

func TestConfigsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n1,Ann\n")
	for name, c := range map[string]connectors.Config{
		"no path":   {},
		"object":    {Object: "x", Options: map[string]string{"path": path}},
		"option":    {Options: map[string]string{"path": path, "quote": "'"}},
		"delimiter": {Options: map[string]string{"path": path, "delimiter": "::"}},
		"format":    {Options: map[string]string{"path": path}, Formats: map[string]string{"date": "tomorrow"}},
		"folder":    {Options: map[string]string{"path": filepath.Dir(path)}},
	} {
		_, err := csv.Connector{}.Open(context.Background(), c)
		require.Equal(t, connectors.Permanent, connectors.KindOf(err), "%s: %v", name, err)
	}
	_, err := csv.Connector{}.Open(context.Background(), config(filepath.Join(t.TempDir(), "none", "x.csv"), "Nr"))
	require.Equal(t, connectors.NotFound, connectors.KindOf(err))
	_, err = csv.Connector{}.Open(context.Background(), config(path, "Number"))
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
	require.ErrorContains(t, err, "Nr, Name")
}
