package mappings

import (
	"regexp"
	"strings"
	"unicode"
)

func quoteYAML(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// blockKey finds the key at c; without one it is "" and value is c.
func blockKey(line []rune, c int) (key string, value int) {
	if c >= len(line) || line[c] == '{' || line[c] == '[' {
		return "", c
	}
	if line[c] == '"' || line[c] == '\'' {
		end := closingQuote(line, c)
		if end < 0 {
			return "", c
		}
		if colon := skipBlanks(line, end+1); colon < len(line) && line[colon] == ':' && endsKey(line, colon) {
			return string(line[c+1 : end]), skipBlanks(line, colon+1)
		}
		return "", c
	}
	for k := c; k < len(line); k++ {
		switch {
		case line[k] == '#' && k > c && isBlank(line[k-1]):
			return "", c
		case line[k] == ':' && endsKey(line, k) && k > c:
			return strings.TrimSpace(string(line[c:k])), skipBlanks(line, k+1)
		}
	}
	return "", c
}

// closingQuote gives the place of the quote that closes the one at c, or -1.
func closingQuote(line []rune, c int) int { return closingQuoteFrom(line, c+1, line[c]) }

func closingQuoteFrom(line []rune, c int, quote rune) int {
	for k := c; k < len(line); k++ {
		switch {
		case quote == '"' && line[k] == '\\':
			k++
		case line[k] != quote:
		case quote == '\'' && k+1 < len(line) && line[k+1] == '\'':
			k++
		default:
			return k
		}
	}
	return -1
}

// commentStart gives where YAML's comment begins, or the line's end.
func commentStart(line []rune, c int) int {
	for k := c + 1; k < len(line); k++ {
		if line[k] == '#' && isBlank(line[k-1]) {
			return k
		}
	}
	return len(line)
}

// blockEnd gives the end of the expression at c: a comment begins only outside
// of its quotes.
func blockEnd(line []rune, c int) int {
	end, _ := expressionEnd(line, c, false)
	return end
}

// expressionEnd follows an expression's own quotes and brackets; in flow it
// ends before , ] and } outside of them. complete is false when a quote or a
// bracket is still open at the end.
func expressionEnd(line []rune, c int, flow bool) (end int, complete bool) {
	k := c
	var quote rune
	var closers []rune // of the open brackets
scan:
	for ; k < len(line); k++ {
		r := line[k]
		switch {
		case quote != 0:
			switch r {
			case '\\':
				k++
			case quote:
				quote = 0
			}
		case r == '"', r == '`', r == '\'' && (k == c || !isWord(line[k-1])):
			quote = r
		case r == '(':
			closers = append(closers, ')')
		case r == '[':
			closers = append(closers, ']')
		case r == '{':
			closers = append(closers, '}')
		case flow && len(closers) == 0 && (r == ',' || r == ']' || r == '}'):
			break scan
		case r == ')' || r == ']' || r == '}':
			if len(closers) == 0 || closers[len(closers)-1] != r {
				return c + len(trimRight(line[c:k])), false
			}
			closers = closers[:len(closers)-1]
		case r == '#' && k > c && isBlank(line[k-1]):
			break scan
		}
	}
	k = min(k, len(line))
	return c + len(trimRight(line[c:k])), quote == 0 && len(closers) == 0
}

var endsInOperator = regexp.MustCompile(`(?:==|!=|<=|>=|[-+*/%<>(,\[?|&]|\b(?:and|or|not|in|contains|startsWith|endsWith|matches))$`)

// cutShort reports whether a text ends in the middle of an expression.
func cutShort(text []rune) bool {
	_, complete := expressionEnd(text, 0, false)
	return !complete || endsInOperator.MatchString(strings.TrimSpace(string(text)))
}

func onlyComment(line []rune, c int) bool {
	rest := skipBlanks(line, c)
	return rest >= len(line) || (line[rest] == '#' && rest > c)
}

// endsKey: a colon ends a key before white space and at the end of the line.
func endsKey(line []rune, colon int) bool {
	return colon+1 >= len(line) || isBlank(line[colon+1])
}

func skipBlanks(line []rune, c int) int {
	for c < len(line) && isBlank(line[c]) {
		c++
	}
	return c
}

func trimRight(text []rune) []rune {
	end := len(text)
	for end > 0 && isBlank(text[end-1]) {
		end--
	}
	return text[:end]
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }
func isWord(r rune) bool  { return unicode.IsLetter(r) || unicode.IsDigit(r) }
