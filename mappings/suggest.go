package mappings

import (
	"slices"
	"strings"
)

// suggest gives the candidate that was probably meant, or "": the nearest by
// edits, as long as most of the word is right; case and separators count little.
func suggest(word string, candidates []string) string {
	best, bestDistance := "", 0
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		d := editDistance(foldWord(word), foldWord(candidate))
		limit := max(len([]rune(candidate)), len([]rune(word)))/3 + 1
		if len([]rune(candidate)) <= 3 {
			limit = 1
		}
		if candidate == word || d > limit || (d > 0 && d >= len([]rune(word))) {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// didYouMean gives the hint for an unknown word: the nearest candidate, else
// all of them while they are few.
func didYouMean(word string, candidates []string) string {
	if near := suggest(word, candidates); near != "" {
		return "did you mean `" + near + "`?"
	}
	if len(candidates) == 0 || len(candidates) > 30 {
		return ""
	}
	return "there are: " + strings.Join(candidates, ", ")
}

func foldWord(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '-', ' ', '.':
			return '_'
		default:
			return r
		}
	}, strings.ToLower(s))
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 100 || len(y) > 100 {
		return 100
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
