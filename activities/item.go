package activities

import (
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// item gives a payment as a write: the raw columns of the fields that are
// owed, on the condition that the row is as it was last seen.
func (p *payer) item(writer *mappings.Writer, d due) (connectors.Item, error) {
	mapping := p.opened().Mapping
	item := connectors.Item{Key: d.payment.Key, Token: d.payment.Token, Seen: d.payment.RawHash}
	switch d.payment.Op {
	case "delete":
		item.Op = connectors.OpDelete
		return item, nil
	case "soft":
		item.Op = connectors.OpUpdate
		item.Set = make([]record.Value, len(mapping.Write))
		for i, column := range mapping.Write {
			item.Set[i] = record.Missing
			if column == mapping.SoftColumn {
				item.Set[i] = softValue(p.opened(), column, p.pass.Now)
			}
		}
		return item, nil
	case "create":
		item.Op = connectors.OpCreate
		item.Intent = intentOf(p.pass.Sync, p.name(), d)
	default:
		item.Op = connectors.OpUpdate
	}
	owed := make([]bool, len(p.session.Mapping.Schema.Fields))
	for _, f := range d.payment.Fields {
		owed[f] = true
	}
	item.Set = make([]record.Value, len(mapping.Write))
	err := writer.Write(d.payment.Values, owed, item.Op == connectors.OpCreate, item.Set)
	return item, err
}

// softValue is how a deleted record looks: a time in a column of times, true
// in a column of bools.
func softValue(system *OpenSystem, column string, now record.Timestamp) record.Value {
	field, _ := system.Description.Schema.Field(column)
	if field.Type.Kind == record.KindBool {
		return true
	}
	v, err := record.Convert(field.Type, now)
	if err != nil {
		return now.String()
	}
	return v
}

// acknowledgement collects what a load step tells the ledger.
type acknowledgement struct {
	payer  *payer
	reader *mappings.Reader
	links  []*reconcile.Link
	owed   map[string][]reconcile.Payment
	change []journalLine
	bad    []quarantineLine
}

type journalLine struct {
	due   due
	item  connectors.Item
	after []record.Value
	key   record.Key
	token string
}

type quarantineLine struct {
	due due
	err error
}

func newAcknowledgement(p *payer) *acknowledgement {
	return &acknowledgement{payer: p, owed: map[string][]reconcile.Payment{}}
}
