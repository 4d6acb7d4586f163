package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// crowd is n people whose keys in the two systems have nothing to do with
// their matches, sorted by home slot as buckets of a first sync are.
type crowd struct {
	scope ledger.Scope
	links []*reconcile.Link
}

const benchFields = 10

func newCrowd(n int) *crowd {
	c := &crowd{scope: ledger.Scope{Sync: "bench", Systems: []string{"left", "right"}}}
	for i := range benchFields {
		c.scope.Fields = append(c.scope.Fields, record.Field{Name: "f" + strconv.Itoa(i)})
	}
	random := rand.New(rand.NewPCG(1, 2))
	keys := [][]int{random.Perm(n), random.Perm(n)}
	bySlot := make([][]*reconcile.Link, 1<<16)
	for i := range n {
		text := match(fmt.Sprintf("person%07d@example.org", i))
		slot := ledger.HomeSlot([]string{text}, "")
		l := &reconcile.Link{
			ID: fmt.Sprintf("%04x", slot) + record.HashText("bench", text).String()[4:], Rev: 1, Match: []string{text},
		}
		for f := range benchFields {
			l.Base = append(l.Base, fmt.Sprintf("value %d of %d", f, i))
			l.Origins = append(l.Origins, reconcile.Origin{System: f % 2, Rev: 1, At: 1700000000000000, Rule: "agreed"})
		}
		for s := range 2 {
			l.Members = append(l.Members, &reconcile.Member{
				System: s, Key: key(strconv.Itoa(keys[s][i])), LinkID: l.ID, State: reconcile.Live, Acked: 1, Order: "123456789",
				RawHash: rawHash(s, keys[s][i]), MapHash: record.HashText("map"), Match: []string{text}, SinceWrite: true,
			})
		}
		bySlot[slot] = append(bySlot[slot], l)
	}
	for _, links := range bySlot {
		c.links = append(c.links, links...)
	}
	return c
}

func rawHash(system, k int) record.Hash { return record.HashRow(int64(system), int64(k)) }

// fill commits a crowd in buckets.
func (c *crowd) fill(b *testing.B, s *ledger.Store, f ledger.Fence, bucket int) {
	b.Helper()
	const slice = 8_000
	for start := 0; start < len(c.links); start += bucket {
		group := c.links[start:min(start+bucket, len(c.links))]
		_, _, err := s.CommitParts(b.Context(), f, c.scope, ledger.Parts{
			Step: "fill", Part: strconv.Itoa(start),
			Next: func(n int) (*ledger.Change, error) {
				if n*slice >= len(group) {
					return nil, nil
				}
				return &ledger.Change{Links: group[n*slice : min((n+1)*slice, len(group))]}, nil
			},
			Result: func() ([]byte, error) { return nil, nil },
		})
		require.NoError(b, err)
	}
}

func benchLedger(b *testing.B) *ledger.Store {
	b.Helper()
	return open(b, "sqlite://"+filepath.Join(b.TempDir(), "ledger.db"))
}

func BenchmarkCommitNewLinks(b *testing.B) {
	for _, size := range []int{100_000, 1_000_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			if testing.Short() && size > 100_000 {
				b.Skip("takes long")
			}
			c := newCrowd(size)
			for b.Loop() {
				s := benchLedger(b)
				c.fill(b, s, begin(b, s, c.scope, "run"), 64_000)
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "links/s")
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	const size, batch = 200_000, 16_384
	c := newCrowd(size)
	s := benchLedger(b)
	c.fill(b, s, begin(b, s, c.scope, "run"), 64_000)
	for _, same := range []bool{true, false} {
		b.Run(fmt.Sprintf("same=%v", same), func(b *testing.B) {
			rows := make([]ledger.Seen, batch)
			at := 0
			for b.Loop() {
				at = (at + batch) % (size - batch)
				for i := range rows {
					rows[i] = ledger.Seen{Key: key(strconv.Itoa(at + i)), MapHash: record.HashText("map")}
					if same {
						rows[i].RawHash = rawHash(0, at+i)
					}
				}
				briefs, err := s.Compare(b.Context(), c.scope, 0, rows)
				require.NoError(b, err)
				require.Equal(b, same, briefs[batch-1].Same)
				require.True(b, briefs[0].Known)
			}
			b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}

func BenchmarkLoadSlots(b *testing.B) {
	const size = 200_000
	c := newCrowd(size)
	s := benchLedger(b)
	f := begin(b, s, c.scope, "run")
	c.fill(b, s, f, 64_000)
	b.Run("load", func(b *testing.B) {
		loaded := 0
		for b.Loop() {
			links, _, err := s.Load(b.Context(), c.scope, ledger.Select{Slots: &[2]uint16{0, 8191}})
			require.NoError(b, err)
			loaded += len(links)
		}
		b.ReportMetric(float64(loaded)/b.Elapsed().Seconds(), "links/s")
	})
	b.Run("keys", func(b *testing.B) {
		loaded := 0
		keys := make([]record.Key, 10_000)
		for i := range keys {
			keys[i] = key(strconv.Itoa(i * 19))
		}
		for b.Loop() {
			links, _, err := s.Load(b.Context(), c.scope, ledger.Select{Keys: map[int][]record.Key{0: keys}})
			require.NoError(b, err)
			loaded += len(links)
		}
		b.ReportMetric(float64(loaded)/b.Elapsed().Seconds(), "links/s")
	})
	b.Run("members", func(b *testing.B) {
		listed := 0
		for b.Loop() {
			err := s.EachMember(b.Context(), c.scope, 1, [2]uint16{0, 1<<16 - 1}, func(ledger.MemberKey) error { listed++; return nil })
			require.NoError(b, err)
		}
		b.ReportMetric(float64(listed)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("update", func(b *testing.B) {
		links, _, err := s.Load(b.Context(), c.scope, ledger.Select{Slots: &[2]uint16{0, 8191}})
		require.NoError(b, err)
		n := 0
		for b.Loop() {
			n++
			for _, l := range links {
				l.Rev++
				l.Members[0].RawHash = rawHash(n, int(l.Rev))
			}
			_, _, err := s.Commit(b.Context(), f, c.scope, ledger.Change{Step: "update", Part: strconv.Itoa(n), Links: links})
			require.NoError(b, err)
		}
		b.ReportMetric(float64(len(links)*n)/b.Elapsed().Seconds(), "links/s")
	})
}

// BenchmarkEdits is what a run of few edits in a large ledger asks of it: each
// edited link is decided and owed to the other system, and then acknowledged.
func BenchmarkEdits(b *testing.B) {
	const size, every, group, slice, payments = 1_000_000, 10, 64_000, 8_000, 10_000
	if testing.Short() {
		b.Skip("takes long")
	}
	c := newCrowd(size)
	s := benchLedger(b)
	f := begin(b, s, c.scope, "run")
	c.fill(b, s, f, 64_000)
	n := 0
	for b.Loop() {
		n++
		edited := make([]*reconcile.Link, 0, size/every)
		for i := n % every; i < size; i += every {
			edited = append(edited, c.links[i])
		}
		for start := 0; start < len(edited); start += group {
			links := edited[start:min(start+group, len(edited))]
			_, _, err := s.CommitParts(b.Context(), f, c.scope, ledger.Parts{
				Step: "decide", Part: fmt.Sprint(n, start),
				Next: func(p int) (*ledger.Change, error) {
					if p*slice >= len(links) {
						return nil, nil
					}
					return decided(b, s, c.scope, links[p*slice:min((p+1)*slice, len(links))], n), nil
				},
				Result: func() ([]byte, error) { return nil, nil },
			})
			require.NoError(b, err)
		}
		for start := 0; start < len(edited); start += payments {
			links := edited[start:min(start+payments, len(edited))]
			for _, l := range links {
				l.Members[1].Acked, l.Members[1].RawHash = l.Rev, rawHash(-n, int(l.Rev))
			}
			_, _, err := s.Commit(b.Context(), f, c.scope, ledger.Change{Step: "load", Part: fmt.Sprint(n, start), Links: links})
			require.NoError(b, err)
		}
	}
	b.ReportMetric(float64(size/every*n)/b.Elapsed().Seconds(), "edits/s")
}

func decided(b *testing.B, s *ledger.Store, scope ledger.Scope, links []*reconcile.Link, n int) *ledger.Change {
	b.Helper()
	keys := make([]record.Key, len(links))
	change := &ledger.Change{Links: links, Owed: map[string][]reconcile.Payment{}}
	for i, l := range links {
		keys[i] = l.Members[0].Key
	}
	found, _, err := s.Load(b.Context(), scope, ledger.Select{Keys: map[int][]record.Key{0: keys}})
	require.NoError(b, err)
	require.Len(b, found, len(links))
	for _, l := range links {
		l.Rev++
		l.Base[3], l.Members[0].RawHash, l.Members[0].Acked = fmt.Sprintf("value %d", l.Rev), rawHash(n, int(l.Rev)), l.Rev
		change.Owed[l.ID] = []reconcile.Payment{{System: 1, LinkID: l.ID, Op: reconcile.OpUpdate, Rev: l.Rev}}
	}
	return change
}
