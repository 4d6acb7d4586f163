package testenv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
)

// errNoPostgres is what a test fails with, rather than being skipped: a suite that
// skips its databases proves nothing.
var errNoPostgres = errors.New("no PostgreSQL server programs found (initdb, postgres): " +
	"run internal/testenv/install.sh, or install them (Debian: apt-get install postgresql; " +
	"macOS: brew install postgresql), or name their folder in SYNCLINE_PG_BIN")

// binaries returns the folder with initdb and postgres. It looks in
// SYNCLINE_PG_BIN, in PATH and where Debian, source builds and Homebrew put them,
// the newest version first. install.sh looks in the same places.
func binaries() (string, error) {
	if dir := os.Getenv("SYNCLINE_PG_BIN"); dir != "" {
		if !hasServer(dir) {
			return "", errors.New("SYNCLINE_PG_BIN=" + dir + " holds no initdb and postgres")
		}
		return dir, nil
	}
	for _, dir := range candidates() {
		if hasServer(dir) {
			return dir, nil
		}
	}
	return "", errNoPostgres
}

func candidates() []string {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		// initdb looks for postgres and its share folder beside its real self.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		sort.Slice(found, func(i, j int) bool { return versionIn(found[i]) > versionIn(found[j]) })
		dirs = append(dirs, found...)
	}
	return append(dirs, "/usr/local/pgsql/bin")
}

// versionIn is the last whole number in a path: 15 in /usr/lib/postgresql/15/bin.
func versionIn(path string) int {
	end := len(path)
	for end > 0 && (path[end-1] < '0' || path[end-1] > '9') {
		end--
	}
	start := end
	for start > 0 && path[start-1] >= '0' && path[start-1] <= '9' {
		start--
	}
	n, err := strconv.Atoi(path[start:end])
	if err != nil {
		return 0
	}
	return n
}

func hasServer(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name)) //nolint:gosec // the folder is the user's own word
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
