package record

// Position is how far one system's changes have been read. It is opaque to all
// but its connector, and carries the identity of what was read, so that it is
// never used on another database or a table that was made anew.
type Position struct {
	// Source identifies the object: system id, database, table id, file.
	Source string `json:"source,omitempty"`
	// Mode is the way of detecting changes that the value belongs to.
	Mode string `json:"mode,omitempty"`
	// Value is the connector's own text, such as a cursor's JSON.
	Value string `json:"value,omitempty"`
}

// Zero reports a position that says nothing: read everything.
func (p Position) Zero() bool { return p == Position{} }
