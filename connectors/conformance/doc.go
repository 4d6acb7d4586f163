// Package conformance is the suite that every connector passes: a connector is
// done when it does so against the real thing.
//
// A connector brings a Subject of some 20 to 60 lines: how a fresh table with
// given rows is made, opened with the connector, and looked at without it. The
// suite does the rest:
//
//	func TestConformance(t *testing.T) { //nolint:paralleltest // looks for leaked goroutines
//		conformance.Run(t, conformance.Subject{Name: "sqlite", New: newFixture})
//	}
//
// What an object cannot do, its Capabilities and optional interfaces say, and
// the cases that need it are skipped with that reason. The Subject lists them in
// Cannot: a case that is skipped and not listed fails, and so does one that is
// listed and could run; nothing is left out in silence. Values that only some
// systems can hold may be refused, but then as BadRecord, alone, and with
// nothing written.
//
// Cases run one after the other, and the test that calls Run must not be
// parallel, because a case looks for leaked goroutines.
package conformance
