package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionView says what this program was made of.
type versionView struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Temporal string `json:"temporal_server,omitempty"`
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if a.screen.json {
				return a.screen.print(v)
			}
			changed := ""
			if v.Modified {
				changed = ", modified"
			}
			a.screen.say("syncline %s", v.Version)
			if v.Commit != "" {
				a.screen.say("commit   %s%s", v.Commit, changed)
			}
			a.screen.say("go       %s %s", v.Go, v.Platform)
			if v.Temporal != "" {
				a.screen.say("temporal %s", v.Temporal)
			}
			return nil
		},
	}
}

func version() versionView {
	v := versionView{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = orElse(info.Main.Version, v.Version)
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Commit = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	for _, dep := range info.Deps {
		if dep.Path == "go.temporal.io/server" {
			v.Temporal = dep.Version
		}
	}
	return v
}
