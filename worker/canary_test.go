package worker_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/workflows"
)

// What must be found nowhere. Both are letters and digits only, so that no
// encoding of text changes them.
const (
	canaryPassword = "Pw7Kolibri29vQxZ" //nolint:gosec // planted
	canaryValue    = "zaunkoenig83wbrtk"
)

const canaryDefinition = `
sync: people
systems:
  crm:     {connector: postgres, url: "${CRM_URL}", object: contacts, modified: updated_at, changes: cursor}
  billing: {connector: sqlite, path: ./billing.db, object: customers}
  news:    {connector: csv, path: ./news.csv, key: E-Mail}
match: email
fields:
  email: {crm: email, billing: email, news: E-Mail}
  name:  {crm: name, billing: name, news: Name}
  plan:  {crm: plan, billing: plan, resolve: manual}
  age:   {type: int, crm: age, billing: age}
  visits: {type: int, crm: visits, billing: visits}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

// newCanarySite plants the value where a value may slip out: in keys, in what a
// constraint refuses, in cells of a wrong type, in a conflict.
func newCanarySite(t *testing.T) *site {
	t.Helper()
	s := newSite(t, canaryDefinition)
	s.postgresWith(testenv.Options{Password: canaryPassword}, "CRM_URL",
		`CREATE TABLE contacts (email text PRIMARY KEY, name text UNIQUE, plan text CHECK (plan NOT LIKE 'bad%'), age int,
			visits text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
		`INSERT INTO contacts (email, name, plan, age, visits) VALUES
			('a@`+canaryValue+`.de', 'A `+canaryValue+`', 'x', 1, '1'), ('b@`+canaryValue+`.de', 'B `+canaryValue+`', 'x', 1, '`+canaryValue+`')`)
	s.sqlite("billing.db", `CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, plan TEXT, age INTEGER, visits INTEGER)`,
		`INSERT INTO customers (email, name, plan, age, visits) VALUES
			('a@`+canaryValue+`.de', 'A `+canaryValue+`', 'x', 1, 1),
			('wrong@`+canaryValue+`.de', 'W', 'x', '`+canaryValue+`', 1),
			('checked@`+canaryValue+`.de', 'C', 'bad `+canaryValue+`', 1, 1),
			('unique@`+canaryValue+`.de', 'A `+canaryValue+`', 'x', 1, 1)`)
	require.NoError(t, os.WriteFile(s.file("news.csv"), []byte("E-Mail,Name\na@"+canaryValue+".de,A "+canaryValue+"\n"), 0o600))
	return s
}

// A password stands in no history, log, error or result, and neither does a
// value of a record, whatever goes wrong with it.
func TestCanaryIsFoundNowhere(t *testing.T) {
	s := newCanarySite(t)
	places := map[string]string{}
	try := func(name string) activities.Result {
		result, err := s.try("people", workflows.Ask{})
		if err != nil {
			places[name+", error"] = err.Error()
		}
		text, err := json.Marshal(result)
		require.NoError(t, err)
		places[name+", result"] = string(text)
		return result
	}
	first := try("first run")
	held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(held), 4, "a bad cell, a wrong type, a check and a unique constraint: %+v", first)

	crm := s.dial("CRM_URL")
	change(t, crm, `UPDATE contacts SET plan = 'left `+canaryValue+`', updated_at = clock_timestamp() WHERE email LIKE 'a@%'`)
	s.sqlite("billing.db", `UPDATE customers SET plan = 'right `+canaryValue+`' WHERE email LIKE 'a@%'`)
	require.Positive(t, try("conflict").Open)
	open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		places["details"] = s.details("people")
		return strings.Contains(places["details"], open[0].Digest)
	}, 10*time.Second, 20*time.Millisecond, "the details are those of the open conflict")
	handle, err := s.engine.Client().UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: "people", UpdateName: workflows.UpdateDecide, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{take(open[0], "billing")},
	})
	require.NoError(t, err)
	require.NoError(t, handle.Get(t.Context(), nil))
	require.Eventually(t, func() bool {
		agreed := rows(t, crm, `SELECT 1 FROM contacts WHERE plan = 'right `+canaryValue+`'`)
		return len(agreed) == 1
	}, 30*time.Second, 50*time.Millisecond, "the decision is applied")

	change(t, crm, `ALTER TABLE contacts DROP COLUMN name`)
	try("dropped column")
	good, err := url.Parse(os.Getenv("CRM_URL"))
	require.NoError(t, err)
	refused := *good
	refused.User = url.UserPassword(good.User.Username(), canaryPassword+"x")
	t.Setenv("CRM_URL", refused.String())
	try("wrong password")
	unreachable := *good
	unreachable.Host = "127.0.0.1:1"
	t.Setenv("CRM_URL", unreachable.String())
	try("unreachable")
	require.NotEmpty(t, places["wrong password, error"])

	s.collect(places)
	require.Empty(t, found(places, canaryPassword), "the password")
	delete(places, "ledger")
	require.Empty(t, found(places, canaryValue), "the value")
	require.NotEmpty(t, found(places, "people"), "the search finds what is there")
	require.NotEmpty(t, found(places, open[0].Digest), "also inside of histories")
}

// collect takes all that was written about the runs.
func (s *site) collect(places map[string]string) {
	s.t.Helper()
	places["logs"] = s.logs.String()
	for _, h := range s.histories() {
		started := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
		var tree any
		require.NoError(s.t, json.Unmarshal(historyJSON(s, h), &tree))
		var b strings.Builder
		walk(tree, func(key, text string) string {
			if plain, err := base64.StdEncoding.DecodeString(text); key == "data" && err == nil {
				text = string(plain)
			}
			b.WriteString(text + "\n")
			return text
		})
		places["history of "+started.GetWorkflowId()+" "+started.GetOriginalExecutionRunId()] = b.String()
	}
	runs, err := s.house.Ledger.Runs(s.t.Context(), "people", 0)
	require.NoError(s.t, err)
	for _, run := range runs {
		places["run "+run.ID] = string(run.Result) + run.URL + run.Outcome
	}
	for place, pattern := range map[string]string{"engine": "engine/*", "ledger": "*ledger*"} {
		files, err := filepath.Glob(filepath.Join(s.house.Config.State, pattern))
		require.NoError(s.t, err)
		require.NotEmpty(s.t, files, place)
		for _, file := range files {
			text, err := os.ReadFile(file) //nolint:gosec // the test's own folder
			require.NoError(s.t, err)
			places[place] += string(text)
		}
	}
}

// details gives what the Web UI shows of an open Sync.
func (s *site) details(sync string) string {
	s.t.Helper()
	answer, err := s.engine.Client().QueryWorkflow(s.t.Context(), sync, "", "__temporal_workflow_metadata")
	require.NoError(s.t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(s.t, answer.Get(&metadata))
	text, err := protojson.Marshal(&metadata)
	require.NoError(s.t, err)
	return string(text)
}

// found names the places in which a text stands, as it is, in base64 at any
// offset, or in hexadecimal, each with what is around it.
func found(places map[string]string, text string) map[string]string {
	needles := []string{text, hex.EncodeToString([]byte(text))}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", shift) + text))
		needles = append(needles, encoded[4:len(encoded)-4])
	}
	hits := map[string]string{}
	for place, content := range places {
		for _, needle := range needles {
			if at := strings.Index(content, needle); at >= 0 {
				hits[place] = content[max(at-200, 0):min(at+100, len(content))]
			}
		}
	}
	return hits
}

// The search is not blind: a value is found as text, in base64 at any offset,
// and in hexadecimal.
func TestCanarySearchFinds(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"text":    `{"name": "A ` + canaryValue + `"}`,
		"base64":  base64.StdEncoding.EncodeToString([]byte("1234" + canaryValue + "56")),
		"base64+": base64.StdEncoding.EncodeToString([]byte("12345" + canaryValue)),
		"hex":     hex.EncodeToString([]byte("1234" + canaryValue)),
	} {
		require.Contains(t, found(map[string]string{name: content}, canaryValue), name)
	}
	require.Empty(t, found(map[string]string{"other": "nothing"}, canaryValue))
}
