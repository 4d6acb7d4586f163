// Package mappings is the definition language: it parses definitions, checks
// them against what the systems look like, compiles them and applies them to
// rows. It is pure: files come in as bytes, the environment as a function, and
// systems as descriptions; nothing here dials, reads a clock or logs.
package mappings
