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
	case reconcile.OpDelete:
		item.Op = connectors.OpDelete
		return item, nil
	case reconcile.OpSoft:
		item.Op = connectors.OpUpdate
		item.Set = make([]record.Value, len(mapping.Write))
		for i := range item.Set {
			item.Set[i] = record.Missing
		}
		p.setSoft(item.Set, softValue(p.opened(), mapping.SoftColumn, p.pass.Now))
		return item, nil
	case reconcile.OpCreate:
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
	if err := writer.Write(d.payment.Values, owed, item.Op == connectors.OpCreate, item.Set); err != nil {
		return item, err
	}
	if item.Op == connectors.OpCreate {
		p.leaveDefaults(item.Set)
		if !writer.Belongs(item.Set) {
			return item, errForeign
		}
	}
	if d.payment.Op == reconcile.OpRestore {
		p.setSoft(item.Set, unsoftValue(p.opened(), mapping.SoftColumn))
	}
	return item, nil
}

// errForeign is why a row is not made that would leave the sync with its birth.
var errForeign = connectors.Errorf(connectors.BadRecord,
	"a row of this record would not match the system's own `where`; on_create can write what makes it match, a `when` or `allow: {create: false}` keeps it away")

// leaveDefaults leaves out what has no value and may have none there, where the
// column has its own for new records.
func (p *payer) leaveDefaults(set []record.Value) {
	for i, column := range p.opened().Mapping.Write {
		field, _ := p.opened().Description.Schema.Field(column)
		if set[i] == nil && field.HasDefault && !field.Nullable {
			set[i] = record.Missing
		}
	}
}

func (p *payer) setSoft(set []record.Value, v record.Value) {
	for i, column := range p.opened().Mapping.Write {
		if column == p.opened().Mapping.SoftColumn {
			set[i] = v
		}
	}
}

// unsoftValue is how a record looks that is not deleted.
func unsoftValue(system *OpenSystem, column string) record.Value {
	if field, _ := system.Description.Schema.Field(column); field.Type.Kind == record.KindBool {
		return false
	}
	return nil
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
