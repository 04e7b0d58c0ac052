package provisioning

import (
	"bytes"
	"encoding/json"
	"strconv"
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
