package mappings

// The words of the language: the parser knows no others, and the JSON Schema
// is made from the same lists.

func syncKeys() []string {
	return []string{
		"sync", "about", "systems", "match", "same", "fields", "conflicts", "deletes",
		"limits", "first_sync", "schedule", "live", "each", "drift",
	}
}

func systemKeys() []string {
	return []string{
		"use", "connector", "object", "key", "modified", "deleted", "changes", "sweep", "where", "accept",
		"leaving", "on_create", "allow", "role", "formats", "open", "rows",
	}
}

// fieldKeys are the keys of a row that name no system.
func fieldKeys() []string {
	return []string{
		"type", "owner", "on_violation", "write_once", "resolve", "values", "unknown", "missing", "scope",
	}
}

func cellKeys() []string { return []string{"path", "read", "write", "when"} }
func conflictKeys() []string {
	return []string{"resolve", "kinds", "delete_vs_update", "deadline", "then", "scope"}
}
func limitKeys() []string    { return []string{"delete", "blank", "update", "conflict"} }
func scheduleKeys() []string { return []string{"every", "jitter", "cron", "timezone"} }
func changeModes() []string  { return []string{"auto", "log", "trigger", "cursor", "snapshot"} }
func roles() []string        { return []string{"both", "source", "target"} }
func effects() []string      { return []string{"hard", "soft", "unlink", "ignore"} }
func onlyHere() []string     { return []string{"create", "ignore", "review"} }
func typeWords() []string {
	return []string{
		"string", "int", "float", "decimal", "bool", "timestamp", "date", "time", "uuid", "bytes", "json",
		"list", "set", "ref",
	}
}

func deleteVsUpdate() []string {
	return []string{"update_wins", "delete_wins", "newest_wins", "manual"}
}

// plainPolicies stand as a word, and argumentPolicies as a one-key map.
func plainPolicies() []string {
	return []string{
		"newest_wins", "oldest_wins", "owner_wins", "fill_blank", "max", "min", "union", "delta", "skip", "manual",
	}
}

func argumentPolicies() []string { return []string{"system_wins", "priority", "expression"} }

// ConflictKinds names the kinds of conflicts.
func ConflictKinds() []string {
	return []string{
		"update_origin_differs", "insert_exists", "update_missing", "update_recently_deleted",
		"delete_recently_updated", "multiple_unique_conflicts", "identity_ambiguous",
		"reference_unresolved", "ownership_violation",
	}
}

// reservedSystems are names that mean something else wherever a system is
// named: in a field's row, in an expression of `resolve`, in a decision.
func reservedSystems() []string {
	return append([]string{"base", "link", "all", "none", "value", "field", "system", "systems"}, fieldKeys()...)
}

// foreignWord gives our word for one that other tools use.
func foreignWord(word string) string {
	return map[string]string{
		"name": "sync", "id": "sync", "description": "about", "title": "about", "sources": "systems",
		"connections": "systems", "columns": "fields", "mappings": "fields", "mapping": "fields", "interval": "schedule",
		"cron": "schedule", "connection": "use", "driver": "connector", "table": "object", "collection": "object",
		"primary_key": "key", "pk": "key", "updated_at": "modified", "cursor": "modified", "filter": "where",
		"condition": "where", "direction": "role", "mode": "changes", "defaults": "on_create", "default": "on_create",
		"permissions": "allow", "column": "path", "expression": "read", "from": "read", "to": "write", "if": "when",
		"kind": "type", "enum": "values", "lookup": "values", "policy": "resolve", "policies": "resolve",
		"timeout": "deadline", "fallback": "then", "tz": "timezone", "interval_": "every", "frequency": "every",
	}[word]
}
