// Package secrettest checks implementations of secret.Sealer: [TestSealer] runs one test
// for each rule of the contract. A host with a key service of its own runs it in its tests.
package secrettest
