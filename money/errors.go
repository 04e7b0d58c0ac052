package money

import (
	"errors"
	"fmt"

	"github.com/tierhost/tierhost"
)

// The errors of this package. Each wraps [tierhost.ErrInvalid] except
// [ErrCurrencyMismatch], which wraps [tierhost.ErrPrecondition]: the two amounts
// are sound, they just do not go together.
var (
	// ErrUnknownCurrency: no such currency, or a known code with other digits.
	ErrUnknownCurrency error = tierhost.E("money", tierhost.KindInvalid, "unknown_currency", errors.New("unknown currency"))
	// ErrCurrencyMismatch: two amounts in different currencies, or one without any.
	ErrCurrencyMismatch error = tierhost.E("money", tierhost.KindPrecondition, "currency_mismatch", errors.New("currencies differ"))
	// ErrPrecision: the amount has more digits than the place it should go to.
	ErrPrecision error = tierhost.E("money", tierhost.KindInvalid, "precision", errors.New("too many digits"))
	// ErrOverflow: the amount is too large for the place it should go to.
	ErrOverflow error = tierhost.E("money", tierhost.KindInvalid, "overflow", errors.New("amount too large"))
	// ErrSyntax: the text is not what the parser reads.
	ErrSyntax error = tierhost.E("money", tierhost.KindInvalid, "syntax", errors.New("malformed"))
	// ErrDivisionByZero: a denominator or divisor is zero.
	ErrDivisionByZero error = tierhost.E("money", tierhost.KindInvalid, "division_by_zero", errors.New("division by zero"))
	// ErrWeights: the weights of an allocation are negative, all zero, or none.
	ErrWeights error = tierhost.E("money", tierhost.KindInvalid, "weights", errors.New("unusable weights"))
)

// syntaxError quotes the beginning of hostile input only.
func syntaxError(what, s string) error {
	return fmt.Errorf("%w %s: %.80q", ErrSyntax, what, s)
}
