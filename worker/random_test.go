package worker_test

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

const randomDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people}
  billing: {connector: postgres, url: "${BILLING_URL}", object: people BILLING}
  news:    {connector: csv, path: ./news.csv, key: KEY}
match: email
same: [email, city]
fields:
  name: {crm: name, billing: name, news: name, resolve: NAME}
conflicts: {delete_vs_update: DELETE}
deletes: {effect: hard}
limits: {delete: {count: 1000, percent: 99}, blank: {percent: 99}}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

// mob is three systems that people edit as they like.
type mob struct {
	*site
	random       *rand.Rand
	crm, billing any
	log          []string
	systems      []string
	// apart: somebody told records apart that have one match, or two records
	// want a value that only one may have. Then the systems may differ.
	apart      bool
	typed      int
	newsNumber int
	emails     int
}

func newMob(t *testing.T, seed uint64) *mob {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	m := &mob{random: random}
	definition := strings.NewReplacer(
		"BILLING}", pick("", ", modified: touched", ", modified: touched, changes: cursor")+"}", "KEY", "email",
		"NAME", pick("manual", "{priority: [billing, crm, news]}", "{priority: [news, billing, crm]}"),
		"DELETE", pick("update_wins", "delete_wins", "manual")).Replace(randomDefinition)
	m.systems = []string{"crm", "billing", "news"}
	if random.IntN(2) == 0 { // a match that is a key cannot change
		m.systems = m.systems[:2]
		definition = strings.NewReplacer("  news:    {connector: csv, path: ./news.csv, key: email}\n", "", ", news: name", "", ", news]", "]", "[news, ", "[").Replace(definition)
	}
	m.log = append(m.log, definition)
	m.site = newPassSite(t, definition)
	unique := pick("", " UNIQUE")
	m.crm = m.sqlite("crm.db", `CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT`+unique+`, name TEXT, city TEXT)`)
	m.billing = m.postgres("BILLING_URL", `CREATE TABLE people (id serial PRIMARY KEY, email text`+unique+`, name text, city text, touched timestamptz NOT NULL DEFAULT clock_timestamp())`,
		`CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched = clock_timestamp(); RETURN NEW; END $$`,
		`CREATE TRIGGER touch BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch()`)
	m.writeNews([][]string{{"nr", "email", "name", "city"}})
	for range 4 { // who is never touched, so that nobody is the last
		change(t, m.crm, fmt.Sprintf(`INSERT INTO people (email) VALUES ('stays%d@x.org')`, m.random.Int()))
	}
	return m
}

func (m *mob) readNews() [][]string {
	m.t.Helper()
	all, err := csv.NewReader(strings.NewReader(m.text(m.t, "news.csv"))).ReadAll()
	require.NoError(m.t, err)
	return all
}

func (m *mob) writeNews(rows [][]string) {
	m.t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	require.NoError(m.t, w.WriteAll(rows))
	require.NoError(m.t, os.WriteFile(m.file("news.csv"), []byte(b.String()), 0o600))
}

// value is one that nobody typed before, or none.
func (m *mob) value() string {
	if m.random.IntN(10) == 0 {
		return ""
	}
	m.typed++
	return fmt.Sprintf("value %d", m.typed)
}

func (m *mob) emailsOf(system string) []string {
	var emails []string
	switch system {
	case "crm":
		emails = rows(m.t, m.crm, `SELECT email FROM people`)
	case "billing":
		emails = rows(m.t, m.billing, `SELECT email FROM people`)
	default:
		for _, r := range m.readNews()[1:] {
			emails = append(emails, r[1])
		}
		slices.Sort(emails)
	}
	return slices.DeleteFunc(emails, func(e string) bool { return e == "∅" || strings.HasPrefix(e, "stays") })
}

func sqlText(v string) string {
	if v == "" {
		return "NULL"
	}
	return "'" + v + "'"
}

// edit does one thing in one system.
func (m *mob) edit() {
	system := m.systems[m.random.IntN(len(m.systems))]
	emails := m.emailsOf(system)
	do := m.random.IntN(12)
	if len(emails) == 0 || do == 0 || do == 1 {
		m.insert(system)
		return
	}
	who := emails[m.random.IntN(len(emails))]
	field := []string{"name", "city"}[m.random.IntN(2)]
	switch do {
	case 2:
		m.set(system, who, "", "")
	case 3:
		if len(m.systems) == 3 {
			return
		}
		m.emails++
		m.set(system, who, "email", fmt.Sprintf("moved%d@x.org", m.emails))
	case 4:
		if len(m.systems) == 3 {
			return
		}
		other := emails[m.random.IntN(len(emails))]
		if other != who {
			m.set(system, who, "email", "swapping@x.org")
			m.set(system, other, "email", who)
			m.set(system, "swapping@x.org", "email", other)
		}
	case 5: // what it had comes back
		m.set(system, who, "", "")
		m.insertAs(system, who)
	default:
		m.set(system, who, field, m.value())
	}
}

// set sets a field of a row; no field deletes the row.
func (m *mob) set(system, who, field, value string) {
	m.t.Helper()
	m.log = append(m.log, fmt.Sprintf("%s: %s %s=%s", system, who, field, value))
	statement := fmt.Sprintf(`UPDATE people SET %s = %s WHERE email = '%s'`, field, sqlText(value), who)
	if field == "" {
		statement = fmt.Sprintf(`DELETE FROM people WHERE email = '%s'`, who)
	}
	switch system {
	case "crm":
		change(m.t, m.crm, statement)
	case "billing":
		change(m.t, m.billing, statement)
	default:
		all := m.readNews()
		column := slices.Index(all[0], field)
		all = slices.DeleteFunc(all, func(r []string) bool { return field == "" && r[1] == who })
		for _, r := range all[1:] {
			if r[1] == who {
				r[column] = value
			}
		}
		m.writeNews(all)
	}
}

func (m *mob) insert(system string) {
	m.emails++
	email := fmt.Sprintf("p%d@x.org", m.emails)
	if m.random.IntN(3) == 0 { // somebody else knows this person, or will
		email = fmt.Sprintf("q%d@x.org", m.random.IntN(8))
	}
	if !slices.Contains(m.emailsOf(system), email) {
		m.insertAs(system, email)
	}
}

func (m *mob) insertAs(system, email string) {
	m.t.Helper()
	name, city := m.value(), m.value()
	m.log = append(m.log, fmt.Sprintf("%s: new %s %s %s", system, email, name, city))
	statement := fmt.Sprintf(`INSERT INTO people (email, name, city) VALUES ('%s', %s, %s)`, email, sqlText(name), sqlText(city))
	switch system {
	case "crm":
		change(m.t, m.crm, statement)
	case "billing":
		change(m.t, m.billing, statement)
	default:
		m.newsNumber++
		m.writeNews(append(m.readNews(), []string{strconv.Itoa(1000 + m.newsNumber), email, name, city}))
	}
}

func (m *mob) see() map[string][]string {
	const see = `SELECT email, coalesce(name, ''), coalesce(city, '') FROM people`
	var news []string
	for _, r := range m.readNews()[1:] {
		news = append(news, strings.Join(r[1:], "|"))
	}
	slices.Sort(news)
	return map[string][]string{"crm": rows(m.t, m.crm, see), "billing": rows(m.t, m.billing, see), "news": news}
}

// story is what happened since the last time that all agreed.
func (m *mob) story() string { return strings.Join(m.log, "\n") }

// settle runs until nothing is left to do, and decides what people are asked.
func (m *mob) settle() {
	m.t.Helper()
	for range 12 {
		result, err := m.pass()
		require.NoError(m.t, err, m.story())
		m.log = append(m.log, fmt.Sprintf("run: %+v", result))
		open, err := m.house.Ledger.Conflicts(m.t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
		require.NoError(m.t, err)
		if len(open) == 0 && written(result) == 0 {
			m.apart = m.apart || result.Held > 0
			require.True(m.t, m.apart || result.Outcome == activities.OutcomeDone, m.story())
			return
		}
		for _, c := range open {
			m.decide(c)
		}
	}
	m.t.Fatalf("it does not come to rest\n%s", m.story())
}

func (m *mob) decide(c ledger.ConflictRow) {
	m.t.Helper()
	verbs := map[string][]string{
		"delete_recently_updated": {"keep", "delete"}, "update_missing": {"keep", "delete"}, "update_origin_differs": {"take"}, "insert_exists": {"take"},
		"identity_ambiguous": {"link", "separate"}, "multiple_unique_conflicts": {"link", "separate"},
	}[string(c.Kind)]
	if verbs == nil {
		m.t.Fatalf("what to do about %s: %+v\n%s", c.Kind, c.Conflict, m.story())
	}
	d := reconcile.Decision{ConflictID: c.ID, Digest: c.Digest, Verb: verbs[m.random.IntN(len(verbs))], System: reconcile.None}
	m.apart = m.apart || d.Verb == "separate"
	if d.Verb == "take" {
		d.System = c.Candidates[m.random.IntN(len(c.Candidates))].System
	}
	m.log = append(m.log, fmt.Sprintf("decide %s %s of %s: %+v", c.Kind, c.FieldName, c.LinkID, d))
	_, err := m.house.Ledger.Decide(m.t.Context(), ledger.DecisionRow{Decision: d, Sync: "people", Who: "test", At: time.Now()})
	require.NoError(m.t, err, m.story())
}

// TestAnyEditsAgreeInTheEnd lets people edit, delete, swap and make records as
// they like, under rules that are drawn too. SYNCLINE_SEEDS=100-200 plays other
// games than those that are always played.
func TestAnyEditsAgreeInTheEnd(t *testing.T) {
	first, last := 0, 8
	if s := os.Getenv("SYNCLINE_SEEDS"); s != "" {
		_, err := fmt.Sscanf(s, "%d-%d", &first, &last)
		require.NoError(t, err)
	}
	for seed := first; seed < last; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) { newMob(t, uint64(seed)).play(8) })
	}
}

func (m *mob) play(rounds int) {
	m.t.Helper()
	for round := range rounds {
		m.log = append(m.log[:1:1], fmt.Sprintf("round %d: %v", round, m.see()))
		for range 1 + m.random.IntN(8) {
			m.edit()
		}
		m.settle()
		if m.apart {
			return
		}
		seen := m.see()
		require.Equal(m.t, seen["crm"], seen["billing"], m.story())
		if len(m.systems) == 3 {
			require.Equal(m.t, seen["crm"], seen["news"], m.story())
		}
	}
}
