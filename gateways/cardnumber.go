package gateways

// cardRange is a range of the issuer identification numbers (ISO/IEC 7812-1) that a brand
// uses, and how long its numbers are.
type cardRange struct {
	digits   int // of from and to
	from, to int
	shortest int // digits of a whole number
	longest  int
}

func cardRanges() [12]cardRange {
	return [...]cardRange{
		{1, 4, 4, 13, 19},       // Visa
		{2, 51, 55, 16, 16},     // Mastercard
		{4, 2221, 2720, 16, 16}, // Mastercard
		{2, 34, 34, 15, 15},     // American Express
		{2, 37, 37, 15, 15},     // American Express
		{3, 300, 305, 14, 19},   // Diners Club
		{2, 36, 36, 14, 19},     // Diners Club
		{2, 38, 39, 16, 19},     // Diners Club
		{4, 3528, 3589, 16, 19}, // JCB
		{2, 60, 65, 16, 19},     // Discover, UnionPay
		{2, 50, 50, 12, 19},     // Maestro
		{2, 56, 69, 12, 19},     // Maestro
	}
}

// HasCardNumber reports whether a text holds what looks like the number of a card: as
// many digits as a brand's cards have, with its beginning and a right check digit, whole
// or in groups with one space or hyphen between them, and neither a further digit nor a
// letter beside it: identifiers of hexadecimal digits are none. Of numbers of that length
// that are no card's, about one in thirty looks like one.
func HasCardNumber(text string) bool {
	for from, end := nextCardNumber(text, 0); end > 0; from, end = nextCardNumber(text, end) {
		if (from == 0 || !isLetter(text[from-1])) && (end == len(text) || !isLetter(text[end])) {
			return true
		}
	}
	return false
}

// MaskCardNumbers replaces what looks like the number of a card, but for its last four
// digits, also where there are letters beside it.
func MaskCardNumbers(text string) string {
	from, end := nextCardNumber(text, 0)
	if end == 0 {
		return text
	}
	var out []byte
	done := 0
	for ; end > 0; from, end = nextCardNumber(text, done) {
		out = append(append(out, text[done:from]...), "[card "...)
		last := make([]byte, 0, 4)
		for i := end - 1; len(last) < 4; i-- {
			if isDigit(text[i]) {
				last = append(last, text[i])
			}
		}
		out = append(out, last[3], last[2], last[1], last[0], ']')
		done = end
	}
	return string(append(out, text[done:]...))
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// nextCardNumber finds the first card number at or after a position; end is 0 if there is
// none. It takes time in proportion to the text.
func nextCardNumber(text string, at int) (from, end int) {
	const most = 19
	for i := at; i < len(text); {
		if !isDigit(text[i]) {
			i++
			continue
		}
		// A run of groups of digits, each group one step beside the next.
		var digits []byte
		var starts, ends []int // of groups, in the text
		var first []int        // digit with which each group begins
		j := i
		for j < len(text) && isDigit(text[j]) {
			starts, first = append(starts, j), append(first, len(digits))
			for j < len(text) && isDigit(text[j]) {
				digits = append(digits, text[j])
				j++
			}
			ends = append(ends, j)
			if j+1 < len(text) && (text[j] == ' ' || text[j] == '-') && isDigit(text[j+1]) {
				j++
			}
		}
		first = append(first, len(digits))
		for a := range starts {
			for b := a; b < len(starts) && first[b+1]-first[a] <= most; b++ {
				if isCardNumber(digits[first[a]:first[b+1]]) {
					return starts[a], ends[b]
				}
			}
		}
		i = j
	}
	return 0, 0
}

// isCardNumber reports whether digits are a card number.
func isCardNumber(digits []byte) bool {
	if len(digits) < 12 || !luhn(digits) {
		return false
	}
	for _, r := range cardRanges() {
		if len(digits) < r.shortest || len(digits) > r.longest {
			continue
		}
		begin := 0
		for _, d := range digits[:r.digits] {
			begin = begin*10 + int(d-'0')
		}
		if begin >= r.from && begin <= r.to {
			return true
		}
	}
	return false
}

// luhn reports whether the last digit checks the others.
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
