// Package worker wires the rooms together: it opens the ledger, the stage and
// the connectors of one state folder and runs the Temporal worker that does the
// work of every sync in it.
package worker
