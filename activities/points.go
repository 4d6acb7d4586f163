package activities

// Point is a place in a run where a crash must do no harm. Tests stop the
// process at each of them.
type Point string

// The labelled points, in the order of a run.
const (
	PointBegun       Point = "detect: the epoch is taken"
	PointExtracted   Point = "extract: staged, not reported"
	PointTransformed Point = "transform: staged, not reported"
	PointRead        Point = "resolve: read, nothing committed"
	PointDecided     Point = "resolve: decided, nothing committed"
	PointResolved    Point = "resolve: committed, not reported"
	PointGuarded     Point = "guard: passed"
	PointIntended    Point = "load: intents recorded, nothing written"
	PointWritten     Point = "load: written, not acknowledged"
	PointPaid        Point = "load: acknowledged, not reported"
	PointLooked      Point = "load: refused rows resolved again"
	PointClosing     Point = "finish: counted, not committed"
	PointClosed      Point = "finish: committed, not reported"
)

// Points lists all labelled points.
func Points() []Point {
	return []Point{
		PointBegun, PointExtracted, PointTransformed, PointRead, PointDecided, PointResolved, PointGuarded,
		PointIntended, PointWritten, PointPaid, PointLooked, PointClosing, PointClosed,
	}
}

// at tells whoever watches that a point is reached.
func (s *Sessions) at(p Point) {
	if s.At != nil {
		s.At(p)
	}
}
