package activities

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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
	if d.Until != "" {
		if d.Verb != "skip" {
			return errors.New("until belongs to skip")
		}
		if _, err := time.ParseDuration(d.Until); err != nil {
			return errors.New("until is a duration such as 48h")
		}
	}
	return nil
}
