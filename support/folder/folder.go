// Package folder keeps the attachments of package support as files in a folder.
package folder

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/support"
)

var _ support.Blobs = (*Folder)(nil)

// Folder is a folder of attachments. Each is a file named by its digest, in one of 256
// folders. It is safe for concurrent use, by several processes too.
type Folder struct{ root *os.Root }

// Open opens a folder, which is there. Nothing outside of it is read or written, whatever it holds.
func Open(path string) (*Folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, tierhost.E("folder.Open", tierhost.KindUnavailable, "no_folder", err)
	}
	return &Folder{root}, nil
}

// Close ends the use of the folder.
func (f *Folder) Close() error { return f.root.Close() }

// place is where the content with a digest is.
func place(digest string) (dir, file string, err error) {
	if b, err := hex.DecodeString(digest); err != nil || len(b) != 32 || hex.EncodeToString(b) != digest {
		return "", "", tierhost.E("folder", tierhost.KindInvalid, "bad_digest", fmt.Errorf("%.80q is no SHA-256", digest))
	}
	return digest[:2], filepath.Join(digest[:2], digest[2:]), nil
}

// Put implements [support.Blobs]: the content is in its place whole or not at all.
func (f *Folder) Put(ctx context.Context, digest string, content []byte) error {
	dir, file, err := place(digest)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if at, err := f.root.Stat(file); err == nil && at.Size() == int64(len(content)) {
		return nil
	}
	if err := f.put(dir, file, content); err != nil {
		return tierhost.E("folder.Put", tierhost.KindUnavailable, "not_kept", err)
	}
	return nil
}

func (f *Folder) put(dir, file string, content []byte) (err error) {
	if err := f.root.Mkdir(dir, 0o700); err == nil {
		if err := f.sync("."); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	temp, name, err := f.temporary(file)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.root.Remove(name)
		}
	}()
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Sync()
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = f.root.Rename(name, file)
	}
	if err == nil {
		err = f.sync(dir)
	}
	return err
}

// temporary makes a file beside the one that is meant.
func (f *Folder) temporary(file string) (*os.File, string, error) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s.%d.%d", file, os.Getpid(), i)
		temp, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil || !errors.Is(err, fs.ErrExist) || i > 1000 {
			return temp, name, err
		}
	}
}

// sync makes the entries of a folder durable.
func (f *Folder) sync(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// Get implements [support.Blobs].
func (f *Folder) Get(ctx context.Context, digest string) ([]byte, error) {
	_, file, err := place(digest)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	content, err := f.root.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, tierhost.E("folder.Get", tierhost.KindNotFound, "no_content", err)
	case err != nil:
		return nil, tierhost.E("folder.Get", tierhost.KindUnavailable, "not_read", err)
	}
	return content, nil
}
