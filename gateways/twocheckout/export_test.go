package twocheckout

// Source is what is signed, for tests.
var Source = source
