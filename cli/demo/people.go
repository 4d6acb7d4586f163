package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// person is somebody whom one system or more knows, as they really are.
type person struct {
	email, first, last, city, phone, plan string
}

func (p person) name() string { return p.first + " " + p.last }

// howMany people there are, and the seed that makes them the same ones always.
const (
	howMany = 320
	seed    = 20260105
)

// Names, written as their bearers do.
func firstNames() []string {
	return strings.Fields(`Ada Anaïs Bjørn Carlos Chloé Dilek Elif Emeka Fatou Giulia Hanna Inés Jan José Jürgen
		Kofi Lena Łukasz Mária Mehmet Nadia Noor Ólafur Oskar Priya Rosa Samir Siobhán Søren Tomáš Ursula Vera
		Wanjiru Ximena Yusuf Zoë`)
}

func lastNames() []string {
	return strings.Split("Andersen,Berg,Černý,da Silva,Diallo,Doyle,Eze,Fontaine,García Márquez,Haas,Ibrahim,Jansen,"+
		"Kaya,Kowalska,Lindström,Mbeki,Müller,Nakamura,Ní Bhriain,O’Connor,Okafor,Pereira,Rossi,Sánchez,Þórsdóttir,"+
		"Tremblay,Ülker,van der Berg,Weiß,Yıldız,Žižka", ",")
}

func cities() []string {
	return strings.Split("Berlin,Wien,Zürich,København,Kraków,Málaga,Paris,Porto,Roma,Malmö,Galway,İzmir", ",")
}

// newPeople makes them up. Some share a name; no two share an address.
func newPeople(r *rand.Rand) []person {
	firsts, lasts, towns := firstNames(), lastNames(), cities()
	domains := []string{"example.com", "example.org", "example.net"}
	plans := []string{"Free", "Free", "Free", "Team", "Pro"}
	taken := map[string]int{}
	people := make([]person, howMany)
	for i := range people {
		p := person{first: pick(r, firsts), last: pick(r, lasts), city: pick(r, towns), plan: pick(r, plans)}
		if i%40 == 39 { // somebody else of the same name
			p.first, p.last = people[i-1].first, people[i-1].last
		}
		box := ascii(p.first) + "." + ascii(p.last)
		if taken[box]++; taken[box] > 1 {
			box = fmt.Sprintf("%s%d", box, taken[box])
		}
		p.email = box + "@" + pick(r, domains)
		p.phone = fictionalPhone(r)
		people[i] = p
	}
	return people
}

// fictionalPhone gives a number out of the ranges that are kept for stories.
func fictionalPhone(r *rand.Rand) string {
	switch r.IntN(3) {
	case 0:
		return fmt.Sprintf("+493023125%03d", r.IntN(1000))
	case 1:
		return fmt.Sprintf("+442079460%03d", r.IntN(1000))
	default:
		return fmt.Sprintf("+3319900%04d", r.IntN(10_000))
	}
}

// messy is how people's data really look: case, spaces, forms of phone numbers.
type messy struct{ r *rand.Rand }

func (m messy) often(percent int) bool { return m.r.IntN(100) < percent }

func (m messy) email(s string) string {
	switch {
	case m.often(12):
		return strings.ToUpper(s[:1]) + s[1:]
	case m.often(6):
		return strings.ToUpper(s)
	case m.often(8):
		return " " + s + " "
	default:
		return s
	}
}

func (m messy) text(s string) string {
	switch {
	case m.often(6):
		return s + "  "
	case m.often(4):
		return decomposed(s)
	case m.often(3):
		return " " + s
	default:
		return s
	}
}

func (m messy) phone(s string) any {
	switch {
	case m.often(15):
		return nil
	case m.often(30):
		return s[:3] + " " + s[3:5] + " " + s[5:8] + " " + s[8:]
	case m.often(15):
		return "00" + s[1:3] + "-" + s[3:]
	default:
		return s
	}
}

// moved gives another city now and then: two systems that already disagree.
func (m messy) city(s string) string {
	if m.often(4) {
		return pick(m.r, cities())
	}
	return m.text(s)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// ascii spells a name as mailboxes are spelt.
func ascii(s string) string {
	s = strings.NewReplacer("ß", "ss", "ø", "o", "ł", "l", "Ł", "L", "Þ", "Th", "ð", "d", "ı", "i", "’", "", " ", "").Replace(s)
	var b strings.Builder
	for _, c := range decomposed(s) {
		if c < 128 {
			b.WriteRune(c)
		}
	}
	return strings.ToLower(b.String())
}
