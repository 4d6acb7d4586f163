package mappings

import (
	"slices"
	"strings"
)

// flow goes through the { } or [ ] at the cursor and leaves the cursor behind
// it; false means that it is never closed.
func (s *trapScanner) flow(depth int) bool {
	closing := '}'
	if s.lines[s.line][s.col] == '[' {
		closing = ']'
	}
	if depth > maxDepth {
		return false
	}
	opened := s.pos(s.line, s.col)
	s.col++
	for s.skip() {
		switch r := s.lines[s.line][s.col]; r {
		case closing:
			s.col++
			return true
		case '}', ']':
			s.notClosed(opened)
			return false
		case ',':
			s.col++
		default:
			if !s.flowItem(depth) {
				s.notClosed(opened)
				return false
			}
		}
	}
	s.notClosed(opened)
	return false
}

// notClosed remembers the innermost bracket that is never closed, in case that
// the parser finds something wrong: it would blame a line below.
func (s *trapScanner) notClosed(at Pos) {
	if s.p.unclosed == (Pos{}) {
		s.p.unclosed = at
	}
}

// skip goes over white space, line ends and comments; false is the end of the
// document.
func (s *trapScanner) skip() bool {
	for s.line < len(s.lines) {
		line := s.lines[s.line]
		next := skipBlanks(line, s.col)
		if next < len(line) && (line[next] != '#' || (next > 0 && !isBlank(line[next-1]))) {
			s.col = next
			return true
		}
		s.line++
		s.col = 0
	}
	return false
}

// flowItem goes through one entry: a value, or a key with its value.
func (s *trapScanner) flowItem(depth int) bool {
	if keyed, ok := s.flowNode(depth, false); !keyed || !ok {
		return ok
	}
	if !s.skip() {
		return false
	}
	if strings.ContainsRune(",}]", s.lines[s.line][s.col]) {
		return true
	}
	_, ok := s.flowNode(depth, true)
	return ok
}

// flowNode goes through a key or a value. keyed means that it was a key: the
// cursor is behind its colon.
func (s *trapScanner) flowNode(depth int, isValue bool) (keyed, ok bool) {
	i, c := s.line, s.col
	line := s.lines[i]
	switch first := line[c]; first {
	case '{', '[':
		traps, repairs, problems := s.traps, len(s.p.repairs), len(s.p.problems)
		if !s.flow(depth + 1) {
			return false, false
		}
		if s.line == i && s.followed(isValue) {
			s.traps, s.p.repairs, s.p.problems = traps, s.p.repairs[:repairs], s.p.problems[:problems]
			s.flowTrap(i, c, "a value that begins with "+string(first)+" is a list or map in YAML; more follows here")
			return false, true
		}
	case '"', '\'':
		end := closingQuote(line, c)
		for end < 0 {
			if s.line++; s.line >= len(s.lines) {
				s.notClosed(s.pos(i, c))
				return false, false
			}
			end = closingQuoteFrom(s.lines[s.line], 0, first)
		}
		s.col = end + 1
		if s.line == i && s.followed(isValue) {
			s.flowTrap(i, c, "a value that begins with a quote ends at the next one in YAML; more follows here")
			return false, true
		}
	case '!', '&', '*', '%', '@', '`':
		s.flowTrap(i, c, indicator(first))
		return false, true
	default:
		return s.flowPlain(isValue), true
	}
	return !isValue && s.takeColon(), true
}

// takeColon goes over the colon of a quoted key.
func (s *trapScanner) takeColon() bool {
	line := s.lines[s.line]
	next := skipBlanks(line, s.col)
	if next >= len(line) || line[next] != ':' {
		return false
	}
	s.col = next + 1
	return true
}

// followed reports whether something stands behind a quoted text or a list
// that neither ends the entry nor makes it a key.
func (s *trapScanner) followed(isValue bool) bool {
	line := s.lines[s.line]
	next := skipBlanks(line, s.col)
	if next >= len(line) || strings.ContainsRune(",}]", line[next]) {
		return false
	}
	if line[next] == '#' && next > s.col {
		return false
	}
	return line[next] != ':' || isValue
}

// flowTrap reports the expression at c and goes behind it.
func (s *trapScanner) flowTrap(i, c int, message string) {
	end, complete := expressionEnd(s.lines[i], c, true)
	s.line, s.col = i, end
	if !complete {
		end, s.col = -1, len(s.lines[i])
	}
	s.trap(i, c, end, "expression", message)
}

// flowPlain goes through a text without quotes; it reports whether it was a
// key.
func (s *trapScanner) flowPlain(isValue bool) (keyed bool) {
	i, c := s.line, s.col
	line := s.lines[i]
	end := flowPlainEnd(line, c)
	text := trimRight(line[c:end])
	s.col = end
	_, complete := expressionEnd(text, 0, false)
	switch {
	case end == len(line): // goes on in the next line, or ends there
	case line[end] == ':' && !isValue && complete:
		s.col = end + 1
		return true
	case line[end] == ':':
		s.flowTrap(i, c, colonMessage(text))
		return false
	case line[end] == '[' || line[end] == '{':
		s.flowTrap(i, c, "inside of { } and [ ] a "+string(line[end])+" begins something new in YAML")
		return false
	case line[end] == ',' && !complete:
		s.flowTrap(i, c, "inside of { } and [ ] a comma ends the value in YAML")
		return false
	case line[end] == '#' && cutShort(text):
		s.flowTrap(i, c, "YAML takes everything behind \" #\" for a comment, and this ends in the middle")
		return false
	}
	if slices.Contains(text, '\t') {
		s.trap(i, c, c+len(text), "expression", "a tab inside a value: YAML drops it")
	}
	return false
}

// flowPlainEnd gives where YAML ends a text without quotes inside of { }.
func flowPlainEnd(line []rune, c int) int {
	for k := c; k < len(line); k++ {
		switch line[k] {
		case ',', '[', ']', '{', '}':
			return k
		case ':':
			if endsKey(line, k) || strings.ContainsRune(",[]{}", line[k+1]) {
				return k
			}
		case '#':
			if k > c && isBlank(line[k-1]) {
				return k
			}
		}
	}
	return len(line)
}
