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
	// Steps has the steps in their order; extract, transform and load count
	// records, resolve counts groups.
	Steps []StepProgress `json:"steps"`
}

// StepProgress is how far one step is. Total 0 is not known yet.
type StepProgress struct {
	Name  string `json:"name"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

func (r *run) progress() (Progress, error) {
	p := Progress{Step: r.now}
	expected := int64(0)
	for _, w := range r.detected.Windows {
		expected += max(w.Rows, 0)
		p.Read += r.read[w.System]
	}
	for _, l := range r.loaded {
		p.Written += l.Created + l.Updated + l.Deleted
	}
	expected = max(expected, p.Read)
	changed := r.resolved.Tally.Applied + r.resolved.Tally.Owed
	p.Steps = []StepProgress{
		{Name: "extract", Done: p.Read, Total: expected},
		{Name: "transform", Done: r.transformed, Total: expected},
		{Name: "resolve", Done: int64(r.groupsDone), Total: int64(r.detected.Pass.Groups)},
		{Name: "load", Done: p.Written, Total: max(changed, p.Written)},
	}
	return p, nil
}
