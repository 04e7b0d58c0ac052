package postgres

import (
	"github.com/tierhost/tierhost/billing"
)

func keyTable() table {
	return table{"billing_keys", columns(
		textType, "scope action key",
		byteaType, "fingerprint",
		bigintType, "account entry_after entry_last document_after document_last",
		instantType, "recorded",
	)}
}

func (rs *rowset) key(k *billing.Key) {
	rs.begin()
	rs.text(k.Scope)
	rs.text(k.Action)
	rs.text(k.Key)
	rs.bytes(k.Fingerprint)
	rs.int(int64(k.Account))
	rs.int(k.EntryAfter)
	rs.int(k.EntryLast)
	rs.int(k.DocumentAfter)
	rs.int(k.DocumentLast)
	rs.instant(k.Recorded)
}

func (s *scan) key(k *billing.Key) {
	k.Scope = s.text()
	k.Action = s.text()
	k.Key = s.text()
	k.Fingerprint = s.bytes()
	k.Account = billing.AccountID(s.int())
	k.EntryAfter = s.int()
	k.EntryLast = s.int()
	k.DocumentAfter = s.int()
	k.DocumentLast = s.int()
	k.Recorded = s.instant()
}

type keyStatements struct {
	insertStatements
	find *statement // scope, action, key
}

func newKeyStatements(x sqlText) keyStatements {
	t := keyTable()
	return keyStatements{
		insertStatements: newInsertStatements(x, t),
		find: x.statement("SELECT " + t.names("") + ` FROM {{schema}}.billing_keys
			WHERE scope = $1::text AND action = $2::text AND key = $3::text`),
	}
}
