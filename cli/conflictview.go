package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// stateOpen is the state of a conflict that nobody has decided.
const stateOpen = "open"

// conflictView is a conflict as `conflicts list -o json` prints it.
type conflictView struct {
	ID       int64              `json:"id"`
	Sync     string             `json:"sync"`
	Kind     string             `json:"kind"`
	Match    string             `json:"match"`
	Field    string             `json:"field"`
	Base     *string            `json:"base"`
	Values   map[string]*string `json:"values"`
	Seen     string             `json:"seen"`
	Since    string             `json:"since"`
	Deadline *string            `json:"deadline"`
	// Verbs are the ways to decide it, and Links those that it may be joined to.
	Verbs []string `json:"verbs,omitempty"`
	Links []string `json:"links,omitempty"`
	// State is only given of those that are not simply open.
	State string `json:"state,omitempty"`

	order []string
}

func viewConflict(row ledger.ConflictRow) conflictView {
	v := conflictView{
		ID: row.Conflict.ID, Sync: row.Sync, Kind: string(row.Kind), Field: row.FieldName, Match: showMatch(row),
		Base: textOf(row.Base), Values: map[string]*string{}, Seen: row.Digest, Since: row.Opened.String(),
	}
	if row.State != stateOpen {
		v.State = row.State
	}
	if row.State != "closed" {
		v.Verbs = verbsFor(row)
	}
	for _, c := range joinable(row) {
		v.Links = append(v.Links, c.Link)
	}
	if row.Deadline != 0 {
		text := row.Deadline.String()
		v.Deadline = &text
	}
	for _, candidate := range candidates(row) {
		name := candidateName(row, candidate)
		v.order = append(v.order, name)
		v.Values[name] = candidateText(row, candidate)
	}
	return v
}

// candidates are the sides of a conflict; where the question is which record a
// row is, that row comes first.
func candidates(row ledger.ConflictRow) []reconcile.Candidate {
	if !aboutIdentity(row) {
		return row.Candidates
	}
	sides := slices.Clone(row.Candidates)
	slices.SortStableFunc(sides, func(x, y reconcile.Candidate) int {
		asked := func(c reconcile.Candidate) int {
			if c.Link == "" && c.System == row.System && c.Key == row.Key {
				return 0
			}
			return 1
		}
		return cmp.Compare(asked(x), asked(y))
	})
	return sides
}

// candidateName says whose word a candidate is. Where the question is which
// record a row is, several rows of one system may be candidates, and links.
func candidateName(row ledger.ConflictRow, c reconcile.Candidate) string {
	switch {
	case c.Link != "":
		return "link " + c.Link
	case c.System < 0 || c.System >= len(row.AllSystems):
		return "base"
	case aboutIdentity(row):
		return row.AllSystems[c.System] + " " + c.Key.String()
	default:
		return row.AllSystems[c.System]
	}
}

func candidateText(row ledger.ConflictRow, c reconcile.Candidate) *string {
	if aboutIdentity(row) {
		return matchText(c.Value)
	}
	if c.Deleted {
		text := "(deleted)"
		return &text
	}
	return textOf(c.Value)
}

func aboutIdentity(row ledger.ConflictRow) bool {
	return row.Kind == reconcile.IdentityAmbiguous || row.Kind == reconcile.MultipleUniqueConflicts
}

// matchText gives the matches of a candidate for people: the ledger keeps them
// as keys, one for each way to match.
func matchText(v record.Value) *string {
	list, ok := v.(record.List)
	if !ok {
		return textOf(v)
	}
	var ways []string
	for _, way := range list {
		if key, ok := way.(string); ok && key != "" {
			ways = append(ways, record.Key(key).String())
		}
	}
	text := strings.Join(ways, " · ")
	return &text
}

func textOf(v record.Value) *string {
	if v == nil || record.IsMissing(v) {
		return nil
	}
	text := record.Text(v)
	return &text
}

func showMatch(row ledger.ConflictRow) string {
	for _, m := range row.Match {
		if m != "" {
			return record.Key(m).String()
		}
	}
	return row.Key.String()
}

func (a *app) listConflicts(rows []ledger.ConflictRow) {
	s := a.screen
	if len(rows) == 0 {
		s.say("%s no conflicts", s.green("✓"))
		return
	}
	open := 0
	for _, row := range rows {
		v := viewConflict(row)
		what := v.Kind
		if v.Field != "" {
			what = v.Field + ", " + v.Kind
		}
		if v.State != "" {
			what += ", " + v.State
		}
		s.say("%s  %s  %s  %s", s.bold(fmt.Sprintf("%4d", v.ID)), v.Sync, s.bold(v.Match), what)
		if v.Field != "" {
			s.say("      %-12s %s", "base", s.dim(shown(v.Base)))
		}
		for _, name := range v.order {
			s.say("      %-12s %s", name, shown(v.Values[name]))
		}
		if row.State != stateOpen {
			if text := left(row); text != "" {
				s.say("      %s", s.dim(text))
			}
			continue
		}
		open++
		if row.Deadline != 0 {
			s.say("      %s", s.dim("decides itself "+when(row.Deadline)))
		}
		s.say("      %s", s.dim(fmt.Sprintf("syncline conflicts decide %d %s", v.ID, flagsFor(row))))
	}
	if open > 1 && s.asks {
		s.say("\none after the other: syncline conflicts decide --all")
	}
}

// when says a moment of the ledger in the time of whoever looks, and how far
// away it is.
func when(at record.Timestamp) string {
	moment := at.Time()
	text := moment.Local().Format(time.DateTime)
	if left := time.Until(moment); left > 0 {
		return text + ", in " + rough(left)
	}
	return text
}

// rough says a duration in its largest unit.
func rough(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	default:
		return count(max(int(d.Seconds()), 0), "second")
	}
}

// flagsFor lists the ways to decide a conflict, as flags.
func flagsFor(row ledger.ConflictRow) string {
	var flags []string
	for _, verb := range verbsFor(row) {
		switch verb {
		case "take":
			flags = append(flags, "--take SYSTEM")
		case "value":
			flags = append(flags, "--value VALUE")
		case "link":
			flags = append(flags, "--link LINK")
		default:
			flags = append(flags, "--"+verb)
		}
	}
	return strings.Join(flags, " | ")
}

// sideBySide shows what each side says, with the part that differs marked.
func (a *app) sideBySide(v conflictView, row ledger.ConflictRow) {
	s := a.screen
	s.say("conflict %d · %s · %s · %s", v.ID, v.Sync, s.bold(v.Match), v.Kind)
	s.say("%s", s.dim(kindInWords(row)))
	if v.Field != "" {
		s.say("field        %s", s.bold(v.Field))
		s.say("%-12s %s", "base", shown(v.Base))
	}
	width := 12
	for _, name := range v.order {
		width = max(width, len([]rune(name)))
	}
	for i, name := range v.order {
		text := shown(v.Values[name])
		if against := a.against(v, i); against != nil && v.Values[name] != nil {
			text = a.marked(shown(against), text)
		}
		at := ""
		if changed := candidates(row)[i].At; changed != 0 {
			at = s.dim("  changed " + changed.Time().Local().Format(time.DateTime))
		}
		s.say("%-*s %s%s", width, name, text, at)
	}
	s.say("since        %s", row.Opened.Time().Local().Format(time.DateTime))
	s.say("hash         %s", v.Seen)
	if row.State == stateOpen {
		s.say("%s", a.undecided(row))
	} else {
		s.say("it is %s", orElse(left(row), row.State))
	}
}

// left says until when a conflict that somebody skipped is left alone; "" for
// one that is not.
func left(row ledger.ConflictRow) string {
	switch {
	case row.State == "closed" || row.SkipUntil == 0:
		return ""
	case row.SkipUntil == record.TimestampInfinity:
		return "left as it is on every side, until one of them changes"
	default:
		return "left alone until " + when(row.SkipUntil)
	}
}

// against is what a side is compared with: the base, else another side.
func (a *app) against(v conflictView, side int) *string {
	if v.Field == "" {
		return nil
	}
	if v.Base != nil {
		return v.Base
	}
	for i, name := range v.order {
		if i != side && v.Values[name] != nil {
			return v.Values[name]
		}
	}
	return nil
}

// undecided says what happens if nobody decides.
func (a *app) undecided(row ledger.ConflictRow) string {
	switch {
	case row.Deadline != 0:
		return "if nobody decides, " + orElse(a.then(row.Sync), "the definition's `then`") + " does: " + when(row.Deadline)
	case aboutIdentity(row):
		return "if nobody decides, it stays open: the row is left alone, and nothing is created for it"
	case row.FieldName == "":
		return "if nobody decides, it stays open, and the whole record waits"
	default:
		return "if nobody decides, it stays open; every other field of the record flows on"
	}
}

// then is what the definition says about conflicts whose deadline passes, as it
// stands there.
func (a *app) then(sync string) string {
	if a.house == nil {
		return ""
	}
	project, _ := a.house.Project() // what is wrong with definitions is for check to say
	def, err := project.Find(sync)
	if err != nil {
		return ""
	}
	if text := def.Conflicts.ThenText(); text != "" {
		return "`then: " + text + "`"
	}
	return ""
}

// kindInWords says what a kind of conflict means.
func kindInWords(row ledger.ConflictRow) string {
	switch row.Kind {
	case reconcile.UpdateOriginDiffers:
		return "this field was changed to different values on several sides"
	case reconcile.InsertExists:
		return "the record is new on several sides, and they do not say the same"
	case reconcile.UpdateMissing:
		return "it was changed on one side and is gone on another"
	case reconcile.UpdateRecentlyDeleted:
		return "it was changed, or came again, after it was deleted elsewhere"
	case reconcile.DeleteRecentlyUpdated:
		return "it was deleted on one side and changed on another"
	case reconcile.MultipleUniqueConflicts:
		return "the row matches several records, each by another way"
	case reconcile.IdentityAmbiguous:
		return identityInWords(row)
	case reconcile.ReferenceUnresolved:
		return "what it refers to is not there"
	case reconcile.OwnershipViolation:
		return "a field was edited where another system owns it"
	default:
		return ""
	}
}

// identityInWords says why it is not certain which record a row is. Its own
// side stands first; that it says deleted is about who had its key before.
func identityInWords(row ledger.ConflictRow) string {
	switch {
	case len(row.Candidates) == 1:
		return "only this system has it, and `only_here: review` asks first: --separate makes it a record of its own"
	case len(row.Candidates) > 0 && row.Candidates[0].Deleted:
		return "its key was another record's, and it says other things now: --link if it is that record still, --separate if it is a new one"
	default:
		return "it is not certain which record this row is: others have the same match"
	}
}

// marked sets apart the part of text that differs from base.
func (a *app) marked(base, text string) string {
	b, t := []rune(base), []rune(text)
	start := 0
	for start < len(b) && start < len(t) && b[start] == t[start] {
		start++
	}
	end := 0
	for end < len(b)-start && end < len(t)-start && b[len(b)-1-end] == t[len(t)-1-end] {
		end++
	}
	middle := string(t[start : len(t)-end])
	if middle == "" {
		return text
	}
	return string(t[:start]) + a.screen.yellow("["+middle+"]") + string(t[len(t)-end:])
}
