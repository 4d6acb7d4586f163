// Package engine gives Syncline a Temporal cluster and a client of it.
//
// Connect decides which one: the external cluster that TEMPORAL_ADDRESS or a profile
// of temporal.toml names; else the engine that another process of the same state
// folder already runs; else one that it starts in this process, on SQLite files in
// the state folder, with Temporal's Web UI beside it.
//
// The files, all in <state>/engine:
//
//	engine.lock           held by the process that runs the engine, freed by the
//	                      operating system when that process dies
//	engine.json           where that engine is reached (see record)
//	engine.log            the server's warnings and errors
//	temporal-1.32.1.db    the histories; named by the server's version because its
//	                      SQLite schema has no migrations. The ledger is the truth,
//	                      so a new version may begin with an empty file.
//
// Signal to activity start takes 9 ms in the median (TestSignalLatency, two cores,
// synchronous=FULL).
package engine
