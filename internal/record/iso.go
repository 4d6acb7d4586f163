package record

import "strings"

// ISOTimestamp reads the form of almost every timestamp, YYYY-MM-DD HH:MM:SS
// with a space or a T, an optional fraction of up to six digits, and nothing, Z
// or ±HH, ±HH:MM behind, many times faster than a general parser and without
// memory of its own. false leaves the text to ParseTimestamp, which reads the
// same ones as the same instants, and more.
func ISOTimestamp(s string) (Timestamp, bool) {
	if len(s) < 19 || (s[10] != ' ' && s[10] != 'T') || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	day, ok := ISODate(s[:10])
	h, okH := twoDigits(s, 11)
	m, okM := twoDigits(s, 14)
	sec, okS := twoDigits(s, 17)
	if !ok || !okH || !okM || !okS || h > 23 || m > 59 || sec > 59 {
		return 0, false
	}
	at := ((int64(day)*24+int64(h))*60+int64(m))*60_000_000 + int64(sec)*1_000_000
	rest := s[19:]
	if rest == "" {
		return Timestamp(at), true
	}
	if rest[0] == '.' {
		end, frac := 1, 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			frac = frac*10 + int(rest[end]-'0')
			if end++; end > 7 {
				return 0, false
			}
		}
		if end == 1 {
			return 0, false
		}
		for range 7 - end {
			frac *= 10
		}
		at += int64(frac)
		rest = rest[end:]
	}
	east, ok := zone(rest)
	return Timestamp(at - int64(east)*60_000_000), ok
}

// zone reads how many minutes before UTC a clock is.
func zone(s string) (minutes int, ok bool) {
	switch {
	case s == "" || s == "Z":
		return 0, true
	case len(s) != 3 && (len(s) != 6 || s[3] != ':') || s[0] != '+' && s[0] != '-':
		return 0, false
	}
	h, ok := twoDigits(s, 1)
	if !ok || h > 23 {
		return 0, false
	}
	if minutes = h * 60; len(s) == 6 {
		m, ok := twoDigits(s, 4)
		if !ok || m > 59 {
			return 0, false
		}
		minutes += m
	}
	if s[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

// ISODate reads YYYY-MM-DD; false leaves the text to ParseDate.
func ISODate(s string) (Date, bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	return civil(s, 0, 5, 8)
}

// civil reads a day whose year, month and day stand at places of a text.
func civil(s string, year, month, day int) (Date, bool) {
	century, okC := twoDigits(s, year)
	y, okY := twoDigits(s, year+2)
	m, okM := twoDigits(s, month)
	d, okD := twoDigits(s, day)
	y += century * 100
	if !okC || !okY || !okM || !okD || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	// Days from the civil calendar, counted in years that begin in March; 400
	// years are added so that none is below zero.
	if m <= 2 {
		y--
		m += 12
	}
	y += 400
	return Date(y*365 + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 719_468 - 146_097), true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

func twoDigits(s string, at int) (int, bool) {
	tens, ones := s[at]-'0', s[at+1]-'0'
	return int(tens)*10 + int(ones), tens <= 9 && ones <= 9
}

// dayPattern is where a layout of a date has its parts, all of fixed width.
type dayPattern struct {
	layout           string
	year, month, day int
}

// fixedDay finds the parts of a layout such as 02.01.2006; false if it has
// others, or parts of changing width.
func fixedDay(layout string) (dayPattern, bool) {
	p := dayPattern{layout: layout, year: strings.Index(layout, "2006")}
	if p.year < 0 || len(layout) != 10 {
		return p, false
	}
	rest := layout[:p.year] + "\x00\x00\x00\x00" + layout[p.year+4:]
	p.month, p.day = strings.Index(rest, "01"), strings.Index(rest, "02")
	if p.month < 0 || p.day < 0 {
		return p, false
	}
	for i := range len(layout) {
		if !p.part(i) && strings.IndexByte("./-", layout[i]) < 0 {
			return p, false
		}
	}
	return p, true
}

func (p dayPattern) part(i int) bool {
	return i >= p.year && i < p.year+4 || i >= p.month && i < p.month+2 || i >= p.day && i < p.day+2
}

func (p dayPattern) parse(s string) (Date, bool) {
	if len(s) != len(p.layout) {
		return 0, false
	}
	for i := range len(s) {
		if s[i] != p.layout[i] && !p.part(i) {
			return 0, false
		}
	}
	return civil(s, p.year, p.month, p.day)
}
