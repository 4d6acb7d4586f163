package reconcile

// slab hands out short slices of one long one. Resolving a bucket needs many of
// them for as long as it lasts; taken one by one they cost more than the rest.
type slab[T any] struct{ free []T }

const slabSize = 8192

func (s *slab[T]) take(n int) []T {
	if n > len(s.free) {
		s.free = make([]T, max(n, slabSize))
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}

// slabs are those of one call of Resolve.
type slabs struct {
	rows    slab[*sighting]
	members slab[*Member]
	values  slab[[]any]
	flags   slab[bool]
	leaves  slab[leave]
	asRead  slab[[]bool]
	row     slab[any]
	seen    slab[sighting]
	work    slab[work]
}
