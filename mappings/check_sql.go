package mappings

import (
	"regexp"
	"slices"
	"strings"
)

// habit is a piece of SQL and what an expression has for it.
type habit struct {
	pattern *regexp.Regexp
	ours    string
	name    string
}

// sqlHabits find SQL outside of quotes; in the text, each quoted piece is
// replaced by the private-use character U+E000, which patterns may name.
//
//nolint:gochecknoglobals // a constant table
var sqlHabits = []habit{
	{regexp.MustCompile(`(?i)\bis\s+not\s+null\b`), "!= nil", "IS NOT NULL"},
	{regexp.MustCompile(`(?i)\bis\s+null\b`), "== nil", "IS NULL"},
	{regexp.MustCompile(`(?i)(\S+)\s+between\s+(\S+)\s+and\s+(\S+)`), "$1 >= $2 and $1 <= $3", "BETWEEN"},
	{regexp.MustCompile(`(?i)\bnot\s+like\s+`), "not like ", "NOT LIKE"},
	{regexp.MustCompile(`<>`), "!=", "<>"},
	{regexp.MustCompile(`([^=!<>:]|^)=([^=~]|$)`), "$1==$2", "="},
	{regexp.MustCompile(`\bAND\b`), "and", "AND"},
	{regexp.MustCompile(`\bOR\b`), "or", "OR"},
	{regexp.MustCompile(`\bNOT\b`), "not", "NOT"},
	{regexp.MustCompile(`(?i)\bin\s*\(([^()\[\]]*)\)`), "in [$1]", "IN (…)"},
	{regexp.MustCompile(`\bNULL\b`), "nil", "NULL"},
}

// sql finds what is SQL in an expression and shows it in our words. It reports
// whether nothing was found.
func (c *checker) sql(text Text) bool {
	pieces := quotedPiece.FindAllString(text.Value, -1)
	bare := quotedPiece.ReplaceAllString(text.Value, "\ue000")
	if strings.Contains(text.Value, "\ue000") || strings.Contains(bare, "let ") {
		return true // `let x = 1;` is ours
	}
	var found []string
	ours := bare
	first := -1
	for _, h := range sqlHabits {
		if at := h.pattern.FindStringIndex(ours); at != nil {
			found = append(found, h.name)
			ours = h.pattern.ReplaceAllString(ours, h.ours)
			if own := h.pattern.FindStringIndex(bare); own != nil && (first < 0 || own[0] < first) {
				first = own[0]
			}
		}
	}
	if likePiece.MatchString(ours) && !slices.Contains(found, "NOT LIKE") {
		found = append(found, "LIKE")
	}
	if len(found) == 0 {
		return true
	}
	c.fail(text.at(max(0, firstHabit(text.Value, bare, first))), "this is SQL: %s", strings.Join(found, ", ")).Hint =
		"write: " + likeToOurs(ours, pieces)
	return false
}

// firstHabit maps a byte of the bare text to a character of the whole one, as
// far as no quoted piece stands before it.
func firstHabit(whole, bare string, at int) int {
	if at < 0 || at > len(whole) || at > len(bare) || whole[:at] != bare[:at] {
		return 0
	}
	at += len(whole[at:]) - len(strings.TrimLeft(whole[at:], " "))
	return len([]rune(whole[:at]))
}

// likeToOurs puts the quoted pieces back, and says LIKE by what it does.
func likeToOurs(ours string, pieces []string) string {
	var b strings.Builder
	for rest := ours; ; {
		before, after, found := strings.Cut(rest, "\ue000")
		if !found || len(pieces) == 0 {
			return b.String() + rest
		}
		piece := pieces[0]
		pieces = pieces[1:]
		if m := likePiece.FindStringSubmatchIndex(before + "\ue000"); m != nil {
			negated := m[4] >= 0
			operator, literal := likeOperator(piece)
			subject := before[m[2]:m[3]]
			b.WriteString(before[:m[0]])
			if negated {
				b.WriteString("not (" + subject + " " + operator + " " + literal + ")")
			} else {
				b.WriteString(subject + " " + operator + " " + literal)
			}
		} else {
			b.WriteString(before + piece)
		}
		rest = after
	}
}

// likeOperator reads a pattern of LIKE.
func likeOperator(quoted string) (operator, text string) {
	inner := quoted[1 : len(quoted)-1]
	plain := strings.Trim(inner, "%")
	switch {
	case strings.ContainsAny(plain, "%_"):
		return "matches", `"^` + strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(inner)) + `$"`
	case strings.HasPrefix(inner, "%") && strings.HasSuffix(inner, "%"):
		operator = "contains"
	case strings.HasPrefix(inner, "%"):
		operator = "endsWith"
	case strings.HasSuffix(inner, "%"):
		operator = "startsWith"
	default:
		operator = "=="
	}
	return operator, `"` + plain + `"`
}

var (
	quotedPiece = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'|`[^`]*`")
	likePiece   = regexp.MustCompile("(?i)(\\S+)\\s+(not\\s+)?like\\s+\ue000")
)
