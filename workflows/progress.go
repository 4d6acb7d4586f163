package workflows

// QueryProgress is the query that a Run answers while it goes on.
const QueryProgress = "progress"

// Progress is how far a run is.
type Progress struct {
	// Step is the step that goes on now.
	Step string `json:"step"`
	// Read and Written count records so far.
	Read    int64 `json:"read"`
	Written int64 `json:"written"`
	// Steps has the steps in their order.
	Steps []StepProgress `json:"steps"`
}

// StepProgress is how far one step is. Total 0 is not known yet. Unit is what is
// counted; "" is records.
type StepProgress struct {
	Name  string `json:"name"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Unit  string `json:"unit,omitempty"`
}

func (r *run) progress() (Progress, error) {
	p := Progress{Step: r.now}
	expected := int64(0)
	for _, w := range r.detected.Windows {
		expected += max(w.Rows, 0)
		p.Read += r.read[w.System]
	}
	loaded := int64(0)
	for _, l := range r.loaded {
		written := l.Created + l.Updated + l.Deleted
		p.Written += written
		loaded += written + l.Unchanged
	}
	expected = max(expected, p.Read)
	toLoad := r.resolved.Tally.Applied + r.resolved.Tally.Owed
	if r.detected.Stateless {
		toLoad = expected * int64(len(r.detected.Targets))
	}
	systems := int64(len(r.detected.Windows))
	p.Steps = []StepProgress{
		{Name: "detect", Done: systems, Total: systems, Unit: "systems"},
		{Name: "extract", Done: p.Read, Total: expected},
		{Name: "transform", Done: r.transformed, Total: expected},
		{Name: "resolve", Done: min(r.resolved.Tally.Read, expected), Total: expected},
		{Name: "load", Done: loaded, Total: max(toLoad, loaded)},
	}
	return p, nil
}
