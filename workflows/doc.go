// Package workflows is the durable side of a sync. Sync is the one mind of a
// sync: everything reaches it, it does one thing at a time, and it waits for
// people. Run is one pass: detect, extract, transform, resolve, load.
// Scheduled is what a Temporal Schedule starts.
//
// Workflows decide and wait. They do no I/O, and all that they know is in the
// ledger too: a terminated Sync starts again with nothing lost.
package workflows
