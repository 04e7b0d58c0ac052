package provisioning

import "time"

// Verb is what an operation asks of a driver.
type Verb string

// The verbs. The first four are followed by a read that shows that it worked.
const (
	VerbEnsure   Verb = "ensure"
	VerbSuspend  Verb = "suspend"
	VerbResume   Verb = "resume"
	VerbRemove   Verb = "remove"
	VerbRead     Verb = "read"
	VerbPassword Verb = "password" // change the password
	VerbCopy     Verb = "copy"     // copy the content to the server of a move
	VerbVerify   Verb = "verify"   // compare the two places of a move
	VerbPlace    Verb = "place"    // find a server; no driver is called
	VerbUsage    Verb = "usage"    // read the meters, before a removal
)

// Operation is one thing that is being done: as many calls of a driver as it takes until
// it is seen to have worked. It is stored before each call.
type Operation struct {
	// ID is what the driver gets as Call.Operation.
	ID     string   `json:"id"`
	Verb   Verb     `json:"verb"`
	Server ServerID `json:"server"`
	// Generation is that of the service when it began. When the service has a later one
	// it is given up for a new operation.
	Generation int64     `json:"generation"`
	Begun      time.Time `json:"begun"`
	// Check: the next call is a read, because the last one succeeded and is to be seen,
	// or may have had an effect, or because nothing is known yet.
	Check bool `json:"check,omitempty"`
	// Acted: the last call that was to change something succeeded.
	Acted bool `json:"acted,omitempty"`
	// Calls counts all calls, Failures those in a row that failed or did not show what
	// was hoped for, Checks the reads since the last call that was to change something.
	Calls    int `json:"calls"`
	Failures int `json:"failures,omitempty"`
	Checks   int `json:"checks,omitempty"`
	// Exists: the driver has said that the name is taken; the read tells by whom.
	Exists bool `json:"exists,omitempty"`
	// Gone: the read before a removal has seen nothing of ours.
	Gone bool `json:"gone,omitempty"`
	// Measured: the meters were read before a removal, or that was given up.
	Measured bool `json:"measured,omitempty"`
}
