// Package record is the common tongue of all rooms: the types a field can
// have, the Go value each of them is, rows and Arrow batches of them, the keys
// that name rows, the hashes that compare them and the positions that say how
// far a system has been read. It is pure and imports nothing of ours.
//
// A value is an `any` out of a closed set, so that expressions, SQL drivers and
// tests can use it as it is:
//
//	kind       Go value          canonical form
//	NULL       nil
//	absent     Missing           a path that is not there: neither NULL nor ""
//	string     string            valid UTF-8; NFC compares, own bytes are kept
//	int        int64
//	float      float64           one NaN, -0 is 0
//	decimal    Decimal           text without exponent, trailing zeros or -0
//	bool       bool
//	timestamp  Timestamp         microseconds UTC
//	date       Date              days since 1970-01-01
//	time       TimeOfDay         microseconds since midnight
//	uuid       UUID              16 bytes
//	bytes      Bytes
//	json       JSON              RFC 8785 text with exact numbers
//	list, set  List              a set is sorted and has no doubles
//
// All of them but List compare with ==; Equal compares any two by meaning.
package record
