// Package shell runs programs on servers for drivers: on this machine or over SSH, in the
// same way.
//
// # Model
//
// An [Access] opens a [Session] on a server; a driver opens one for each of its calls and
// runs its programs there. A [Command] is a program and its arguments. They reach the
// program as they are: [Local] uses no shell, and [SSH], whose protocol has only a line
// for the login shell, quotes each word with [Quote]. The environment is clean: PATH,
// LC_ALL and what the command says.
//
// Passwords go through standard input only. Arguments and environment can be read by
// everybody on a server.
//
// # Errors
//
// That a program ends with an exit code is not an error of [Runner.Run]; the [Result] has
// it. Errors tell the effect: tierhost.EffectNone if the program was not started,
// tierhost.EffectUnknown if it was and nobody knows how far it came.
//
// # SSH
//
// The host's key must be among those that the server's configuration lists ([SSHConfig]);
// there is no way around it. Login is by key. Each session is a connection, without agent,
// forwarding, or terminal. The login shell on the server must be a POSIX one, and GNU
// env, timeout and kill must be there.
//
// What a session began is killed when its context ends, as far as the connection still
// works, and by timeout(1) on the server at the context's deadline in any case. A program
// whose connection breaks runs on until then; drivers have to expect it beside its
// repetition.
package shell
