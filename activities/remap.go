package activities

import (
	"encoding/hex"
	"encoding/json"

	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// When a definition changes, a row meets the sync for the first time again in
// the fields that are read otherwise now, and in no others. So the ledger keeps
// for each system the mappings by which its rows were ever read: the hash of
// each, and with it those of its fields.

// readBy is one mapping of a system, by hashes.
type readBy struct {
	Mapping string            `json:"mapping"`
	Fields  map[string]string `json:"fields"`
}

// mostMappings bounds how many are kept: rows that were last read by an older
// one meet for the first time in all fields.
const mostMappings = 100

// readEarlier gives what the ledger keeps; none, if it cannot be read: then
// every field meets for the first time.
func readEarlier(text string) []readBy {
	var known []readBy
	if text == "" || json.Unmarshal([]byte(text), &known) != nil {
		return nil
	}
	return known
}

// readAlso is what the ledger keeps from now on; the same text if the mapping is
// in it.
func readAlso(text string, m *mappings.SystemMapping, schema *record.Schema) (string, error) {
	known := readEarlier(text)
	now := readBy{Mapping: m.Hash.String(), Fields: map[string]string{}}
	for _, k := range known {
		if k.Mapping == now.Mapping {
			return text, nil
		}
	}
	for f, hash := range m.FieldHashes {
		if m.Has[f] {
			now.Fields[schema.Fields[f].Name] = hash.String()
		}
	}
	known = append(known, now)
	all, err := json.Marshal(known[max(0, len(known)-mostMappings):])
	return string(all), err
}

// kept tells, by an earlier mapping's hash, which fields are read as they were.
func kept(text string, m *mappings.SystemMapping, schema *record.Schema) map[record.Hash][]bool {
	earlier := map[record.Hash][]bool{}
	for _, k := range readEarlier(text) {
		var hash record.Hash
		if decoded, err := hex.DecodeString(k.Mapping); err != nil || copy(hash[:], decoded) != len(hash) {
			continue
		}
		same := make([]bool, len(m.FieldHashes))
		for f, now := range m.FieldHashes {
			same[f] = m.Has[f] && k.Fields[schema.Fields[f].Name] == now.String()
		}
		earlier[hash] = same
	}
	return earlier
}
