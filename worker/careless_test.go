package worker_test

import (
	"context"

	"github.com/syncline-dev/syncline/connectors"
)

// careless is a system whose writers leave something out.
type careless struct {
	connectors.Sink
	connectors.Source
	leave func(*connectors.Writes)
}

func (c careless) Describe(ctx context.Context) (connectors.Description, error) {
	return c.Sink.Describe(ctx)
}
func (c careless) Close()                    { c.Sink.Close() }
func (c careless) Unwrap() connectors.Object { return c.Sink }

func (c careless) Apply(ctx context.Context, w connectors.Writes) ([]connectors.Result, error) {
	c.leave(&w)
	return c.Sink.Apply(ctx, w)
}

// blindly writes without conditions: what a tool does that does not look.
func blindly(o connectors.Object) connectors.Object {
	return careless{o.(connectors.Sink), o.(connectors.Source), func(w *connectors.Writes) {
		for i := range w.Items {
			w.Items[i].Token, w.Items[i].Seen = "", [16]byte{}
		}
	}}
}

// unfenced writes whoever has begun meanwhile.
func unfenced(o connectors.Object) connectors.Object {
	return careless{o.(connectors.Sink), o.(connectors.Source), func(w *connectors.Writes) { w.Fence.Check = nil }}
}
