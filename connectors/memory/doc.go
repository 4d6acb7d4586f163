// Package memory is the reference connector: systems that live in the memory
// of this process, behave in every way that a real one can, and fail on
// request. It is what the steps are tested against, and what shows how the
// contract is meant.
//
// A Store is a system, named and shared by the whole process; a Table in it is
// an object with a Shape: its columns and its Personality. Database and API are
// the two usual personalities. A test prepares a table, hands out the
// connector, looks at the rows itself, and plans faults:
//
//	store := memory.Named(t.Name())
//	people := store.Create("people", memory.Shape{Schema: schema, Key: []string{"id"}})
//	people.Put(row)
//	store.Fail(memory.Fault{Method: "apply", Late: true, Kind: connectors.Transient})
//
// In a definition a memory system is `connector: memory` with `store: NAME`.
package memory
