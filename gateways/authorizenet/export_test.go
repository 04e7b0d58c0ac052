package authorizenet

// Digest names an operation, for tests.
var Digest = digest
