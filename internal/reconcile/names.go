package reconcile

import (
	"fmt"
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
		"newest_wins": {"NEWER_WINS", "newer", "newest", "last_update_wins", "latest", "last_write_wins", "update_if_newer", "latest_timestamp"},
		"oldest_wins": {"OLDER_WINS", "older", "oldest", "first_update_wins", "earliest", "first_write_wins", "earliest_timestamp"},
		"system_wins": {"path1", "path2", "left", "right", "source", "target", "local", "remote", "apply_remote", "keep_local", "site_priority"},
		"priority":    {"site_priorities", "order"},
		"owner_wins":  {"master_wins", "authoritative"},
		"fill_blank":  {"fill_empty", "if_blank", "coalesce", "prefer_non_null"},
		"max":         {"USEMAX", "larger", "greatest", "maximum"},
		"min":         {"USEMIN", "smaller", "least", "minimum"},
		"union":       {"merge_sets", "append"},
		"delta":       {"USEDELTA", "additive", "counter", "delta_conflict_resolution"},
		"expression":  {"custom", "script"},
		"skip":        {"IGNORE", "DISCARD", "none", "skip_if_conflict"},
		"manual":      {"MANUAL", "ask", "ABEND", "error"},
	}
}

func policyNames() map[string]string {
	names := map[string]string{}
	for own, others := range Aliases() {
		names[own] = own
		for _, other := range others {
			names[other] = own
		}
	}
	return names
}

// SideOf gives the place of the system that an alias of system_wins means:
// 0 for path1, left, source, local, 1 for path2, right, target, remote. ok is
// false for every other name.
func SideOf(alias string) (system int, ok bool) {
	switch strings.ToLower(alias) {
	case "path1", "left", "source", "local", "keep_local":
		return 0, true
	case "path2", "right", "target", "remote", "apply_remote":
		return 1, true
	default:
		return 0, false
	}
}

// DeleteSettings lists what DeleteVsUpdate can be; the first is the default.
func DeleteSettings() []string {
	return []string{"update_wins", "delete_wins", "newest_wins", "manual"}
}

// ParsePolicyName gives a policy's own name for any name that it is known by.
func ParsePolicyName(name string) (string, error) {
	if own, known := policyNames()[name]; known {
		return own, nil
	}
	return "", fmt.Errorf("%q is no policy", name)
}
