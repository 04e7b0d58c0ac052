// Package money holds amounts of money that cannot be mixed up, lost to binary
// fractions or rounded by accident.
//
// # Model
//
// A [Currency] is a code and the number of decimal digits of its minor unit:
// every ISO 4217 currency ([ISO]), and units of a host's own such as loyalty
// credits ([Custom]).
//
// [Money] is an exact decimal amount in one currency. It is immutable. It may
// hold more digits than its currency (a price of 0.0004 USD per megabyte); it is
// payable only when [Money.IsWhole]. Amounts of different currencies do not add
// up or compare: that is [ErrCurrencyMismatch], and there is no conversion.
//
// [Rat] is an exact rational number: an amount before it is rounded. A chain of
// prorations (price × quantity × 17/31) is computed in Rat and rounded once, at
// the end, by [RoundRat]. While numerator and denominator fit in 63 bits it does
// not allocate.
//
// [Allocate] divides an amount into parts that add up to it.
//
// Go's == does not compile for Money and Rat, because equal amounts may be held
// differently; use Equal and Cmp. For the same reason compare Money with Equal in
// tests, not with reflect.DeepEqual. Equal Rats are deeply equal.
//
// # Rounding
//
// Rounding is always named by a [Rounding]. The zero value, [HalfUp], rounds half
// away from zero as commercial rounding does.
//
// # Zero values
//
// Money{} has no currency. It stands for "no amount": adding it to anything is a
// mismatch, its JSON form is null and its text form is empty. Beware of the
// omitzero option of encoding/json: it leaves out 0.00 USD as well, because
// [Money.IsZero] is about the amount.
//
// # Limits
//
// Text and JSON hold at most 64 digits per amount. Amounts in memory have at most
// 1000 digits and an exponent within ±1000. What comes from outside goes through
// a parser of this package, so a hostile "1e999999" costs nothing.
//
// Nothing here depends on the package variables of shopspring/decimal, which a
// host may set: neither results nor formats change with them.
//
// # Errors
//
// Every error wraps one of the sentinels [ErrUnknownCurrency],
// [ErrCurrencyMismatch], [ErrPrecision], [ErrOverflow], [ErrSyntax],
// [ErrDivisionByZero] and [ErrWeights], each of which wraps a kind of package
// tierhost and carries a stable code. Everything in this package is safe for
// concurrent use, apart from decoding into a shared variable.
package money
