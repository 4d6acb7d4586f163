package reconcile

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what came out as what is wanted; review it like prose")

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
	Text    string   `yaml:"text"` // how it was deleted: nothing for a row that is gone
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
	text, err := os.ReadFile(file) //nolint:gosec // a file of testdata
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
		require.NoError(t, os.WriteFile(file, []byte(head+"\nwant: |\n"+indented+"\n"), 0o600)) //nolint:gosec // a file of testdata
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

// Every kind of conflict is what some scenario comes to. References come with
// `ref`, which is not built yet.
func TestEveryKindHasAScenario(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, s := range scenarios(t) {
		all.WriteString(s.Want)
	}
	for _, kind := range []Kind{
		UpdateOriginDiffers, InsertExists, UpdateMissing, UpdateRecentlyDeleted,
		DeleteRecentlyUpdated, MultipleUniqueConflicts, IdentityAmbiguous, OwnershipViolation,
	} {
		require.Contains(t, all.String(), "conflict "+string(kind))
	}
}

// Every policy, and every setting of deletes and first syncs, is given by its
// name in some scenario.
func TestEveryPolicyHasAScenario(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	chain := func(of string, names []string) {
		for _, name := range names {
			said[of+strings.Fields(name)[0]] = true
		}
	}
	for _, s := range scenarios(t) {
		chain("", s.Rules.Default)
		chain("prefer ", s.Rules.Prefer)
		chain("then ", s.Rules.Then)
		for _, names := range s.Rules.Kinds {
			chain("", names)
		}
		for _, f := range s.Rules.Fields {
			chain("", f.Resolve)
		}
		for _, system := range s.Rules.Systems {
			said["effect "+system.Effect], said["only_here "+system.OnlyHere] = true, true
		}
		said["delete_vs_update "+s.Rules.DeleteVsUpdate] = true
	}
	for _, policy := range Policies() {
		require.True(t, said[policy], "no scenario resolves by %s", policy)
	}
	for _, word := range []string{
		"delete_vs_update update_wins", "delete_vs_update delete_wins", "delete_vs_update newest_wins", "delete_vs_update manual",
		"effect hard", "effect soft", "effect unlink", "effect ignore",
		"only_here create", "only_here ignore", "only_here review",
		"prefer system_wins", "then system_wins", "then newest_wins", "then manual",
	} {
		require.True(t, said[word], "no scenario has %s", word)
	}
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	all := make([]scenario, len(files))
	for i, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, yaml.UnmarshalWithOptions(text, &all[i], yaml.Strict()), file)
	}
	return all
}
