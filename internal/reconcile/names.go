package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// Policies lists the policies by their own names, in the order of the docs.
func Policies() []string {
	return []string{
		"newest_wins", "oldest_wins", "system_wins", "priority", "owner_wins", "fill_blank", "max", "min",
		"union", "delta", "expression", "skip", "manual",
	}
}

// Aliases gives for each policy the names under which other tools know it. A
// name that names a side says which: `path1`, `left`, `source` and `local` are
// the first system of the definition, `path2`, `right`, `target` and `remote`
// the second.
func Aliases() map[string][]string {
	return map[string][]string{
		"newest_wins": {
			"NEWER_WINS", "newer", "newest", "last_update_wins", "latest", "LATEST_WINS", "USELATEST", "last_write_wins", "lww",
			"update_if_newer", "latest_timestamp",
		},
		"oldest_wins": {"OLDER_WINS", "older", "oldest", "first_update_wins", "earliest", "USEEARLIEST", "first_write_wins", "earliest_timestamp"},
		"system_wins": {
			"path1", "path2", "left", "right", "source", "target", "source_wins", "target_wins", "local", "remote", "apply_remote",
			"keep_local", "site_priority",
		},
		"priority":   {"site_priorities", "order"},
		"owner_wins": {"master_wins", "authoritative"},
		"fill_blank": {"fill_empty", "if_blank", "coalesce", "prefer_non_null"},
		"max":        {"USEMAX", "larger", "greatest", "maximum"},
		"min":        {"USEMIN", "smaller", "least", "minimum"},
		"union":      {"merge", "merge_sets", "append"},
		"delta":      {"USEDELTA", "additive", "counter", "delta_conflict_resolution"},
		"expression": {"custom", "script"},
		"skip":       {"IGNORE", "DISCARD", "none", "skip_if_conflict"},
		"manual":     {"MANUAL", "ask", "review", "ABEND", "error"},
	}
}

func policyNames() map[string]string {
	names := map[string]string{}
	for own, others := range Aliases() {
		names[own] = own
		for _, other := range others {
			names[strings.ToLower(other)] = own
		}
	}
	return names
}

// SideOf gives the place of the system that an alias of system_wins means:
// 0 for path1, left, source and the like, 1 for path2, right, target. ok is
// false for every other name.
func SideOf(alias string) (system int, ok bool) {
	switch strings.ToLower(alias) {
	case "path1", "left", "source", "source_wins", "local", "keep_local":
		return 0, true
	case "path2", "right", "target", "target_wins", "remote", "apply_remote":
		return 1, true
	default:
		return 0, false
	}
}

// DeleteSettings lists what DeleteVsUpdate can be; the first is the default.
func DeleteSettings() []string {
	return []string{"update_wins", "delete_wins", "newest_wins", "manual"}
}

// ParsePolicyName gives a policy's own name for any name that it is known by;
// of other tools' names case does not count.
func ParsePolicyName(name string) (string, error) {
	if slices.Contains(Policies(), name) {
		return name, nil
	}
	if own, known := policyNames()[strings.ToLower(name)]; known {
		return own, nil
	}
	return "", fmt.Errorf("%q is no policy", name)
}
