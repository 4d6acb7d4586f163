// Package activities is the five steps of a run (detect, extract, transform,
// resolve, load) and the few small acts around them, as Temporal activities. A
// struct per step, with what it depends on as fields. Steps are thin: they
// open, call the pure rooms, write and report. Everything that travels between
// them through Temporal is in pass.go: names, references, positions and
// counts, never records.
package activities
