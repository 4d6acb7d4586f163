package reconcile

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

var update = flag.Bool("update", false, "write what came out as what is wanted; review it like prose") //nolint:gochecknoglobals // a test flag

// scenario is one case of testdata: what the ledger knows, what each system
// shows, and what is to come of it.
type scenario struct {
	About   string             `yaml:"about"`
	Rules   scenarioRules      `yaml:"rules"`
	Now     int64              `yaml:"now"`
	First   []string           `yaml:"first"`
	Partial []string           `yaml:"partial"`
	Base    []scenarioLink     `yaml:"base"`
	Loose   []scenarioMember   `yaml:"loose"`
	Open    []scenarioConflict `yaml:"open"`
	Left    []map[string]any   `yaml:"left"`
	Right   []map[string]any   `yaml:"right"`
	Third   []map[string]any   `yaml:"third"`
	Decide  []scenarioDecision `yaml:"decide"`
	Want    string             `yaml:"want"`
}

type scenarioRules struct {
	Fields         map[string]scenarioField  `yaml:"fields"`
	Systems        map[string]scenarioSystem `yaml:"systems"`
	Default        []string                  `yaml:"default"`
	Kinds          map[string][]string       `yaml:"kinds"`
	DeleteVsUpdate string                    `yaml:"delete_vs_update"`
	Prefer         []string                  `yaml:"prefer"`
	Deadline       string                    `yaml:"deadline"`
	Then           []string                  `yaml:"then"`
	WholeRecord    bool                      `yaml:"whole_record"`
}

type scenarioField struct {
	Type        string   `yaml:"type"`
	Owner       string   `yaml:"owner"`
	Ignore      bool     `yaml:"ignore"`
	WriteOnce   bool     `yaml:"write_once"`
	WholeRecord bool     `yaml:"whole_record"`
	Resolve     []string `yaml:"resolve"`
	Ranks       []string `yaml:"ranks"`
}

type scenarioSystem struct {
	Role           string   `yaml:"role"`
	Refuses        []string `yaml:"refuses"`
	Effect         string   `yaml:"effect"`
	OnlyHere       string   `yaml:"only_here"`
	LeavingDeletes bool     `yaml:"leaving_deletes"`
	ReusesKeys     bool     `yaml:"reuses_keys"`
	Unlisted       bool     `yaml:"unlisted"`
	Lacks          []string `yaml:"lacks"`
	Reads          []string `yaml:"reads"` // fields that cannot be written there
	When           []string `yaml:"when"`
	Upper          []string `yaml:"upper"`  // fields that the system keeps in capitals
	Accept         string   `yaml:"accept"` // field=value
}

type scenarioLink struct {
	ID        string                    `yaml:"id"`
	Rev       int64                     `yaml:"rev"`
	Match     []string                  `yaml:"match"`
	Fields    map[string]any            `yaml:"fields"`
	From      map[string]scenarioOrigin `yaml:"from"`
	Tombstone bool                      `yaml:"tombstone"`
	Members   []scenarioMember          `yaml:"members"`
	Open      []scenarioConflict        `yaml:"open"`
}

type scenarioOrigin struct {
	System string `yaml:"system"`
	Rev    int64  `yaml:"rev"`
	At     int64  `yaml:"at"`
}

type scenarioMember struct {
	In      string         `yaml:"in"`
	Key     string         `yaml:"key"`
	State   string         `yaml:"state"`
	Why     string         `yaml:"why"`
	Acked   *int64         `yaml:"acked"`
	Order   string         `yaml:"order"`
	Token   string         `yaml:"token"`
	Raw     string         `yaml:"raw"`
	Map     string         `yaml:"map"`
	Match   []string       `yaml:"match"`
	Holds   map[string]any `yaml:"holds"`
	Unseen  bool           `yaml:"unseen"` // not seen since our last write
	Flips   int            `yaml:"flips"`
	FlipsOf []string       `yaml:"flips_of"` // field, value, value
}

type scenarioConflict struct {
	ID       int64               `yaml:"id"`
	Kind     string              `yaml:"kind"`
	Field    string              `yaml:"field"`
	In       string              `yaml:"in"`
	Key      string              `yaml:"key"`
	Base     any                 `yaml:"base"`
	Sides    []scenarioCandidate `yaml:"sides"`
	Opened   int64               `yaml:"opened"`
	Deadline int64               `yaml:"deadline"`
	Skip     int64               `yaml:"skip"`
}

type scenarioCandidate struct {
	In      string   `yaml:"in"`
	Key     string   `yaml:"key"`
	Value   any      `yaml:"value"`
	Base    bool     `yaml:"base"`
	Deleted bool     `yaml:"deleted"`
	Link    string   `yaml:"link"`
	Match   []string `yaml:"match"`
	At      int64    `yaml:"at"`
}

type scenarioDecision struct {
	ID       int64  `yaml:"id"`
	Conflict int64  `yaml:"conflict"`
	Digest   string `yaml:"digest"` // default: that of the conflict as it was shown
	Verb     string `yaml:"verb"`
	System   string `yaml:"system"`
	Value    any    `yaml:"value"`
	Link     string `yaml:"link"`
	Until    int64  `yaml:"until"`
}

// TestScenarios holds what a definition means to people: each file is a case
// of base, left and right, and what is wanted of it.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 40, "scenarios are missing")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			runScenario(t, file)
		})
	}
}

func runScenario(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var s scenario
	require.NoError(t, yaml.UnmarshalWithOptions(text, &s, yaml.Strict()), file)
	b := &scenarioBuilder{t: t, s: &s}
	rules, bucket := b.build()
	before := show(rules, &Outcome{Links: bucket.Links, Loose: bucket.Loose})
	out, err := Resolve(rules, bucket)
	require.NoError(t, err)
	require.Equal(t, before, show(rules, &Outcome{Links: bucket.Links, Loose: bucket.Loose}), "the inputs were changed")
	for _, tally := range append(out.PerSystem, out.Tally) {
		require.True(t, tally.Balanced(), "%+v", tally)
	}
	requireStable(t, rules, bucket, out)
	got := show(rules, out)
	if *update {
		head, _, _ := strings.Cut(string(text), "\nwant:")
		indented := "  " + strings.ReplaceAll(strings.TrimSuffix(got, "\n"), "\n", "\n  ")
		require.NoError(t, os.WriteFile(file, []byte(head+"\nwant: |\n"+indented+"\n"), 0o600))
		return
	}
	require.Equal(t, s.Want, got, "%s: %s", filepath.Base(file), s.About)
}

// requireStable holds two laws on every scenario: the order of the inputs does
// not matter, and resolving again what came out changes nothing.
func requireStable(t *testing.T, rules *Rules, bucket *Bucket, out *Outcome) {
	t.Helper()
	other := *bucket
	other.Links, other.Loose = slices.Clone(bucket.Links), slices.Clone(bucket.Loose)
	other.Observations = slices.Clone(bucket.Observations)
	slices.Reverse(other.Links)
	slices.Reverse(other.Loose)
	slices.Reverse(other.Observations)
	reversed, err := Resolve(rules, &other)
	require.NoError(t, err)
	require.Equal(t, show(rules, out), show(rules, reversed), "another order of arrival gives another outcome")

	again := after(bucket, out)
	second, err := Resolve(rules, again)
	require.NoError(t, err)
	require.Empty(t, second.Links, "resolving again changes links:\n%s", show(rules, second))
	require.Empty(t, second.Loose, "resolving again changes loose members:\n%s", show(rules, second))
	require.Empty(t, second.Opened, "resolving again opens conflicts:\n%s", show(rules, second))
	require.Empty(t, second.Closed)
}

// after is the bucket as the ledger would give it after the outcome was
// committed and nothing moved since: the same observations, no decisions.
func after(bucket *Bucket, out *Outcome) *Bucket {
	next := *bucket
	next.Decisions = nil
	next.Links, next.Loose, next.Conflicts = commit(bucket.Links, bucket.Loose, bucket.Conflicts, out, 1000)
	return &next
}

// commit does to a set of links and members what a ledger does.
func commit(links []*Link, loose []*Member, conflicts []*Conflict, out *Outcome, ids int64) ([]*Link, []*Member, []*Conflict) {
	byID := map[string]*Link{}
	var order []string
	put := func(l *Link) {
		if byID[l.ID] == nil {
			order = append(order, l.ID)
		}
		byID[l.ID] = l
	}
	for _, l := range links {
		put(l)
	}
	for _, l := range out.Links {
		put(l.Clone())
	}
	var keptLinks []*Link
	linked := map[ref]bool{}
	numbered := map[string]int64{}
	number := func(c *Conflict) {
		at := fmt.Sprint(c.LinkID, c.System, c.Key, c.Kind, c.Field)
		if c.ID == 0 {
			if numbered[at] == 0 {
				ids++
				numbered[at] = ids
			}
			c.ID = numbered[at]
		}
	}
	slices.Sort(order)
	for _, id := range order {
		l := byID[id]
		keptLinks = append(keptLinks, l)
		for s, m := range l.Members {
			if m != nil {
				linked[ref{s, m.Key}] = true
			}
		}
		for _, c := range l.Conflicts {
			number(c)
		}
	}
	members := map[ref]*Member{}
	for _, m := range append(slices.Clone(loose), out.Loose...) {
		members[ref{m.System, m.Key}] = m
	}
	var keptLoose []*Member
	for at, m := range members {
		if !linked[at] && m.State != Detached {
			keptLoose = append(keptLoose, m)
		}
	}
	slices.SortFunc(keptLoose, func(a, b *Member) int {
		return strings.Compare(fmt.Sprint(a.System, a.Key), fmt.Sprint(b.System, b.Key))
	})
	var keptConflicts []*Conflict
	gone := map[int64]bool{}
	for _, id := range out.Closed {
		gone[id] = true
	}
	for _, c := range out.Opened {
		if c.ID != 0 {
			gone[c.ID] = true
		}
	}
	for _, c := range conflicts {
		if !gone[c.ID] {
			keptConflicts = append(keptConflicts, c)
		}
	}
	for _, c := range out.Opened {
		if c.LinkID == "" {
			c = c.Clone()
			number(c)
			keptConflicts = append(keptConflicts, c)
		}
	}
	return keptLinks, keptLoose, keptConflicts
}

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
	bucket.NewID = func(system int, key record.Key) string { return "new-" + string(key) }
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
		} else {
			for _, arg := range strings.Fields(args) {
				p.Systems = append(p.Systems, b.system(arg))
			}
		}
		chain = append(chain, p)
	}
	return chain
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
