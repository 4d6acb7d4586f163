package reconcile

import (
	"fmt"
	"testing"

	"github.com/syncline-dev/syncline/internal/record"
)

// A bucket of the size of one bucket of a million records.
const benchLinks = 10_000

func benchRules() *Rules {
	rules := &Rules{Default: Chain{{Name: "newest_wins"}}}
	const fields = 10
	for f := range fields {
		rules.Fields = append(rules.Fields, FieldRule{Name: fmt.Sprint("f", f), Type: record.Type{Kind: record.KindString}, Owner: None})
	}
	for _, name := range []string{"left", "right"} {
		rules.Systems = append(rules.Systems, SystemRule{
			Name: name, Reads: true, Receives: true, Create: true, Update: true, Delete: true, Has: trues(fields), Writes: trues(fields),
		})
	}
	return rules
}

func benchBucket(b *testing.B, rules *Rules, known bool) *Bucket {
	b.Helper()
	bucket := &Bucket{
		Now: 1, First: []bool{!known, !known}, Complete: []bool{true, true},
		NewID: func(_ int, key record.Key, _ []string) string { return string(key) },
	}
	for i := range benchLinks {
		values := make([]record.Value, len(rules.Fields))
		for f := range values {
			values[f] = fmt.Sprint("value ", f, " of ", i)
		}
		raw := record.HashRow(values...)
		match := []string{fmt.Sprint("match", i)}
		link := &Link{
			ID: fmt.Sprint("L", i), Rev: 1, Base: values, Origins: make([]Origin, len(values)), Match: match, Members: make([]*Member, 2),
		}
		for s := range 2 {
			key := record.Key(fmt.Sprint("k", s, "-", i))
			link.Members[s] = &Member{
				System: s, Key: key, LinkID: link.ID, State: Live, Acked: 1, RawHash: raw, Match: match, SinceWrite: true,
			}
			bucket.Observations = append(bucket.Observations, Observation{
				System: s, Key: key, Match: match, Values: values, InScope: true, RawHash: raw,
			})
		}
		if known {
			bucket.Links = append(bucket.Links, link)
		}
	}
	return bucket
}

func benchmark(b *testing.B, known bool, change func(*Bucket)) {
	b.Helper()
	rules := benchRules()
	bucket := benchBucket(b, rules, known)
	if change != nil {
		change(bucket)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := Resolve(rules, bucket); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchLinks)*float64(b.N)/b.Elapsed().Seconds(), "links/s")
}

// BenchmarkUnchanged: every row is as it was.
func BenchmarkUnchanged(b *testing.B) { benchmark(b, true, nil) }

// BenchmarkAdopted: a first sync of systems that agree.
func BenchmarkAdopted(b *testing.B) { benchmark(b, false, nil) }

// BenchmarkEdited: every record was edited on one side.
func BenchmarkEdited(b *testing.B) {
	benchmark(b, true, func(bucket *Bucket) {
		for i := 0; i < len(bucket.Observations); i += 2 {
			o := &bucket.Observations[i]
			o.Values = append([]record.Value{"edited"}, o.Values[1:]...)
			o.RawHash = record.HashRow(o.Values...)
		}
	})
}
