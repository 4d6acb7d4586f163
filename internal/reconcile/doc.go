// Package reconcile decides: which rows of different systems are one thing,
// what its fields are now that several systems have their say, what is a
// conflict, and what each system is owed. It is pure. The same state, rules
// and observations give the same outcome, in whatever order they come, and
// resolving an outcome again changes nothing.
package reconcile
