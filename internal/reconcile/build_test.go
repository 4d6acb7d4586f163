package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/syncline-dev/syncline/internal/record"
)

type scenarioBuilder struct {
	t     *testing.T
	s     *scenario
	rules *Rules
}

// The fields and systems of the scenarios, in the definition's order.
func scenarioFields() []string {
	return []string{"email", "name", "phone", "amount", "tags", "stage", "active"}
}
func scenarioSystems() []string { return []string{"left", "right", "third"} }

func (b *scenarioBuilder) build() (*Rules, *Bucket) {
	b.buildRules()
	bucket := &Bucket{Now: record.Timestamp(b.s.Now), First: b.flags(b.s.First), Complete: b.flags(b.s.Partial)}
	for i := range bucket.Complete {
		bucket.Complete[i] = !bucket.Complete[i]
	}
	if bucket.Now == 0 {
		bucket.Now = 1000
	}
	bucket.NewID = func(_ int, key record.Key, _ []string) string { return "new-" + string(key) }
	for i, l := range b.s.Base {
		bucket.Links = append(bucket.Links, b.link(i, l))
	}
	for _, m := range b.s.Loose {
		bucket.Loose = append(bucket.Loose, b.member(m, "", 0))
	}
	for _, c := range b.s.Open {
		bucket.Conflicts = append(bucket.Conflicts, b.conflict(c, ""))
	}
	for s, rows := range [][]map[string]any{b.s.Left, b.s.Right, b.s.Third} {
		for _, row := range rows {
			bucket.Observations = append(bucket.Observations, b.observation(s, row))
		}
	}
	for _, d := range b.s.Decide {
		bucket.Decisions = append(bucket.Decisions, b.decision(d, bucket))
	}
	return b.rules, bucket
}

func (b *scenarioBuilder) flags(names []string) []bool {
	flags := make([]bool, len(b.rules.Systems))
	for _, name := range names {
		flags[b.system(name)] = true
	}
	return flags
}

func (b *scenarioBuilder) system(name string) int {
	if name == "" || name == "base" {
		return None
	}
	i := slices.IndexFunc(b.rules.Systems, func(s SystemRule) bool { return s.Name == name })
	require.GreaterOrEqual(b.t, i, 0, "no system %q", name)
	return i
}

func (b *scenarioBuilder) field(name string) int {
	i := slices.IndexFunc(b.rules.Fields, func(f FieldRule) bool { return f.Name == name })
	require.GreaterOrEqual(b.t, i, 0, "no field %q", name)
	return i
}

func (b *scenarioBuilder) buildRules() {
	types := map[string]string{"amount": "int", "tags": "set<string>", "active": "bool"}
	b.rules = &Rules{DeleteVsUpdate: b.s.Rules.DeleteVsUpdate, WholeRecord: b.s.Rules.WholeRecord, Kinds: map[Kind]Chain{}}
	systems := scenarioSystems()[:2]
	if b.s.Third != nil || hasThird(b.s) {
		systems = scenarioSystems()
	}
	for _, name := range systems {
		b.rules.Systems = append(b.rules.Systems, SystemRule{
			Name: name, Reads: true, Receives: true, Create: true, Update: true, Delete: true, HasModified: true,
		})
	}
	for _, name := range scenarioFields() {
		given := b.s.Rules.Fields[name]
		kind := types[name]
		if given.Type != "" {
			kind = given.Type
		}
		if kind == "" {
			kind = "string"
		}
		typ, err := record.ParseType(kind)
		require.NoError(b.t, err)
		b.rules.Fields = append(b.rules.Fields, FieldRule{
			Name: name, Type: typ, Owner: b.system(given.Owner), Ignore: given.Ignore, WriteOnce: given.WriteOnce, WholeRecord: given.WholeRecord,
		})
	}
	for name, given := range b.s.Rules.Fields {
		f := &b.rules.Fields[b.field(name)]
		f.Chain = b.chain(given.Resolve)
		for _, rank := range given.Ranks {
			f.Ranks = append(f.Ranks, rank)
		}
	}
	for i := range b.rules.Systems {
		b.buildSystem(&b.rules.Systems[i], b.s.Rules.Systems[b.rules.Systems[i].Name])
	}
	b.rules.Default, b.rules.Prefer, b.rules.Then = b.chain(b.s.Rules.Default), b.chain(b.s.Rules.Prefer), b.chain(b.s.Rules.Then)
	for kind, chain := range b.s.Rules.Kinds {
		b.rules.Kinds[Kind(kind)] = b.chain(chain)
	}
	if b.s.Rules.Deadline != "" {
		d, err := time.ParseDuration(b.s.Rules.Deadline)
		require.NoError(b.t, err)
		b.rules.Deadline = d
	}
}

func hasThird(s *scenario) bool {
	if _, ruled := s.Rules.Systems["third"]; ruled {
		return true
	}
	return slices.ContainsFunc(s.Base, func(l scenarioLink) bool {
		return slices.ContainsFunc(l.Members, func(m scenarioMember) bool { return m.In == "third" })
	})
}

func (b *scenarioBuilder) buildSystem(s *SystemRule, given scenarioSystem) {
	flags := func(names []string) []bool {
		out := make([]bool, len(b.rules.Fields))
		for _, name := range names {
			out[b.field(name)] = true
		}
		return out
	}
	s.Reads, s.Receives = given.Role != "target", given.Role != "source"
	s.Create, s.Update, s.Delete = !slices.Contains(given.Refuses, "create"), !slices.Contains(given.Refuses, "update"), !slices.Contains(given.Refuses, "delete")
	s.Effect, s.OnlyHere, s.LeavingDeletes = given.Effect, given.OnlyHere, given.LeavingDeletes
	s.ReusesKeys, s.Unlisted = given.ReusesKeys, given.Unlisted
	lacks, reads, upper := flags(given.Lacks), flags(given.Reads), flags(given.Upper)
	for f := range b.rules.Fields {
		s.Has = append(s.Has, !lacks[f])
		s.Writes = append(s.Writes, !lacks[f] && !reads[f])
	}
	if given.When != nil {
		s.When = flags(given.When)
	}
	if given.Upper != nil {
		s.Predict = func(fields []record.Value) ([]record.Value, error) {
			out := slices.Clone(fields)
			for f, v := range out {
				if text, is := v.(string); is && upper[f] {
					out[f] = strings.ToUpper(text)
				}
			}
			return out, nil
		}
	}
	if name, value, ok := strings.Cut(given.Accept, "="); ok {
		f := b.field(name)
		s.Accept = func(fields []record.Value) (bool, error) { return record.Text(fields[f]) == value, nil }
	}
}

func (b *scenarioBuilder) chain(names []string) Chain {
	var chain Chain
	for _, text := range names {
		name, args, _ := strings.Cut(text, " ")
		p := Policy{Name: name, Text: text}
		if name == "expression" {
			p.Eval = joined
			if args == "fails" {
				p.Eval = failing
			}
		} else {
			for arg := range strings.FieldsSeq(args) {
				p.Systems = append(p.Systems, b.system(arg))
			}
		}
		chain = append(chain, p)
	}
	return chain
}

func failing(record.Value, map[int]record.Value) (record.Value, error) {
	return nil, errors.New("division by zero")
}

// joined is the expression of the scenarios: all values with a plus between.
func joined(_ record.Value, values map[int]record.Value) (record.Value, error) {
	var texts []string
	for s := range 3 {
		if v, said := values[s]; said {
			texts = append(texts, record.Text(v))
		}
	}
	return strings.Join(texts, "+"), nil
}

func (b *scenarioBuilder) value(f int, raw any) record.Value {
	switch x := raw.(type) {
	case nil:
		return nil
	case []any:
		list := make(record.List, len(x))
		copy(list, x)
		v, err := record.Convert(b.rules.Fields[f].Type, list)
		require.NoError(b.t, err)
		return v
	default:
		v, err := record.Convert(b.rules.Fields[f].Type, fmt.Sprint(x))
		require.NoError(b.t, err)
		return v
	}
}

func (b *scenarioBuilder) values(raw map[string]any) []record.Value {
	values := missings(len(b.rules.Fields))
	for f, rule := range b.rules.Fields {
		if v, said := raw[rule.Name]; said {
			values[f] = b.value(f, v)
		}
	}
	return values
}

func (b *scenarioBuilder) link(n int, given scenarioLink) *Link {
	l := &Link{ID: given.ID, Rev: max(given.Rev, 1), Base: b.values(given.Fields), Match: given.Match, Tombstone: given.Tombstone}
	if l.ID == "" {
		l.ID = fmt.Sprintf("L%d", n+1)
	}
	if l.Match == nil {
		text, _ := given.Fields["email"].(string)
		l.Match = []string{text}
	}
	for _, f := range b.rules.Fields {
		origin := Origin{System: 0, Rev: 1, Rule: "first_sync"}
		if from, said := given.From[f.Name]; said {
			origin = Origin{System: b.system(from.System), Rev: max(from.Rev, 1), At: record.Timestamp(from.At), Rule: "edit"}
		}
		l.Origins = append(l.Origins, origin)
	}
	l.Members = make([]*Member, len(b.rules.Systems))
	for _, m := range given.Members {
		member := b.member(m, l.ID, l.Rev)
		if m.Match == nil {
			member.Match = l.Match
		}
		l.Members[member.System] = member
	}
	for _, c := range given.Open {
		l.Conflicts = append(l.Conflicts, b.conflict(c, l.ID))
	}
	return l
}

func (b *scenarioBuilder) member(given scenarioMember, link string, rev int64) *Member {
	m := &Member{
		System: b.system(given.In), Key: record.Key(given.Key), LinkID: link, State: State(given.State), Why: given.Why,
		Acked: rev, Order: given.Order, Token: given.Token, Match: given.Match, SinceWrite: !given.Unseen, Flips: given.Flips,
	}
	if m.State == "" {
		m.State = Live
	}
	if given.Acked != nil {
		m.Acked = *given.Acked
	}
	if given.Raw != "" {
		m.RawHash = record.HashText(given.Raw)
	}
	if given.Map != "" {
		m.MapHash = record.HashText(given.Map)
	}
	for name, v := range given.Holds {
		if m.Seen == nil {
			m.Seen = map[int]record.Value{}
		}
		if f := b.field(name); v == "(missing)" {
			m.Seen[f] = record.Missing
		} else {
			m.Seen[f] = b.value(f, v)
		}
	}
	if len(given.FlipsOf) == 3 {
		f := b.field(given.FlipsOf[0])
		pair := sorted(b.value(f, given.FlipsOf[1]), b.value(f, given.FlipsOf[2]))
		m.FlipHash = record.HashRow(append([]record.Value{given.FlipsOf[0]}, pair...)...)
	}
	return m
}

func (b *scenarioBuilder) conflict(given scenarioConflict, link string) *Conflict {
	c := &Conflict{
		ID: given.ID, LinkID: link, System: b.system(given.In), Key: record.Key(given.Key), Kind: Kind(given.Kind), Field: None,
		Opened: record.Timestamp(given.Opened), Deadline: record.Timestamp(given.Deadline), SkipUntil: record.Timestamp(given.Skip),
	}
	if given.Field != "" {
		c.Field = b.field(given.Field)
		c.Base = b.value(c.Field, given.Base)
		if given.Base == nil {
			c.Base = record.Missing
		}
	}
	for _, side := range given.Sides {
		candidate := Candidate{
			System: b.system(side.In), Key: record.Key(side.Key), Base: side.Base, Deleted: side.Deleted, Link: side.Link, At: record.Timestamp(side.At),
		}
		switch {
		case given.Field != "":
			candidate.Value = b.value(c.Field, side.Value)
		case side.Text != "":
			candidate.Value = side.Text
		case side.Match != nil:
			candidate.Value = matchText(side.Match)
		case side.Value != nil:
			candidate.Value = record.JSON(fmt.Sprint(side.Value))
		}
		c.Candidates = append(c.Candidates, candidate)
	}
	c.Digest = Digest(b.rules, c)
	return c
}

func (b *scenarioBuilder) observation(s int, row map[string]any) Observation {
	text := func(name string) string {
		if v, said := row[name]; said && v != nil {
			return fmt.Sprint(v)
		}
		return ""
	}
	o := Observation{
		System: s, Key: record.Key(text("key")), InScope: text("left") != "true", Gone: text("gone") == "true",
		Deleted: text("deleted") == "true", Bad: text("bad"), Order: text("order"), Token: text("token"),
	}
	if at, said := row["at"]; said {
		n, err := record.Parse(record.Type{Kind: record.KindInt}, fmt.Sprint(at))
		require.NoError(b.t, err)
		o.Modified = record.Timestamp(n.(int64))
	}
	if text("raw") != "" {
		o.RawHash = record.HashText(text("raw"))
	}
	if text("map") != "" {
		o.MapHash = record.HashText(text("map"))
	}
	o.Values = b.values(row)
	o.Match = []string{text("email")}
	if match, said := row["match"].([]any); said {
		o.Match = nil
		for _, m := range match {
			if m == nil {
				m = ""
			}
			o.Match = append(o.Match, fmt.Sprint(m))
		}
	}
	if o.Gone {
		o.Values, o.Match = nil, nil
	}
	return o
}

func (b *scenarioBuilder) decision(given scenarioDecision, bucket *Bucket) Decision {
	d := Decision{
		ID: given.ID, ConflictID: given.Conflict, Digest: given.Digest, Verb: given.Verb, System: b.system(given.System),
		Value: record.Missing, Link: given.Link, Until: record.Timestamp(given.Until),
	}
	all := slices.Clone(bucket.Conflicts)
	for _, l := range bucket.Links {
		all = append(all, l.Conflicts...)
	}
	for _, c := range all {
		if c.ID != given.Conflict {
			continue
		}
		if d.Digest == "" {
			d.Digest = c.Digest
		}
		if given.Value != nil {
			d.Value = given.Value
			if c.Field != None {
				d.Value = b.value(c.Field, given.Value)
			}
		}
	}
	if d.Verb == "link" && given.Value == nil {
		d.Value = nil
	}
	return d
}
