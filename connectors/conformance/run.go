package conformance

import (
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
)

// check is one case of the suite.
type check struct {
	name string
	// needs gives the reason why the subject cannot do it, or "".
	needs func(features) string
	run   func(tb testing.TB, s *suite)
}

// suite is one subject under test.
type suite struct {
	Subject
	features
}

// features is what the object says of itself.
type features struct {
	can                                                connectors.Capabilities
	source, sink, finder, loader, create, where, names bool
}

// Run runs every case against the subject.
func Run(t *testing.T, subject Subject) {
	t.Helper()
	s := &suite{Subject: subject}
	s.features = look(t, subject)
	list := checks()
	for _, pattern := range subject.Cannot {
		require.True(t, slices.ContainsFunc(list, func(c check) bool { return matches(pattern, c.name) }),
			"Cannot names a case that does not exist: %s", pattern)
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			why, wrong := s.lacks(c)
			require.Empty(t, wrong)
			if why != "" {
				t.Skip(subject.Name + " cannot: " + why)
			}
			c.run(t, s)
		})
	}
}

// lacks gives the reason why the subject cannot run a case, "" if it can; and
// what is wrong when the subject's own list does not say the same.
func (s *suite) lacks(c check) (why, wrong string) {
	if c.needs != nil {
		why = c.needs(s.features)
	}
	listed := slices.ContainsFunc(s.Cannot, func(pattern string) bool { return matches(pattern, c.name) })
	switch {
	case why != "" && !listed:
		return why, s.Name + " skips a case that its Cannot does not list: " + why
	case why == "" && listed:
		return "", s.Name + " lists a case in Cannot that it can run"
	}
	return why, ""
}

// matches tells whether a pattern of Cannot names a case.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// look opens an object to see what it can do.
func look(tb testing.TB, subject Subject) features {
	tb.Helper()
	s := &suite{Subject: subject}
	o := s.open(tb, subject.New(tb, s.people(0)))
	d, err := o.Describe(tb.Context())
	require.NoError(tb, err)
	if key, _ := d.Schema.Field("id"); !key.ReadOnly {
		d.Can.ServerKeys = false // it may choose keys, but takes ours
	}
	f := features{can: d.Can, names: !subject.NoNames}
	_, f.source = connectors.As[connectors.Source](o)
	_, f.sink = connectors.As[connectors.Sink](o)
	_, f.finder = connectors.As[connectors.Finder](o)
	_, f.loader = connectors.As[connectors.Loader](o)
	_, f.create = connectors.As[connectors.Creator](o)
	_, f.where = connectors.As[connectors.Translator](o)
	f.sink = f.sink && d.Can.Writable
	return f
}

// checks lists all cases; a subject that cannot run one says so.
func checks() []check {
	list := slices.Concat(describing(), reading(), values(), fetching(), writing(), guarding(), loading(), living())
	for _, mode := range []connectors.Mode{connectors.ModeCursor, connectors.ModeTrigger, connectors.ModeLog} {
		list = append(list, following(mode)...)
	}
	return list
}

func needsSource(f features) string { return unless(f.source, "it is no source") }
func needsSink(f features) string   { return unless(f.source && f.sink, "it is no sink") }
func needsFinder(f features) string { return unless(f.finder, "it cannot find rows by value") }
func needsLoader(f features) string { return unless(f.loader && f.sink, "it has no bulk load") }

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// open opens a fixture's object for as long as the case runs.
func (s *suite) open(tb testing.TB, f Fixture) connectors.Object {
	tb.Helper()
	o := f.Open(tb)
	tb.Cleanup(o.Close)
	return o
}

func source(tb testing.TB, o connectors.Object) connectors.Source {
	tb.Helper()
	src, ok := connectors.As[connectors.Source](o)
	require.True(tb, ok, "not a Source")
	return src
}

func sink(tb testing.TB, o connectors.Object) connectors.Sink {
	tb.Helper()
	to, ok := connectors.As[connectors.Sink](o)
	require.True(tb, ok, "not a Sink")
	return to
}
