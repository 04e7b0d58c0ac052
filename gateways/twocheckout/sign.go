package twocheckout

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"
)

// algorithms returns the hashes that 2Checkout signs with, but for MD5, by their names in
// answers.
func algorithms() map[string]func() hash.Hash {
	return map[string]func() hash.Hash{
		"sha3-256": func() hash.Hash { return sha3.New256() },
		"sha256":   sha256.New,
	}
}

// source is what is signed: each value behind its length in octets.
func source(values ...string) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(strconv.Itoa(len(v)) + v)
	}
	return b.String()
}

// mac signs values with a key; "" for an algorithm that there is not.
func mac(algorithm, key string, values ...string) string {
	h := algorithms()[algorithm]
	if h == nil {
		return ""
	}
	m := hmac.New(h, []byte(key))
	m.Write([]byte(source(values...)))
	return hex.EncodeToString(m.Sum(nil))
}

func same(a, b string) bool {
	return a != "" && hmac.Equal([]byte(strings.ToLower(a)), []byte(strings.ToLower(b)))
}
