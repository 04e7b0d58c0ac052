package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

var errShort = errors.New("a value of another length than its type has")

// scan reads the values of rows, in order. What most rows have in common (sellers,
// plans, currencies) is remembered by column from the row before, not made again.
type scan struct {
	values [][]byte
	next   int
	err    error
	memo   []memo
}

// memo is what a column held last.
type memo struct {
	text     string
	currency money.Currency
	period   billing.Period
	set      bool
}

// row starts the next row.
func (s *scan) row(values [][]byte) {
	s.values, s.next = values, 0
	if len(s.memo) < len(values) {
		s.memo = make([]memo, len(values))
	}
}

func (s *scan) fail(err error) {
	if s.err == nil {
		s.err = fmt.Errorf("value %d of the row: %w", s.next, err)
	}
}

// value returns the next value, nil for NULL.
func (s *scan) value() []byte {
	if s.next >= len(s.values) {
		s.fail(errors.New("the row has fewer values"))
		return nil
	}
	v := s.values[s.next]
	s.next++
	return v
}

func (s *scan) fixed(size int) []byte {
	v := s.value()
	if v != nil && len(v) != size {
		s.fail(errShort)
		return nil
	}
	return v
}

func (s *scan) int() int64 {
	v := s.fixed(8)
	if v == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

func (s *scan) bool() bool {
	v := s.fixed(1)
	return v != nil && v[0] != 0
}

// text returns a text; NULL is "".
func (s *scan) text() string { return s.remember().text }

func (s *scan) remember() *memo {
	v := s.value()
	m := &s.memo[max(s.next-1, 0)]
	if string(v) != m.text {
		*m = memo{text: string(v)}
	}
	return m
}

// bytes returns a copy; NULL is nil.
func (s *scan) bytes() []byte { return bytes.Clone(s.value()) }

func (s *scan) period() billing.Period {
	m := s.remember()
	if !m.set && m.text != "" {
		p, err := billing.ParsePeriod(m.text)
		if err != nil {
			s.fail(err)
		}
		m.period, m.set = p, true
	}
	return m.period
}

func (s *scan) currency() money.Currency {
	m := s.remember()
	if !m.set && m.text != "" {
		code, digits, ok := strings.Cut(m.text, ":")
		exponent, err := strconv.ParseInt(digits, 10, 8)
		if !ok || err != nil {
			s.fail(fmt.Errorf("%w: %.40q", money.ErrUnknownCurrency, m.text))
		}
		m.currency, m.set = money.Currency{Code: code, Exponent: int8(exponent)}, true
	}
	return m.currency
}

// amount is the inverse of rowset.amount.
func (s *scan) amount(c money.Currency) money.Money {
	v := s.fixed(8)
	if v == nil {
		return money.Money{}
	}
	return money.FromMinor(int64(binary.BigEndian.Uint64(v)), c)
}

func (s *scan) date() billing.Date {
	v := s.fixed(4)
	if v == nil {
		return billing.Date{}
	}
	return billing.DateFromDays(int32(binary.BigEndian.Uint32(v)) + epochDay)
}

// accounts reads a list of accounts; an empty one is nil.
func (s *scan) accounts() []billing.AccountID {
	v := s.value()
	if len(v) == 0 {
		return nil
	}
	ids := make([]billing.AccountID, 0, bytes.Count(v, []byte{','})+1)
	for part := range bytes.SplitSeq(v, []byte{','}) {
		id, err := strconv.ParseInt(string(part), 10, 64)
		if err != nil {
			s.fail(err)
			return nil
		}
		ids = append(ids, billing.AccountID(id))
	}
	return ids
}

func (s *scan) instant() time.Time {
	v := s.fixed(8)
	if v == nil {
		return time.Time{}
	}
	return instantOf(int64(binary.BigEndian.Uint64(v)))
}

func instantOf(micros int64) time.Time {
	sec, rest := micros/1e6, micros%1e6
	return time.Unix(sec+epochSecond, rest*1000).UTC()
}

func (s *scan) numeric() decimal.Decimal {
	v := s.value()
	if v == nil {
		return decimal.Decimal{}
	}
	d, err := parseNumeric(v)
	if err != nil {
		s.fail(err)
	}
	return d
}

// optional returns nil for NULL.
func (s *scan) optional() *decimal.Decimal {
	if s.next < len(s.values) && s.values[s.next] == nil {
		s.next++
		return nil
	}
	d := s.numeric()
	return &d
}

func (s *scan) rat() money.Rat {
	v := s.value()
	if len(v) == 1 && v[0] >= '0' && v[0] <= '9' {
		return money.RatInt(int64(v[0] - '0'))
	}
	var r money.Rat
	if err := r.UnmarshalText(v); err != nil {
		s.fail(err)
	}
	return r
}

// json reads a JSON text; NULL leaves to as it is.
func (s *scan) json(to any) {
	v := s.value()
	if v == nil {
		return
	}
	if err := json.Unmarshal(v, to); err != nil {
		s.fail(err)
	}
}
