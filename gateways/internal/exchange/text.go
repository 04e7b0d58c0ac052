package exchange

import (
	"strings"
	"unicode"
)

// Line is a text in one line of at most so many characters, without control characters and
// such as turn the direction of others, as providers show it to customers.
func Line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	n := 0
	for i := range text {
		if n == most {
			return strings.TrimRight(text[:i], " ")
		}
		n++
	}
	return text
}

// ASCII is a Line of ASCII only: what others there are become question marks. Most old
// interfaces take no more.
func ASCII(text string, most int) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, Line(text, most))
}

// Purpose is what the customer reads: the number and the text of an operation.
func Purpose(number, text string) string {
	switch {
	case number == "" || text == number:
		return text
	case text == "":
		return number
	}
	return number + ": " + text
}
