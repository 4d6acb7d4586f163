package ledger

import "strings"

// A loose row's body is a member's with a version before it.

func (m *bodyMember) loose() ([]byte, error) {
	return m.append([]byte{bodyVersion})
}

func parseLoose(data string) (bodyMember, error) {
	var m bodyMember
	if !strings.HasPrefix(data, string(rune(bodyVersion))) {
		return m, errBody
	}
	r := scanner{rest: data[1:]}
	m.parse(&r)
	if r.bad || r.rest != "" {
		return m, errBody
	}
	return m, nil
}
