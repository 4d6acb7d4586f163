package mappings

import (
	"github.com/syncline-dev/syncline/internal/record"
)

// direct evaluates a part of an expression without the virtual machine. Calls,
// operators, names and literals have it: nearly every expression of a mapping
// is made of nothing else, and is two to three times as fast. What goes through
// lists with a closure, or has variables of its own, has none and runs on the
// virtual machine; both give the same.
type direct func(m *machine) (any, error)

func directColumn(place int) direct {
	at := maxLets + place
	return func(m *machine) (any, error) { return m.vm.Variables[at], nil }
}

func directLiteral(v record.Value) direct {
	return func(*machine) (any, error) { return v, nil }
}

// directCall evaluates the arguments and calls the function. Arguments stand
// on the machine's own stack: functions never keep them.
func directCall(fn function, args []typed) direct {
	for _, a := range args {
		if a.direct == nil {
			return nil
		}
	}
	if len(args) == 1 {
		only := args[0].direct
		return func(m *machine) (any, error) {
			v, err := only(m)
			if err != nil {
				return nil, err
			}
			base := len(m.stack)
			m.stack = append(m.stack, v)
			v, err = fn(m.stack[base : base+1 : base+1]...)
			m.stack = m.stack[:base]
			return v, err
		}
	}
	evals := directs(args)
	return func(m *machine) (any, error) {
		base := len(m.stack)
		for _, eval := range evals {
			v, err := eval(m)
			if err != nil {
				m.stack = m.stack[:base]
				return nil, err
			}
			m.stack = append(m.stack, v)
		}
		v, err := fn(m.stack[base:len(m.stack):len(m.stack)]...)
		m.stack = m.stack[:base]
		return v, err
	}
}

func directs(args []typed) []direct {
	evals := make([]direct, len(args))
	for i, a := range args {
		evals[i] = a.direct
	}
	return evals
}

func directList(args []typed) direct {
	for _, a := range args {
		if a.direct == nil {
			return nil
		}
	}
	evals := directs(args)
	return func(m *machine) (any, error) {
		list := make([]any, len(evals))
		for i, eval := range evals {
			v, err := eval(m)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
}

// directLogic is `and` and `or`: decides is the value of the left side that
// leaves the right one alone.
func directLogic(left, right direct, decides bool) direct {
	if left == nil || right == nil {
		return nil
	}
	return func(m *machine) (any, error) {
		l, err := left(m)
		if err != nil {
			return nil, err
		}
		b, is := l.(bool)
		if is && b == decides {
			return l, nil
		}
		if !is && !nothing(l) {
			return opTruth(l)
		}
		r, err := right(m)
		if err != nil {
			return nil, err
		}
		return logic(l, r, decides)
	}
}

func directCoalesce(left, right direct) direct {
	if left == nil || right == nil {
		return nil
	}
	return func(m *machine) (any, error) {
		v, err := left(m)
		if err != nil || !nothing(v) {
			return v, err
		}
		return right(m)
	}
}

func directChoice(cond, yes, no direct) direct {
	if cond == nil || yes == nil || no == nil {
		return nil
	}
	return func(m *machine) (any, error) {
		v, err := cond(m)
		if err != nil {
			return nil, err
		}
		truth, err := opTruth(v)
		if err != nil {
			return nil, err
		}
		if truth == true {
			return yes(m)
		}
		return no(m)
	}
}

// runDirect is the barrier: whatever a library does with strange input, it is
// a fault of one record.
func (m *machine) runDirect(eval direct) (v any, err error) {
	defer func() {
		if recover() != nil {
			m.stack = m.stack[:0]
			v, err = nil, faultf("cannot be computed from these values")
		}
	}()
	return eval(m)
}
