// Package zonefile is a driver that writes zones as files (RFC 1035, 5) into a folder, for
// name servers that read them: BIND, Knot, NSD and others.
//
// A file is written beside the old one, synced, read again and compared with what was to be
// written, and then put in its place at once, so that a server that reads at any moment
// reads a whole zone, and after a crash the file is the old one or the new one. Files that
// are there already are read as they are: a driver that is pointed to the folder of an old
// server imports its zones. What cannot be read, such as $INCLUDE and $GENERATE, is an
// error and never overwritten.
//
// [Options].Reload has the server read the file, and tells it of a zone that is gone; it
// should also have it tell its secondaries, as servers do when they read a zone anew. A
// driver without it only writes.
//
// A file's name is the zone's with ".zone" after it; what is no letter, digit, dot, hyphen
// or underscore is written "=2F", so no name leads out of the folder. [Config] is what
// dns.Place.Config holds.
//
// Whoever else writes the files should not do so at the same moment: the driver looks at
// the serial before it writes, but has no lock that others know.
package zonefile
