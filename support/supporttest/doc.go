// Package supporttest checks implementations of the interfaces of package support:
// [TestStore] those of support.Store, [TestBlobs] those of support.Blobs.
package supporttest
