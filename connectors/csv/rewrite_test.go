package csv_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/csv"
	"github.com/syncline-dev/syncline/internal/record"
)

func rename(k record.Key, name record.Value) connectors.Writes {
	return connectors.Writes{Columns: []string{"Name"}, Items: []connectors.Item{{Op: connectors.OpUpdate, Key: k, Set: []record.Value{name}}}}
}

func content(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // a file of this test
	require.NoError(tb, err)
	return string(text)
}

// Whoever else writes the file while we do wins, and nothing of ours is left.
func TestAnotherProgramChangesTheFile(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n1,Ann\n")
	s := open(t, config(path, "Nr"))
	w := rename(key(t, "1"), "Ours")
	w.Fence.Check = func(context.Context) error { return os.WriteFile(path, []byte("Nr,Name\n1,Theirs\n"), 0o600) }
	_, err := s.Apply(context.Background(), w)
	require.Equal(t, connectors.Transient, connectors.KindOf(err))
	require.Equal(t, "Nr,Name\n1,Theirs\n", content(t, path))
	require.Equal(t, []string{".people.csv.syncline-lock", "people.csv"}, files(t, path))
}

// A file that is deleted before or while we write it is not made anew.
func TestAnotherProgramDeletesTheFile(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]func(*connectors.Writes, func() error) error{
		"before": func(_ *connectors.Writes, gone func() error) error { return gone() },
		"meantime": func(w *connectors.Writes, gone func() error) error {
			w.Fence.Check = func(context.Context) error { return gone() }
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, "Nr,Name\n1,Ann\n")
			s := open(t, config(path, "Nr"))
			w := connectors.Writes{Columns: []string{"Nr", "Name"}, Items: []connectors.Item{{Op: connectors.OpCreate, Set: []record.Value{"2", "Bob"}}}}
			require.NoError(t, when(&w, func() error { return os.Remove(path) }))
			_, err := s.Apply(t.Context(), w)
			require.Error(t, err)
			require.Equal(t, []string{".people.csv.syncline-lock"}, files(t, path))
			_, err = s.Apply(t.Context(), w)
			require.Equal(t, connectors.NotFound, connectors.KindOf(err), "to try it again does not help")
		})
	}
}

func files(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestNothingIsWrittenWhereNothingChanges(t *testing.T) {
	t.Parallel()
	text := "Nr,Name\r\n1,\"Ann\"\r\n\r\n"
	path := write(t, text)
	s := open(t, config(path, "Nr"))
	results, err := s.Apply(context.Background(), rename(key(t, "1"), "Ann"))
	require.NoError(t, err)
	require.Equal(t, connectors.Done, results[0].Status)
	require.Equal(t, text, content(t, path))
	require.NoFileExists(t, path+".syncline-backup")
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n1,Ann\n")
	left := filepath.Join(filepath.Dir(path), ".people.csv.syncline-new-123")
	require.NoError(t, os.WriteFile(left, []byte("half"), 0o600))
	s := open(t, config(path, "Nr"))
	_, err := s.Apply(context.Background(), rename(key(t, "1"), "x"))
	require.NoError(t, err)
	require.Equal(t, []string{".people.csv.syncline-lock", "people.csv", "people.csv.syncline-backup"}, files(t, path))
}

func TestLinksStayLinks(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n1,Ann\n")
	link := filepath.Join(t.TempDir(), "link.csv")
	require.NoError(t, os.Symlink(path, link))
	s := open(t, config(link, "Nr"))
	_, err := s.Apply(context.Background(), rename(key(t, "1"), "x"))
	require.NoError(t, err)
	require.Equal(t, "Nr,Name\n1,x\n", content(t, path))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)
}

func TestZippedFilesAreWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "people.csv.gz")
	require.NoError(t, os.WriteFile(path, []byte(zipped("Nr,Name\n1,Ann\n")), 0o600))
	s := open(t, config(path, "Nr"))
	_, err := s.Apply(context.Background(), rename(key(t, "1"), "Anna"))
	require.NoError(t, err)
	f := must(os.Open(path)) //nolint:gosec // a file of this test
	defer f.Close()          //nolint:errcheck // only read from
	require.Equal(t, "Nr,Name\n1,Anna\n", string(must(io.ReadAll(must(gzip.NewReader(f))))))
	_, rows := read(t, s, connectors.Ask{})
	require.Equal(t, [][]record.Value{{"1", "Anna"}}, values(rows))
}

func TestATextThatStandsForNULL(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n1,-\n2,\n3,\"-\"\n")
	c := config(path, "Nr")
	c.Formats = map[string]string{"null": "-"}
	s := open(t, c)
	_, rows := read(t, s, connectors.Ask{})
	require.Equal(t, [][]record.Value{{"1", nil}, {"2", ""}, {"3", "-"}}, values(rows))
	w := rename(key(t, "1"), "-")
	w.Items = append(w.Items, rename(key(t, "2"), nil).Items[0], rename(key(t, "3"), "").Items[0])
	results, err := s.Apply(context.Background(), w)
	require.NoError(t, err)
	require.Equal(t, []record.Value{"-"}, results[0].Stored)
	require.Equal(t, "Nr,Name\n1,\"-\"\n2,-\n3,\"\"\n", content(t, path))
}

func TestTypedValuesAreWrittenInTheFormats(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr;Name\n1;Ann\n")
	c := config(path, "Nr")
	c.Formats = map[string]string{"date": "DD.MM.YYYY", "decimal": ",", "list": ", "}
	s := open(t, c)
	for v, want := range map[string]record.Value{
		"29.02.2024": record.Date(19782), "1,5": record.Decimal("1.5"), "7": int64(7), "a, b": record.List{"a", "b"},
	} {
		results, err := s.Apply(context.Background(), rename(key(t, "1"), want))
		require.NoError(t, err)
		require.Equal(t, []record.Value{v}, results[0].Stored)
	}
	results, err := s.Apply(context.Background(), rename(key(t, "1"), record.List{"a,b"}))
	require.NoError(t, err)
	require.Equal(t, connectors.BadRecord, connectors.KindOf(results[0].Err))
}

func TestCreateMakesAHeaderOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "new.csv")
	c := config(path, "Nr")
	c.Options["delimiter"] = ";"
	s := open(t, c)
	_, err := s.Detect(ctx, connectors.Ask{Mode: connectors.ModeSnapshot})
	require.Equal(t, connectors.NotFound, connectors.KindOf(err))
	schema := record.NewSchema(record.Field{Name: "Nr"}, record.Field{Name: "Straße; Nr."})
	require.NoError(t, s.Create(ctx, schema, []string{"Nr"}))
	require.Equal(t, "Nr;\"Straße; Nr.\"\n", content(t, path))
	require.NoError(t, s.Create(ctx, record.NewSchema(record.Field{Name: "other"}), nil))
	require.Equal(t, "Nr;\"Straße; Nr.\"\n", content(t, path))
	require.NoError(t, os.Truncate(path, 0))
	require.Equal(t, connectors.Incomplete, connectors.KindOf(s.Create(ctx, schema, nil)), "an empty file may have been cut off")
}

// cellText draws texts that are hard on CSV.
func cellText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOf(rapid.SampledFrom([]rune("ab\",;\r\n\t '\ufeffä"))), rapid.String(),
		rapid.SampledFrom([]string{"", " ", `"`, `""`, "\r\n", "NULL", "=1+1", "1;2"}),
	)
}

// drawn is a file of any style and what is in it.
type drawn struct {
	newline, start string // start is the header, with what stands before it
	odd            string // the name of the last column
	lines          []string
	rows           map[string][]record.Value
}

func drawFile(rt *rapid.T) drawn {
	comma := rapid.SampledFrom([]string{",", ";", "\t", "|"}).Draw(rt, "comma")
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	d := drawn{odd: "Odd" + comma + "\n", rows: map[string][]record.Value{}}
	d.newline = rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "newline")
	d.start = rapid.SampledFrom([]string{"", "\xef\xbb\xbf"}).Draw(rt, "bom") + strings.Join([]string{"Nr", "Name", quote(d.odd)}, comma) + d.newline
	for i := range rapid.IntRange(0, 5).Draw(rt, "rows") {
		nr, name, odd := strconv.Itoa(i), cellText().Draw(rt, "name"), cellText().Draw(rt, "odd")
		d.lines = append(d.lines, strings.Join([]string{nr, quote(name), quote(odd)}, comma)+d.newline)
		d.rows[nr] = []record.Value{nr, orNull(name), orNull(odd)}
	}
	return d
}

// drawWrites draws items, and makes the rows what they have to be afterwards.
func (d drawn) drawWrites(rt *rapid.T) (w connectors.Writes, touched map[string]bool) {
	w.Columns = []string{"Name", d.odd}
	touched = map[string]bool{}
	for range rapid.IntRange(0, 6).Draw(rt, "items") {
		nr := strconv.Itoa(rapid.IntRange(0, 9).Draw(rt, "nr"))
		if touched[nr] {
			continue
		}
		touched[nr] = true
		k, _ := record.NewKey(nr)
		item := connectors.Item{Op: connectors.OpCreate, Key: k, Set: []record.Value{orNull(cellText().Draw(rt, "new")), orNull(cellText().Draw(rt, "new"))}}
		if _, there := d.rows[nr]; there {
			item.Op = rapid.SampledFrom([]connectors.Op{connectors.OpUpdate, connectors.OpDelete}).Draw(rt, "op")
		}
		w.Items = append(w.Items, item)
		if d.rows[nr] = append([]record.Value{nr}, item.Set...); item.Op == connectors.OpDelete {
			delete(d.rows, nr)
		}
	}
	return w, touched
}

// Whatever is written into whatever file is read back; rows that were not
// written keep their bytes, and the file its style.
func TestWrittenRowsAreReadBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.csv")
	rapid.Check(t, func(rt *rapid.T) {
		d := drawFile(rt)
		require.NoError(rt, os.WriteFile(path, []byte(d.start+strings.Join(d.lines, "")), 0o600))
		w, touched := d.drawWrites(rt)
		o, err := csv.Connector{}.Open(context.Background(), config(path, "Nr"))
		require.NoError(rt, err)
		s := o.(system)
		results, err := s.Apply(context.Background(), w)
		require.NoError(rt, err)
		for i, r := range results {
			require.Equal(rt, connectors.Done, r.Status)
			if w.Items[i].Op != connectors.OpDelete {
				require.Equal(rt, w.Items[i].Set, r.Stored)
			}
		}
		window, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot})
		require.NoError(rt, err)
		got := map[string][]record.Value{}
		require.NoError(rt, s.Read(context.Background(), window.Partitions[0], func(b *record.Batch) error {
			for _, r := range rowsOf(b) {
				got[r.values[0].(string)] = r.values
			}
			return nil
		}))
		require.Equal(rt, d.rows, got)
		text := content(t, path)
		require.True(rt, strings.HasPrefix(text, d.start))
		require.True(rt, strings.HasSuffix(text, d.newline))
		for i, line := range d.lines {
			if !touched[strconv.Itoa(i)] {
				require.Contains(rt, text, line)
			}
		}
	})
}

func orNull(s string) record.Value {
	if s == "" {
		return nil
	}
	return s
}

// Whatever bytes a file has, reading it ends, with whole rows or an error.
func FuzzReading(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a;b\r\n\"1\";\"\"\"\"\r\n", "\xef\xbb\xbfa\n\n", "a\n\"", "\"a\"\"\nb\",c\n1,2", "a,a,\n,,\n"} {
		f.Add([]byte(seed))
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(folder, fmt.Sprintf("%x.csv", len(text)))
		require.NoError(t, os.WriteFile(path, text, 0o600))
		o, err := csv.Connector{}.Open(context.Background(), config(path))
		if err != nil {
			return
		}
		s := o.(system)
		w, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot})
		if err != nil {
			require.Contains(t, []connectors.Kind{connectors.Incomplete, connectors.Permanent}, connectors.KindOf(err), "%v", err)
			return
		}
		rows := int64(0)
		for _, p := range w.Partitions {
			require.NoError(t, s.Read(context.Background(), p, func(b *record.Batch) error {
				rows += int64(b.Rows())
				return nil
			}))
		}
		require.Equal(t, w.Rows, rows)
	})
}
