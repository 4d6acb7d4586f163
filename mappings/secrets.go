package mappings

import (
	"regexp"
	"strings"
)

var (
	secretKey   = regexp.MustCompile(`(?i)(?:^|[\s{,"'])((?:[a-z0-9_-]*(?:password|passwd|secret|token|apikey|api_key|credential|private_key)[a-z0-9_-]*))["']?\s*:\s*("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,}#][^,}#]*)`)
	urlPassword = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#]*@`)
)

// maxShown bounds a source line that is shown, in bytes; nobody reads longer
// ones.
const maxShown = 2_000

// maskSecrets hides what looks like a secret in a source line that is shown
// beside a problem. It keeps the number of characters, so that the caret still
// stands below its place. References such as ${NAME} stay.
func maskSecrets(line string) string {
	if len(line) > maxShown {
		return ""
	}
	line = maskGroup(line, secretKey, 2)
	return urlPassword.ReplaceAllStringFunc(line, func(s string) string {
		scheme, userinfo, _ := strings.Cut(strings.TrimSuffix(s, "@"), "://")
		user, password, has := strings.Cut(userinfo, ":")
		if !has || isReference(password) {
			return s
		}
		return scheme + "://" + user + ":" + strings.Repeat("*", len([]rune(password))) + "@"
	})
}

func maskGroup(line string, pattern *regexp.Regexp, group int) string {
	var b strings.Builder
	done := 0
	for _, m := range pattern.FindAllStringSubmatchIndex(line, -1) {
		from, to := m[2*group], m[2*group+1]
		value := line[from:to]
		b.WriteString(line[done:from])
		if isReference(strings.Trim(value, `"' `)) {
			b.WriteString(value)
		} else {
			b.WriteString(strings.Repeat("*", len([]rune(value))))
		}
		done = to
	}
	return b.String() + line[done:]
}

// isReference is true for a value that only names a secret.
func isReference(s string) bool {
	return strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") && strings.Count(s, "${") == 1
}
