// Package reconcile decides: which rows of different systems are one thing,
// what its fields are now that several systems have their say, what is a
// conflict, and what each system is owed. It is pure. The same state, rules
// and observations give the same outcome, in whatever order they come, and
// resolving an outcome again changes nothing.
//
// Resolve takes a bucket (links, unlinked rows, what was observed, what people
// decided) through these steps:
//
//	gather    observations go to the rows they are of; old ones are dropped   rows.go
//	identify  unknown rows find their link, found one, or become a question    identity.go, match.go
//	arrive    each member takes the state in which its row was seen            arrive.go
//	revive    a tombstone whose thing came back is a link again                tombstones.go
//	merge     each field is decided on its own                                 fields.go, policies.go
//	remove    deletes go to the others, unless an edit speaks against them     deletes.go, contests.go
//	settle    what every member holds is re-expressed against the new base     work.go
//
// Owed derives from a link alone what each system is to be written, and
// Acknowledge gives the link after it was written.
//
// Three ideas carry the rest. A member remembers only where it differs from
// what the base predicts of it (Member.Seen), so that what was last seen there
// is always known and agreement is a question per system. What it is owed is
// such a difference in a field whose base moved after the revision that the
// member acknowledged (Origin.Rev, Member.Acked); a difference that is older
// stands on purpose. And an edit is a difference from what was last seen in
// that system: it meets the edits of others in the window, those that wait in
// an open conflict, and the base, if that moved before the system heard of it.
//
// The scenarios in testdata say in the words of a definition what comes of it;
// the laws in laws_test.go hold for everything else.
package reconcile
