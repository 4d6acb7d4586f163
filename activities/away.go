package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// A system that is away (unreachable, or paused by a person) stays owed and
// blocks nobody else: the run goes on without it, by what the ledger remembers
// of how it looked, and its position stays where it is.

// KindPaused is the kind of a system that a person holds.
const KindPaused connectors.Kind = "paused"

// DownAfter is on which attempt of a step a system that cannot be reached
// counts as down: some seconds, because the other systems wait meanwhile.
const DownAfter = 4

// lastTry: the step has been tried often enough to go on without a system.
func lastTry(ctx context.Context) bool {
	return activity.IsActivity(ctx) && activity.GetInfo(ctx).Attempt >= DownAfter
}

// isDown: the error is a system's own, and says that the system cannot be
// reached. What the ledger or the stage complain about is never that.
func isDown(err error) bool {
	kind, known := systemKind(err)
	return known && (kind == connectors.Transient || kind == connectors.RateLimited)
}

// maxDown keeps the reason short: it goes through history.
const maxDown = 300

func downText(err error) string {
	text := err.Error()
	if len(text) > maxDown {
		text = text[:maxDown] + "…"
	}
	return text
}

// absences says which systems a session may do without.
type absences struct {
	// paused are held by people, with their reasons, by name; down were found
	// unreachable when the run began. Neither is tried.
	paused map[string]string
	down   []int
	// unreachable: so may be whatever cannot be reached now.
	unreachable bool
	remembered  remembered
}

// openOrAway opens a system of a definition, or stands in for it.
func (s *Sessions) openOrAway(ctx context.Context, def *mappings.Definition, index int, absent absences) (*OpenSystem, error) {
	system := def.Systems[index]
	name := system.Name.Value
	remembered, known := absent.remembered.described[name]
	if reason, held := absent.paused[name]; held {
		if !known {
			return nil, &connectors.Error{
				Kind: KindPaused, Err: fmt.Errorf("%s is paused (%s) and was never met before", name, reason),
				Hint: "`syncline resume " + def.Sync.Value + " --system " + name + "` lets the first run see it",
			}
		}
		away := &connectors.Error{Kind: KindPaused, Err: fmt.Errorf("paused: %s", reason)}
		return &OpenSystem{Definition: system, Description: remembered, Away: away}, nil
	}
	if known && slices.Contains(absent.down, index) {
		away := connectors.Errorf(connectors.Transient, "%s was down when the run began", name)
		return &OpenSystem{Definition: system, Description: remembered, Away: away}, nil
	}
	opened, err := s.openSystem(ctx, def, system)
	if err == nil || !absent.unreachable || !known || !isDown(err) {
		return opened, err
	}
	return &OpenSystem{Definition: system, Description: remembered, Away: err}, nil
}

// reach tries again what a step needs and what could not be reached so far. It
// gives the same session, or a new one that shares what was open.
func (s *Sessions) reach(ctx context.Context, pass Pass, session *Session, needs []int) (*Session, error) {
	for i, system := range session.Systems {
		needed := slices.Contains(needs, i) || slices.Contains(needs, AllSystems)
		if system.Away == nil || !needed || slices.Contains(pass.Down, i) {
			continue
		}
		opened, err := s.openSystem(ctx, session.Definition, system.Definition)
		if isDown(err) {
			continue // Source and Sink say so
		}
		if err != nil {
			return session, err
		}
		if !opened.Description.Schema.Equal(system.Description.Schema) || opened.Description.Identity != system.Description.Identity {
			opened.Object.Close()
			return session, &connectors.Error{
				Kind: connectors.SchemaChanged, Err: fmt.Errorf("%s came back looking otherwise", system.Definition.Name.Value),
				Hint: "run it again; positions were not moved",
			}
		}
		opened.Mapping = system.Mapping
		fresh := *session
		fresh.Systems = slices.Clone(session.Systems)
		fresh.Systems[i] = opened
		session = &fresh
	}
	return session, nil
}

// described is the form in which a description is remembered: without what
// changes all the time. Nobody else reads it, and every run that reaches the
// system writes it anew, so that the names of Go's fields serve.
type described struct {
	Fields   []record.Field          `json:"fields"`
	Key      []string                `json:"key"`
	Identity string                  `json:"identity"`
	Can      connectors.Capabilities `json:"can"`
}

// remembered is what the ledger knows of a sync's systems, by their names: what
// they looked like when all was well, and by which mappings they were read.
type remembered struct {
	described map[string]connectors.Description
	readBy    map[string]string
}

func (s *Sessions) remembered(ctx context.Context, sync string) (remembered, error) {
	states, err := s.Ledger.Systems(ctx, sync)
	known := remembered{described: map[string]connectors.Description{}, readBy: map[string]string{}}
	for name, state := range states {
		known.readBy[name] = state.Mappings
		var d described
		if state.Described == "" || json.Unmarshal([]byte(state.Described), &d) != nil { //nolint:musttag // see described
			continue // another version's form: as if it had never been met
		}
		known.described[name] = connectors.Description{
			Schema: record.NewSchema(d.Fields...), Key: d.Key, Identity: d.Identity, Rows: -1, Can: d.Can,
		}
	}
	return known, err
}

// remember is the text of a description for the ledger.
func remember(d connectors.Description) (string, error) {
	//nolint:musttag // see described
	text, err := json.Marshal(described{Fields: d.Schema.Fields, Key: d.Key, Identity: d.Identity, Can: d.Can})
	return string(text), err
}
