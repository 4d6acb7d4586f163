package worker

import (
	"os"
	"runtime/debug"
)

const (
	// collectAt lets the heap grow to that many percent beyond what is alive
	// before the collector runs: with the engine inside, much is alive that never
	// changes, and looking through it again and again costs a sixth of a copy.
	collectAt = 300
	// memoryLimit is where the collector works harder instead, in bytes of the
	// Go heap. The program itself and SQLite's caches come on top.
	memoryLimit = 280 << 20
)

// SettleMemory tells the runtime how much memory a process that runs steps may
// use before it has to clean up. Who sets GOGC or GOMEMLIMIT knows better.
func SettleMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
