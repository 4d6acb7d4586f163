package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// verbsFor lists the decisions that fit a conflict, by its kind.
func verbsFor(row ledger.ConflictRow) []string {
	switch {
	case aboutIdentity(row):
		if len(joinable(row)) == 0 {
			return []string{"separate", "skip"}
		}
		return []string{"link", "separate", "skip"}
	case row.FieldName == "":
		return []string{"keep", "delete", "skip"}
	case row.Kind == reconcile.OwnershipViolation:
		return []string{"revert", "accept", "take", "value", "skip"}
	case row.Kind == reconcile.ReferenceUnresolved:
		return []string{"wait", "blank", "take", "value", "skip"}
	default:
		return []string{"take", "value", "skip"}
	}
}

// joinable are the candidates that a row whose record is not certain may be
// joined to.
func joinable(row ledger.ConflictRow) []reconcile.Candidate {
	var list []reconcile.Candidate
	for _, c := range row.Candidates {
		if c.Link != "" && row.Joinable(c.Link) == nil {
			list = append(list, c)
		}
	}
	return list
}

// option is one of the choices that a person is given.
type option struct {
	key, text string
	set       func(*choice)
}

// options are the choices of a conflict, with what each writes.
func options(row ledger.ConflictRow, view conflictView) []option {
	var list []option
	add := func(text string, set func(*choice)) {
		list = append(list, option{key: strconv.Itoa(len(list) + 1), text: text, set: set})
	}
	for _, verb := range verbsFor(row) {
		switch verb {
		case "take":
			for _, name := range view.order {
				add(fmt.Sprintf("%s is right: %s", name, written(view, name)), func(ch *choice) { ch.take = name })
			}
			if view.Base != nil {
				add(fmt.Sprintf("as it was before: %s everywhere", shown(view.Base)), func(ch *choice) { ch.take = "base" })
			}
		case "link":
			for _, candidate := range joinable(row) {
				add("it is the record "+shown(matchText(candidate.Value))+", link "+candidate.Link, func(ch *choice) { ch.link = candidate.Link })
			}
		case "separate":
			add("it is a record of its own: it is created in the other systems, where none has its match already", func(ch *choice) { ch.separate = true })
		case "keep":
			add("keep the record: it is written again where it was deleted", func(ch *choice) { ch.keep = true })
		case "delete":
			add("delete the record everywhere", func(ch *choice) { ch.remove = true })
		case "revert":
			add("give the owner's value back where it was edited", func(ch *choice) { ch.revert = true })
		case "accept":
			add("let the edit stand, and write it everywhere", func(ch *choice) { ch.accept = true })
		case "wait":
			add("wait for what it refers to", func(ch *choice) { ch.wait = true })
		case "blank":
			add("leave it empty", func(ch *choice) { ch.blank = true })
		}
	}
	return list
}

// written says what taking one side writes where.
func written(view conflictView, side string) string {
	var to []string
	for _, name := range view.order {
		if name != side && shown(view.Values[name]) != shown(view.Values[side]) {
			to = append(to, name)
		}
	}
	if len(to) == 0 {
		return shown(view.Values[side])
	}
	return "writes " + shown(view.Values[side]) + " to " + strings.Join(to, ", ")
}

// The answers that are no decision.
var (
	errLater = errors.New("not now")
	errEnd   = errors.New("no more")
)

// ask shows a conflict side by side and asks a person, until the answer is one
// of the choices.
func (a *app) ask(ctx context.Context, row ledger.ConflictRow, ch choice) (choice, error) {
	view := viewConflict(row)
	a.sideBySide(view, row)
	list := options(row, view)
	a.screen.say("")
	for _, o := range list {
		a.screen.say("  %s  %s", a.screen.bold(o.key), o.text)
	}
	if row.FieldName != "" {
		a.screen.say("  %s  another value, everywhere", a.screen.bold("v"))
	}
	a.screen.say("  %s  leave it as it is on every side, and ask no more", a.screen.bold("s"))
	a.screen.say("  %s  not now: it stays open      %s  not now, and no more questions", a.screen.bold("n"), a.screen.bold("q"))
	for {
		answer, err := a.screen.question(ctx, "choice: ")
		if err != nil {
			return ch, err
		}
		decided, err := a.understand(ctx, row, list, ch, answer)
		if !errors.Is(err, errNoChoice) {
			return decided, err
		}
		a.screen.say("that is none of the choices")
	}
}

var errNoChoice = errors.New("that is none of the choices")

// understand makes a choice of an answer.
func (a *app) understand(ctx context.Context, row ledger.ConflictRow, list []option, ch choice, answer string) (choice, error) {
	switch answer {
	case "s":
		ch.skip = true
		return ch, nil
	case "n", "":
		return ch, errLater
	case "q":
		return ch, errEnd
	case "v":
		if row.FieldName == "" {
			return ch, errNoChoice
		}
		value, err := a.screen.question(ctx, "value: ")
		if err != nil {
			return ch, err
		}
		if _, wrong := record.Convert(row.FieldType, value); wrong != nil {
			a.screen.say("that is not a %s: %v", row.FieldType, wrong)
			return ch, errNoChoice
		}
		ch.valued, ch.value = true, value
		return ch, nil
	}
	for _, o := range list {
		if o.key == answer {
			o.set(&ch)
			return ch, nil
		}
	}
	return ch, errNoChoice
}
