package exchange

import (
	"errors"
	"net/url"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

// operation is the parameter by which a customer's browser brings back what it is about.
const operation = "operation"

// Back is the address that a customer returns to, with the operation in its query.
func Back(address string, id gateways.OperationID) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", Refused(tierhost.KindInvalid, "the address to return to cannot be read")
	}
	q := u.Query()
	q.Set(operation, string(id))
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Returned is the operation that a browser brings back by an address of [Back].
func Returned(query url.Values) (gateways.OperationID, error) {
	id := query.Get(operation)
	if id == "" {
		return "", tierhost.E("", tierhost.KindInvalid, "no_operation", errors.New("there is no parameter "+operation))
	}
	return gateways.OperationID(id), nil
}

// BadNotice is the error for a notification that cannot be read.
func BadNotice(why string) error {
	return tierhost.E("", tierhost.KindInvalid, "bad_notice", errors.New(why))
}
