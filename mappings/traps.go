package mappings

import (
	"regexp"
	"slices"
	"strings"
)

// repair replaces, in one line of a document, what fell into one of YAML's
// traps by the same text in quotes, so that the rest of the document can be
// read and told about in the same go.
type repair struct {
	line     int // of the document, counted from 0
	from, to int // runes of the line, counted from 0; to is exclusive
	text     string
}

// repaired gives the document's lines with all repairs done.
func (doc *document) repaired(repairs []repair) []string {
	lines := slices.Clone(doc.lines)
	for _, r := range slices.Backward(repairs) { // right to left within a line
		line := []rune(lines[r.line])
		lines[r.line] = string(line[:r.from]) + r.text + string(line[r.to:])
	}
	return lines
}

// originalColumn maps a column (from 1) of a repaired line to where it was.
func originalColumn(repairs []repair, line, col int) int {
	shift := 0
	for _, r := range repairs {
		if r.line != line {
			continue
		}
		length := len([]rune(r.text))
		start := r.from + 1 + shift
		if col < start {
			break
		}
		if col < start+length {
			return r.from + 1
		}
		shift += length - (r.to - r.from)
	}
	return col - shift
}

// trapScanner looks through the raw lines of a document for what YAML takes for
// something else than its author: YAML stays silent about most of it, and
// where it does not, it blames innocent lines below. It follows YAML's
// structure only as far as that needs, and never fails.
type trapScanner struct {
	p         *decoder
	lines     [][]rune
	line, col int // the cursor inside of { } and [ ]
	traps     int
	broken    bool // a trap whose end is unknown: the rest cannot be believed
	tabs      bool // told once
	// valued is the column of the key above that has its value in its line; -1
	// for none. Nothing can be nested below it.
	valued int
}

// scanTraps reports the traps of the document and notes their repairs. stop is
// true when what follows a trap cannot be read.
func (p *decoder) scanTraps() (found, stop bool) {
	s := &trapScanner{p: p, valued: -1}
	for _, line := range p.doc.lines {
		s.lines = append(s.lines, []rune(line))
	}
	for i := 0; i < len(s.lines); {
		i = s.blockLine(i)
	}
	slices.SortStableFunc(p.repairs, func(a, b repair) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.from - b.from
	})
	return s.traps > 0, s.broken
}

// trap reports one; to is -1 where its end is not known.
func (s *trapScanner) trap(line, from, to int, what, message string) {
	s.traps++
	runes := s.lines[line]
	problem := s.p.fail(Pos{File: s.p.doc.file, Line: s.p.doc.first + line, Col: from + 1}, "%s", message)
	problem.Hint = "quote this " + what
	if to < 0 {
		s.broken = true
		if what == "expression" {
			problem.Hint += ", and close its quotes and brackets"
		}
		return
	}
	quoted := quoteYAML(strings.ReplaceAll(string(runes[from:to]), "\t", " "))
	// What may be a secret is not repeated.
	if !s.p.private && maskSecrets(string(runes)) == string(runes) {
		problem.Hint += ": " + quoted
	}
	s.p.repairs = append(s.p.repairs, repair{line: line, from: from, to: to, text: quoted})
}

// blockLine looks at one line outside of { } and [ ], and gives the next one.
func (s *trapScanner) blockLine(i int) int {
	line := s.lines[i]
	c := s.indentation(i)
	if c == len(line) || line[c] == '#' {
		return i + 1
	}
	if rest := strings.TrimSpace(string(line[c:])); len(rest) >= 2 && strings.Trim(rest, "-–—") == "" {
		s.traps++
		s.broken = true
		s.p.fail(s.pos(i, c), "this separates no definitions").Hint = "a separating line is exactly ---, at the beginning of the line"
		return i + 1
	}
	parent := c
	for c < len(line) && line[c] == '-' && (c+1 == len(line) || isBlank(line[c+1])) {
		parent = c
		c = skipBlanks(line, c+1)
	}
	if c < len(line) && line[c] == '?' && (c+1 == len(line) || isBlank(line[c+1])) {
		s.trap(i, c, -1, "expression, in one line", "a line that begins with ? is a complex key in YAML")
		return i + 1
	}
	key, value := blockKey(line, c)
	if key == "" {
		return s.blockValue(i, value, parent, key)
	}
	if s.valued >= 0 && c > s.valued {
		s.traps++
		s.broken = true
		s.p.fail(s.pos(i, c), "this line is indented below one that has its value already").Hint = "indent it like the line above; if it goes on with the expression above, quote that in one line"
	}
	s.valued = -1
	if value < len(line) && !strings.ContainsRune("#|>", line[value]) {
		s.valued = c
	}
	return s.blockValue(i, value, c, key)
}

// indentation skips it; tabs in it are told once and repaired.
func (s *trapScanner) indentation(i int) int {
	line := s.lines[i]
	c := skipBlanks(line, 0)
	content := c < len(line) && line[c] != '#'
	for k := range c {
		if line[k] != '\t' {
			continue
		}
		s.p.repairs = append(s.p.repairs, repair{line: i, from: k, to: k + 1, text: "  "})
		if content && !s.tabs {
			s.tabs = true
			s.traps++
			s.p.fail(s.pos(i, k), "a tab in the indentation").Hint = "YAML indents by spaces only"
		}
	}
	return c
}

func (s *trapScanner) pos(line, col int) Pos {
	return Pos{File: s.p.doc.file, Line: s.p.doc.first + line, Col: col + 1}
}

var blockHeader = regexp.MustCompile(`^[|>][-+0-9]{0,2}\s*(#.*)?$`)

func (s *trapScanner) blockValue(i, c, parent int, key string) int {
	line := s.lines[i]
	if c >= len(line) || line[c] == '#' {
		return i + 1
	}
	switch first := line[c]; first {
	case '|', '>':
		if blockHeader.MatchString(string(line[c:])) {
			return s.skipBlock(i+1, parent)
		}
		s.trap(i, c, blockEnd(line, c), "expression", "a value that begins with "+string(first)+" is a block of text in YAML")
	case '"', '\'':
		return s.quotedValue(i, c)
	case '{', '[':
		return s.flowValue(i, c)
	case '!', '&', '*', '%', '@', '`':
		s.trap(i, c, blockEnd(line, c), "expression", indicator(first))
	default:
		s.plainValue(i, c, key)
	}
	return i + 1
}

// indicator says what YAML takes a first character for.
func indicator(first rune) string {
	switch first {
	case '!':
		return "a value that begins with ! is a tag in YAML, and swallows the lines below it"
	case '&':
		return "a value that begins with & is an anchor in YAML"
	case '*':
		return "a value that begins with * is an alias in YAML"
	default:
		return "a value cannot begin with " + string(first) + " in YAML"
	}
}

// skipBlock gives the first line behind a block of text.
func (s *trapScanner) skipBlock(i, parent int) int {
	for ; i < len(s.lines); i++ {
		indent := skipBlanks(s.lines[i], 0)
		if indent < len(s.lines[i]) && indent <= parent {
			break
		}
	}
	return i
}

// quotedValue checks that nothing follows the closing quote.
func (s *trapScanner) quotedValue(i, c int) int {
	end, at := closingQuote(s.lines[i], c), i
	for end < 0 {
		at++
		if at >= len(s.lines) {
			s.p.unclosed = s.pos(i, c)
			return at
		}
		end = closingQuoteFrom(s.lines[at], 0, s.lines[i][c])
	}
	if onlyComment(s.lines[at], end+1) {
		return at + 1
	}
	const message = "a value that begins with a quote ends at the next one in YAML; more follows here"
	if at > i {
		s.trap(i, c, -1, "expression, in one line", message)
	} else {
		s.trap(i, c, blockEnd(s.lines[i], c), "expression", message)
	}
	return at + 1
}

// flowValue goes through { } or [ ]; something behind it means that it was an
// expression.
func (s *trapScanner) flowValue(i, c int) int {
	traps, repairs, problems := s.traps, len(s.p.repairs), len(s.p.problems)
	s.line, s.col = i, c
	if !s.flow(0) {
		return len(s.lines)
	}
	if onlyComment(s.lines[s.line], s.col) {
		return s.line + 1
	}
	if s.line == i {
		s.traps, s.p.repairs, s.p.problems = traps, s.p.repairs[:repairs], s.p.problems[:problems]
		s.trap(i, c, blockEnd(s.lines[i], c), "expression",
			"a value that begins with "+string(s.lines[i][c])+" is a list or map in YAML; more follows here")
	}
	return s.line + 1
}

// plainValue checks a value without quotes, to the end of its line.
func (s *trapScanner) plainValue(i, c int, key string) {
	line := s.lines[i]
	what := "expression"
	if key == "about" {
		what = "text"
	}
	comment := commentStart(line, c)
	text := line[c:comment]
	end := blockEnd(line, c)
	if comment < len(line) && what == "expression" && cutShort(text) {
		s.trap(i, c, max(end, len(trimRight(text))+c), what, "YAML takes everything behind \" #\" for a comment, and this ends in the middle")
		return
	}
	for k := range text {
		if text[k] == ':' && endsKey(text, k) && k > 0 {
			s.trap(i, c, end, what, colonMessage(text))
			return
		}
	}
	if slices.Contains(trimRight(text), '\t') {
		s.trap(i, c, end, what, "a tab inside a value: YAML drops it")
	}
}

func colonMessage(text []rune) string {
	if slices.Contains(text, '?') {
		return "a ternary outside of quotes: \": \" separates a key from its value in YAML"
	}
	return "\": \" inside a value separates a key from its value in YAML"
}
