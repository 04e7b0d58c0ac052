package folder_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/folder"
	"github.com/tierhost/tierhost/support/supporttest"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	supporttest.TestBlobs(t, func(t *testing.T) support.Blobs {
		f, err := folder.Open(t.TempDir())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, f.Close()) })
		return f
	})
}

func TestNoFolder(t *testing.T) {
	t.Parallel()
	_, err := folder.Open(t.TempDir() + "/nothing")
	require.Error(t, err)
}
