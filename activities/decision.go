package activities

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// verbs are the words a decision can have; each fits some kinds of conflicts,
// which only the ledger knows.
//
//nolint:gochecknoglobals // a constant list
var verbs = []string{"take", "base", "link", "separate", "keep", "delete", "wait", "blank", "revert", "accept", "skip"}

// ValidateDecision refuses what can never be a decision, without looking at
// any conflict. It is pure: the Update's validator calls it in the workflow.
func ValidateDecision(d Decision) error {
	if d.Decision != 0 {
		if d.Decision < 0 {
			return errors.New("decision must be a number that `syncline conflicts decide` gave")
		}
		return nil
	}
	if d.Conflict <= 0 {
		return errors.New(`which conflict? {"conflict": 12, "digest": "…", "verb": "take", "system": "crm"}`)
	}
	if d.Digest == "" {
		return errors.New("digest is missing: it is the hash beside the conflict, and makes sure that you decide what you saw")
	}
	if !slices.Contains(verbs, d.Verb) {
		return fmt.Errorf("verb %q is none of %s", d.Verb, strings.Join(verbs, " "))
	}
	if d.Verb == "take" && d.System == "" {
		return errors.New("take needs a system")
	}
	if d.Verb == "link" && d.Link == "" {
		return errors.New("link needs the link's id")
	}
	_, err := until(d, time.Time{})
	return err
}

// until gives the moment until which a decision leaves a conflict alone, 0 for
// none. Only what is not decided for good can have one.
func until(d Decision, now time.Time) (record.Timestamp, error) {
	if d.Until == "" {
		return 0, nil
	}
	if d.Verb != "skip" && d.Verb != "wait" {
		return 0, errors.New("until belongs to skip or wait: the other verbs decide for good")
	}
	after, err := mappings.ParseDuration(d.Until)
	if err != nil {
		return 0, errors.New("until is a duration such as 48h, 2d or 1w")
	}
	return record.NewTimestamp(now.Add(after)), nil
}
