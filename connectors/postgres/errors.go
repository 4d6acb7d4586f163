package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
)

// serverError is what we say of an error that the server reported: its code
// and the names in it. Messages of errors about data quote the data, and the
// Detail of every error may, so neither goes on.
type serverError struct {
	code, text string
	// schema and constraint name the constraint that was violated.
	schema, constraint string
}

// Error gives the text and the code.
func (e *serverError) Error() string { return e.text + " (SQLSTATE " + e.code + ")" }

// codeOf gives the SQLSTATE of an error, or "".
func codeOf(err error) string {
	if ours, ok := errors.AsType[*serverError](err); ok {
		return ours.code
	}
	if theirs, ok := errors.AsType[*pgconn.PgError](err); ok {
		return theirs.Code
	}
	return ""
}

// violated names the constraint that an error is about.
func violated(err error) (schema, constraint string) {
	if ours, ok := errors.AsType[*serverError](err); ok {
		return ours.schema, ours.constraint
	}
	if theirs, ok := errors.AsType[*pgconn.PgError](err); ok {
		return theirs.SchemaName, theirs.ConstraintName
	}
	return "", ""
}

// classify says what was being done and gives the error its kind. It keeps
// nothing of an error that could quote a record or a secret.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*connectors.Error](err); ok {
		return connectors.Wrap(known.Kind, doing, err)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		kind, hint := kindOf(pg.Code)
		return &connectors.Error{Kind: kind, Doing: doing, Hint: hint, Err: describeError(pg)}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return connectors.Wrap(connectors.Transient, doing, err)
	}
	if kind, is := connectionKind(err); is {
		return &connectors.Error{Kind: kind, Doing: doing, Err: errors.New(connectionText(err))}
	}
	return connectors.Wrap(connectors.Transient, doing, err)
}

func connectionKind(err error) (connectors.Kind, bool) {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	if errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &verify) {
		return connectors.Permanent, true
	}
	var file *fs.PathError
	if errors.As(err, &file) { // of whoever takes the rows; it would pass for a net.Error
		return "", false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return connectors.Transient, errors.As(err, &connect) || errors.As(err, &network)
}

// connectionText keeps the cause of a failed connection on one line. Each way
// that was tried, with TLS and without, has a line; alike ones are told once.
func connectionText(err error) string {
	var told []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !slices.Contains(told, line) {
			told = append(told, line)
		}
	}
	return strings.Join(told, " ")
}

// kindOf gives the kind of an SQLSTATE, and what the user can do.
func kindOf(code string) (connectors.Kind, string) {
	switch code {
	case "42501":
		return connectors.Unauthorized, "grant the role what it needs"
	case "3D000", "42P01", "3F000":
		return connectors.NotFound, ""
	case "42703", "42704", "42804", "42883", "42846":
		return connectors.SchemaChanged, ""
	case "23505", "23P01":
		return connectors.Conflict, ""
	case "P0001", "44000", "54000":
		return connectors.BadRecord, ""
	case "08P01":
		return connectors.Permanent, ""
	case "25006":
		return connectors.Permanent, "the server or the role only reads"
	case "55P03", "40001", "40P01":
		return connectors.Transient, ""
	case "53100":
		return connectors.NoSpace, "the server's disk is full; " + connectors.FreeSpace
	}
	switch code[:min(2, len(code))] {
	case "28":
		return connectors.Unauthorized, "check user and password"
	case "22", "23":
		return connectors.BadRecord, ""
	case "08", "53", "57", "58":
		return connectors.Transient, ""
	default:
		return connectors.Permanent, ""
	}
}

// describeError names what an error is about without quoting data.
func describeError(pg *pgconn.PgError) *serverError {
	e := &serverError{code: pg.Code, schema: pg.SchemaName, constraint: pg.ConstraintName, text: pg.Message}
	if kind, _ := kindOf(pg.Code); kind != connectors.BadRecord && kind != connectors.Conflict {
		return e
	}
	e.text = dataErrors[pg.Code]
	if e.text == "" {
		e.text = "the server refuses a value"
	}
	for _, part := range []struct{ what, name string }{
		{"constraint", pg.ConstraintName},
		{"column", pg.ColumnName},
		{"type", pg.DataTypeName},
		{"table", pg.TableName},
	} {
		if part.name != "" {
			e.text += ", " + part.what + " " + part.name
		}
	}
	return e
}

//nolint:gochecknoglobals // a constant table
var dataErrors = map[string]string{
	"22001": "a text is longer than its column",
	"22003": "a number is out of the range of its column",
	"22007": "not a date or time",
	"22008": "a date or time out of range",
	"22021": "a character that the database's encoding cannot represent",
	"22P02": "a text that is not a value of its column's type",
	"22P03": "a value in a form that its column does not take",
	"22P05": "a character that the database's encoding cannot represent",
	"22030": "JSON with the same key twice",
	"22032": "not valid JSON",
	"23502": "NULL in a column that refuses it",
	"23503": "a reference to a row that is not there, or a row that is still referred to",
	"23505": "another row has this value already",
	"23514": "a check constraint refuses the row",
	"23P01": "an exclusion constraint refuses the row",
	"44000": "the row violates the view's check option",
	"54000": "a value too large, perhaps for an index",
	"P0001": "a trigger or function of the database refuses the row",
}

// itemError reports errors that one row can be the reason of.
func itemError(err error) bool {
	switch connectors.KindOf(classify("", err)) {
	case connectors.BadRecord, connectors.Conflict:
		return true
	default:
		return false
	}
}
