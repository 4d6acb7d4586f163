// Package stage is where batches wait between the steps of a run: Arrow IPC
// streams with LZ4 on a blob store, which any Arrow tool can open.
//
// The stage is a cache and never the truth. An object becomes visible whole,
// when its writer commits, or not at all; an object that is gone or damaged is
// ErrMissing, and whoever needed it makes it again. Nothing is flushed to disk
// with fsync for that reason: a power cut costs a repeated extract, no data.
//
// Names are slash-separated paths chosen by the caller, such as
// `crm/run/7/extract/2.arrow`. Writing a name again replaces the object, so a
// step that runs twice needs no clean-up. Data streams through: a writer or
// reader holds one batch and 256 KB at a time.
package stage
