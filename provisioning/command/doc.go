// Package command is the driver for everything that has no driver: a host's own script
// does the work. It gets a [Request] as JSON on its standard input and writes an [Answer]
// as JSON to its standard output.
//
//	driver, err := command.New(command.Options{
//		Script:    "/usr/local/lib/panel/mailbox",
//		Abilities: command.Abilities{List: true, Password: true},
//	})
//
// # Protocol
//
// The script is run once for each call. The verb is its first argument, and in the request
// with all the rest. The request is one line; one that does not parse has been cut off on
// its way, and the script MUST then change nothing and exit with 64. What the script has
// to do for each verb is what the method of provisioning.Driver says that has its name;
// rules about idempotence and ownership are the script's to keep. testdata/dropbox is a
// complete one in POSIX shell with jq.
//
// Version 1 of the protocol is [Protocol]. Within it fields may be added to requests; a
// script ignores those that it does not know. In answers unknown fields are faults, since
// they are misspelt ones.
//
// # Failures
//
// A script that fails says why by an error object, whatever its exit code:
//
//	{"error": {"kind": "limited", "code": "too_many", "message": "…", "effect": "none", "retry_after": 30}}
//
// An effect that is left out is unknown, after which the manager reads before it repeats.
// Without an error object the exit code says why: see [ExitInvalid] and the others. Any
// other code is tierhost.KindUnavailable with effect unknown; exit code 0 with something
// that is no answer is tierhost.KindInternal with code bad_answer.
//
// # Limits
//
// A call that is not done at its deadline ends with its context: the script is killed with
// what it started ([Options.Timeout], package shell). Output is bounded
// ([Options.MaxOutput]). The environment has PATH, LC_ALL and [Options.Env].
//
// # Secrets
//
// A password is in the request and nowhere else. What the script writes to its standard
// error is logged line by line. Passwords that come back in it, in errors, or in answers
// are replaced by [redacted]; a script must not write them all the same.
package command
