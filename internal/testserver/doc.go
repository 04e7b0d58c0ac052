// Package testserver runs throwaway servers for tests: programs that keep their files in a
// folder of their own, run as a user without rights if the test runs as root, and end with
// the process that started them, however that ends (on Linux).
package testserver
