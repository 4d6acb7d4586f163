package demo

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Agreement is what the three systems say when they are read side by side.
type Agreement struct {
	// CRM, Billing and News count records; Aside those without an address.
	CRM, Billing, News, Aside int
	// Everywhere counts people whom crm and billing both have; Same those of
	// them who are the same in all fields of all systems that have them.
	Everywhere, Same int
	// Differ names, by address, the fields in which systems differ.
	Differ map[string][]string
	// Alone are the addresses that crm or billing lack.
	Alone []string
}

// row is somebody as one system shows them, made comparable.
type row struct{ name, city, phone, plan string }

// Compare reads all three systems, with SQL and as a plain file.
func (s Site) Compare(ctx context.Context) (Agreement, error) {
	a := Agreement{Differ: map[string][]string{}}
	crm, err := s.readCRM(ctx, &a)
	if err != nil {
		return a, err
	}
	billing, err := s.readBilling(ctx, &a)
	if err != nil {
		return a, err
	}
	news, err := s.readSubscribers(&a)
	if err != nil {
		return a, err
	}
	for _, email := range addresses(crm, billing, news) {
		c, inCRM := crm[email]
		b, inBilling := billing[email]
		if !inCRM || !inBilling {
			a.Alone = append(a.Alone, email)
			continue
		}
		a.Everywhere++
		differ := c.differs(b)
		if n, subscribed := news[email]; subscribed {
			n.phone, n.plan = c.phone, c.plan // the list does not have them
			differ = append(differ, c.differs(n)...)
		}
		if len(differ) > 0 {
			a.Differ[email] = differ
			continue
		}
		a.Same++
	}
	return a, nil
}

func (r row) differs(o row) []string {
	var fields []string
	for _, pair := range [][3]string{{"name", r.name, o.name}, {"city", r.city, o.city}, {"phone", r.phone, o.phone}, {"plan", r.plan, o.plan}} {
		if pair[1] != pair[2] {
			fields = append(fields, pair[0])
		}
	}
	return fields
}

func addresses(all ...map[string]row) []string {
	var list []string
	for _, rows := range all {
		for email := range rows {
			list = append(list, email)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (s Site) readCRM(ctx context.Context, a *Agreement) (map[string]row, error) {
	const query = `SELECT coalesce(email, ''), coalesce(first_name, '') || ' ' || coalesce(last_name, ''), coalesce(city, ''), coalesce(phone, ''), plan FROM contacts`
	rows, n, err := s.read(ctx, "crm.db", query, a)
	a.CRM = n
	return rows, err
}

func (s Site) readBilling(ctx context.Context, a *Agreement) (map[string]row, error) {
	const query = `SELECT coalesce(email_address, ''), coalesce(full_name, ''), coalesce(town, ''), coalesce(phone, ''),
		CASE substr(plan_code, 1, 1) WHEN 'f' THEN 'Free' WHEN 't' THEN 'Team' WHEN 'p' THEN 'Pro' END FROM customers`
	rows, n, err := s.read(ctx, "billing.db", query, a)
	a.Billing = n
	return rows, err
}

func (s Site) read(ctx context.Context, file, query string, a *Agreement) (found map[string]row, n int, err error) {
	db, err := s.open(file)
	if err != nil {
		return nil, 0, err
	}
	defer db.Close() //nolint:errcheck // it was only read
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", file, err)
	}
	defer rows.Close() //nolint:errcheck // read to its end
	found = map[string]row{}
	for rows.Next() {
		var email, name, city, phone string
		var plan sql.NullString
		if err := rows.Scan(&email, &name, &city, &phone, &plan); err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", file, err)
		}
		n++
		if !strings.Contains(email, "@") {
			a.Aside++
			continue
		}
		found[tidy(email)] = row{name: plain(name), city: plain(city), phone: digits(phone), plan: plan.String}
	}
	return found, n, rows.Err()
}

func (s Site) readSubscribers(a *Agreement) (map[string]row, error) {
	lines, err := s.readNews()
	if err != nil {
		return nil, err
	}
	found := map[string]row{}
	for _, line := range lines[1:] {
		a.News++
		found[tidy(line[0])] = row{name: plain(line[1]), city: plain(line[2])}
	}
	return found, nil
}

// plain leaves out what does not count: spaces around and between words, and
// how accents are composed.
func plain(s string) string { return norm.NFC.String(strings.Join(strings.Fields(s), " ")) }

var noDigit = regexp.MustCompile(`\D`) //nolint:gochecknoglobals // compiled once

// digits leaves the digits of a number, without the zeros that stand for +.
func digits(phone string) string {
	return strings.TrimPrefix(noDigit.ReplaceAllString(phone, ""), "00")
}
