// Package docs_test keeps the pages of this folder true: what they name is
// there, and what they show is taken by the program.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pages are the texts that people read.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files := []string{"../README.md"}
	for _, pattern := range []string{"*.md", "adr/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	require.Greater(t, len(files), 3)
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a page of ours
		require.NoError(t, err)
		texts[file] = string(text)
	}
	return texts
}

// tests gives, for each name of a test, the files that have one of that name.
func tests(t *testing.T) map[string][]string {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	found := map[string][]string{}
	require.NoError(t, filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(name, ".") && path != "..":
			return filepath.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path) //nolint:gosec // a file of the project
		if err != nil {
			return err
		}
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = append(found[m[1]], filepath.ToSlash(strings.TrimPrefix(path, "../")))
		}
		return nil
	}))
	require.NotEmpty(t, found)
	return found
}

// Every test that a page names exists, in the file that the page says.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	known := tests(t)
	named := regexp.MustCompile("`(?:([\\w/]+_test\\.go): )?((?:Test|Fuzz|Benchmark)[A-Z]\\w*)(?:/([^`]+))?`")
	mentions := 0
	for page, text := range pages(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			mentions++
			file, name, part := m[1], m[2], m[3]
			require.NotEmpty(t, known[name], "%s names %s, and there is no such test", page, m[0])
			if file != "" {
				require.Contains(t, known[name], file, "%s names %s", page, m[0])
			}
			if part != "" {
				require.True(t, hasCase(t, name, part), "%s names %s, and it has no such case", page, m[0])
			}
		}
	}
	require.Greater(t, mentions, 50)
}

// hasCase looks for a case of the tests whose cases are data.
func hasCase(t *testing.T, name, part string) bool {
	t.Helper()
	switch name {
	case "TestScenarios":
		_, err := os.Stat(filepath.Join("../internal/reconcile/testdata", part+".yaml"))
		return err == nil
	case "TestCheckGolden":
		_, err := os.Stat(filepath.Join("../mappings/testdata/check", part+".yaml"))
		return err == nil
	case "TestConformance":
		files, err := filepath.Glob("../connectors/conformance/*.go")
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file) //nolint:gosec // a file of the project
			require.NoError(t, err)
			if strings.Contains(string(text), `"`+part+`"`) {
				return true
			}
		}
	}
	return false
}

// Every file and folder of the project that a page names exists.
func TestNamedFilesExist(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("`((?:activities|bench|cli|connectors|docs|internal|mappings|worker|workflows)/[\\w./-]*)`")
	later := map[string]bool{"internal/gateway/": true} // said to be not built yet
	for page, text := range pages(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if later[m[1]] {
				continue
			}
			_, err := os.Stat(filepath.Join("..", m[1]))
			require.NoError(t, err, "%s names %s", page, m[1])
		}
	}
}
