package activities

// The outcomes of a run.
const (
	OutcomeDone    = "done"
	OutcomeWaiting = "waiting"
	OutcomeStopped = "stopped"
	OutcomeFailed  = "failed"
	// OutcomePaused is of a run that was asked for and not even begun, because a
	// person holds the sync.
	OutcomePaused = "paused"
)

// Result is a finished run, as `run -o json` prints it.
type Result struct {
	Run     string `json:"run"`
	Sync    string `json:"sync"`
	Outcome string `json:"outcome"`
	Counts  Counts `json:"counts"`
	// Targets is set where Counts has each record several times: once for each
	// target of a sync that streams to more than one.
	Targets int                     `json:"targets,omitempty"`
	Systems map[string]SystemResult `json:"systems"`
	Seconds float64                 `json:"seconds"`
	URL     string                  `json:"url"`
	// Reason says why a run stopped, waits or failed; "" when it is done.
	Reason string `json:"reason,omitempty"`
	// Open counts the sync's open conflicts, whichever run found them.
	Open int64 `json:"open_conflicts,omitempty"`
	// Held counts the sync's records in quarantine, whichever run met them.
	Held int64 `json:"in_quarantine,omitempty"`
	// Hash is what an approval of a stopped run is for.
	Hash string `json:"hash,omitempty"`
}

// Counts says how the records that were read ended; all but Read sum to Read.
type Counts struct {
	Read        int64 `json:"read"`
	Applied     int64 `json:"applied"`
	Owed        int64 `json:"owed"`
	Unchanged   int64 `json:"unchanged"`
	Conflicts   int64 `json:"conflicts"`
	Quarantined int64 `json:"quarantined"`
	Ignored     int64 `json:"ignored"`
}

// SystemResult counts one system's part.
type SystemResult struct {
	Read    int64  `json:"read"`
	Created int64  `json:"created"`
	Updated int64  `json:"updated"`
	Deleted int64  `json:"deleted"`
	Down    string `json:"down,omitempty"`
}
