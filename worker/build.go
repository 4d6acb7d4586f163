package worker

import (
	"runtime/debug"
	"sync"

	"go.temporal.io/sdk/worker"
)

// nameBuild tells the engine by which program a workflow was carried on. Left
// to itself, the SDK reads and hashes the whole binary for it, which takes a
// third of a second at every start.
//
//nolint:gochecknoglobals // the SDK keeps the name for the process, too
var nameBuild = sync.OnceFunc(func() { worker.SetBinaryChecksum(buildName()) })

func buildName() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "syncline"
	}
	name := "syncline " + info.Main.Version
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision", "vcs.time":
			name += " " + setting.Value
		}
	}
	return name
}
