package secret

import (
	"context"

	"github.com/tierhost/tierhost"
)

// Sealer encrypts secrets that a store keeps. [Keyring] is one; a host with a key service
// implements it and checks that with secrettest.TestSealer. Within v1 no method will be
// added.
//
// A Sealer MUST be safe for concurrent use, MUST keep nothing of what it is given, and
// MUST NOT put secrets into errors. It may be remote: it is not called within a
// transaction.
type Sealer interface {
	// Seal encrypts plaintext, which may be empty and is not changed. The same plaintext
	// sealed twice MUST NOT be the same bytes.
	//
	// about says what the value is about and where it belongs. It is bound to the value
	// as additional authenticated data: it need not be kept with it, and MUST be given
	// again to open it. It is not secret. Callers make it unique for each row and column,
	// such as "service/svc_17/password".
	Seal(ctx context.Context, plaintext []byte, about string) ([]byte, error)
	// Open returns the plaintext of what Seal made with the same about. For anything else
	// it MUST return no plaintext and an error: [ErrUnknownKey] if the key is not there,
	// else [ErrUnopened]. A key service that does not answer is
	// tierhost.KindUnavailable.
	Open(ctx context.Context, sealed []byte, about string) ([]byte, error)
}

// Errors of this package, for errors.Is; each also is its kernel kind.
var (
	// ErrUnknownKey: a value was sealed with a key that is not there.
	ErrUnknownKey error = tierhost.E("secret", tierhost.KindPrecondition, "unknown_key", nil)
	// ErrUnopened: a value is not what Seal made for this about with this key.
	ErrUnopened error = tierhost.E("secret", tierhost.KindInternal, "secret_unopened", nil)
)
