package connectors

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest gives the candidate that was probably meant by a misspelt name: the
// one that differs in the fewest letters, if most of them are right; else "".
// Case does not count.
func Nearest(name string, candidates []string) string {
	best, least := "", 1+len(name)/3
	for _, c := range candidates {
		if d := edits(strings.ToLower(name), strings.ToLower(c)); d < least || (best == "" && d == least && d < len(name)) {
			best, least = c, d
		}
	}
	return best
}

// edits counts the letters to insert, delete and replace (Levenshtein, over
// bytes) that make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// UnknownOption refuses a setting of a connection that its connector does not
// have: ignoring it would leave out what somebody asked for.
func UnknownOption(name string, known ...string) error {
	known = slices.Sorted(slices.Values(known))
	hint := "there are " + strings.Join(known, ", ")
	if near := Nearest(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &Error{Kind: Permanent, Hint: hint, Err: fmt.Errorf("there is no option %s", name)}
}
