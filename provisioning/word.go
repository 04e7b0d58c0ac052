package provisioning

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// compact returns JSON without white space, and nothing for nothing.
func compact(j json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, j) != nil || b.Len() == 0 {
		return nil
	}
	return b.Bytes()
}

func defaultDemand(kind Kind, position int) string { return string(kind) + strconv.Itoa(position) }
