package activities

// Where says what a step's input is about, by names only, for logs. A system
// that no session of this process knows stays unnamed.
func (s *Sessions) Where(input any) (run, system string) {
	index := -1
	switch in := input.(type) {
	case Request:
		run = in.Run
	case ExtractInput:
		run, index = in.Pass.Run, in.System
	case TransformInput:
		run, index = in.Pass.Run, in.System
	case LoadInput:
		run, index = in.Pass.Run, in.System
	case ResolveInput:
		run = in.Pass.Run
	case GuardInput:
		run = in.Pass.Run
	case FinishInput:
		run = in.Pass.Run
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.open[run]
	if index < 0 || o == nil || o.session == nil || index >= len(o.session.Systems) {
		return run, ""
	}
	return run, o.session.Systems[index].Definition.Name.Value
}
