package provisioning

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// compact returns JSON as encoding/json writes it within other JSON, so that it comes back
// from a store byte by byte, and nothing for nothing or what is not JSON.
func compact(j json.RawMessage) json.RawMessage {
	var b, escaped bytes.Buffer
	if json.Compact(&b, j) != nil || b.Len() == 0 {
		return nil
	}
	json.HTMLEscape(&escaped, b.Bytes())
	return escaped.Bytes()
}

// kept returns JSON of a driver as stores keep it, and nothing for what they cannot keep.
func kept(j json.RawMessage) json.RawMessage {
	if len(j) > maxConfig || !utf8.Valid(j) || bytes.Contains(j, []byte(`\u0000`)) {
		return nil
	}
	return compact(j)
}

func defaultDemand(kind Kind, position int) string { return string(kind) + strconv.Itoa(position) }

// storable reports whether every store keeps texts that come from elsewhere: UTF-8
// without NUL.
func storable(texts ...string) bool {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return false
		}
	}
	return true
}
