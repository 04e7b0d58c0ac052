package mysql

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"github.com/tierhost/tierhost/secret"
)

// quote writes an identifier. Texts are parameters, which the driver below us writes into
// the statement, identifiers cannot be.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// pattern is a name as a pattern of GRANT, which takes _ and % for any characters.
func pattern(name string) string { return strings.NewReplacer("_", `\_`, "%", `\%`).Replace(name) }

// identified sets a password by its hash. The clients of every language know the method.
const identified = " IDENTIFIED VIA mysql_native_password USING ?"

// hash is what the server keeps of a password.
func hash(password secret.Text) string {
	once := sha1.Sum([]byte(password.Reveal()))
	return hashOf(once[:])
}

func hashOf(once []byte) string {
	twice := sha1.Sum(once)
	return "*" + strings.ToUpper(hex.EncodeToString(twice[:]))
}
