package mappings

// repair replaces, in one line of a document, what fell into one of YAML's
// traps by the same text in quotes, so that the rest of the document can be
// read and told about in the same go.
type repair struct {
	line     int // of the document, counted from 0
	col, len int // runes; col counts from 1
	text     string
}

func (p *decoder) scanTraps() bool { return false }

func (doc *document) repaired([]repair) []string { return doc.lines }

func originalColumn(_ []repair, _, col int) int { return col }
