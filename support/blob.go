package support

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/tierhost/tierhost"
)

// Blobs keep the contents of attachments outside of the store. A content is named by its
// SHA-256 in hexadecimal digits.
//
// Within v1 new abilities arrive as further interfaces.
type Blobs interface {
	// Put keeps a content. It is called before the transaction of the message, and again if
	// the call is repeated: the same content under its name is no error. When it returns
	// the content MUST be durable.
	Put(ctx context.Context, digest string, content []byte) error
	// Get returns a content, or an error that is tierhost.ErrNotFound.
	Get(ctx context.Context, digest string) ([]byte, error)
}

// File is an attachment that is to be added.
type File struct {
	Name    string // without a folder
	Type    string // media type, as the sender says
	Content []byte
}

// FileRef is an attachment of a message or note.
type FileRef struct {
	Name   string `json:"name"`
	Type   string `json:"type,omitempty"`
	Size   int64  `json:"size"` // bytes
	Digest string `json:"digest"`
}

func checkFiles(issues *tierhost.Issues, path string, files []File, most int) {
	if len(files) > maxFiles {
		issues.Add(path, "too_many", "more than %d files", maxFiles)
		return
	}
	for i, f := range files {
		at := tierhost.Path(path, i)
		checkNeeded(issues, tierhost.Path(at, "name"), f.Name)
		checkWord(issues, tierhost.Path(at, "type"), f.Type)
		if len(f.Content) > most {
			issues.Add(tierhost.Path(at, "content"), "too_large", "more than %d bytes", most)
		}
	}
}

// fileParts are files as a fingerprint has them.
func fileParts(files []File) []string {
	var parts []string
	for _, f := range files {
		parts = append(parts, f.Name, f.Type, digestOf(f.Content))
	}
	return parts
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// blobRow is a content in the store.
type blobRow struct {
	Content []byte `json:"content"`
}

func blobKey(seller, digest string) Key { return Key{"blob", name(seller, digest)} }

// handOver gives attachments to Options.Blobs, before the transaction.
func (m *Manager) handOver(ctx context.Context, files []File) error {
	if m.opt.Blobs == nil {
		return nil
	}
	for i, f := range files {
		if err := m.opt.Blobs.Put(ctx, digestOf(f.Content), f.Content); err != nil {
			return tierhost.Classify("support.Blobs.Put", fmt.Errorf("file %d: %w", i, err))
		}
	}
	return nil
}

// keepFiles keeps attachments in the store, if no Blobs have them, and returns what messages say
// of them.
func (u *unit) keepFiles(ctx context.Context, seller string, files []File) ([]FileRef, error) {
	var refs []FileRef
	for _, f := range files {
		digest := digestOf(f.Content)
		refs = append(refs, FileRef{f.Name, f.Type, int64(len(f.Content)), digest})
		if u.m.opt.Blobs != nil {
			continue
		}
		k := blobKey(seller, digest)
		if _, there, err := find[blobRow](ctx, u, k); err != nil || there {
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := u.put(k, blobRow{bytes.Clone(f.Content)}); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// lendFiles lets the messages of another seller have attachments of a seller's.
func (u *unit) lendFiles(ctx context.Context, from, to string, refs []FileRef) error {
	if u.m.opt.Blobs != nil || from == to {
		return nil
	}
	for _, f := range refs {
		_, there, err := find[blobRow](ctx, u, blobKey(to, f.Digest))
		if err != nil {
			return err
		}
		if there {
			continue
		}
		b, there, err := find[blobRow](ctx, u, blobKey(from, f.Digest))
		if err != nil {
			return err
		}
		if there {
			if err := u.put(blobKey(to, f.Digest), b); err != nil {
				return err
			}
		}
	}
	return nil
}

// content returns an attachment, whose reference was found in what the reader may see.
func (m *Manager) content(ctx context.Context, op, seller string, refs []FileRef, n int) (FileRef, []byte, error) {
	if n < 0 || n >= len(refs) {
		return FileRef{}, nil, fmt.Errorf("%w: file %s", ErrNoMessage, strconv.Itoa(n))
	}
	f := refs[n]
	var content []byte
	if m.opt.Blobs != nil {
		got, err := m.opt.Blobs.Get(ctx, f.Digest)
		if err != nil {
			return FileRef{}, nil, tierhost.Classify("support.Blobs.Get", err)
		}
		content = got
	} else {
		err := m.view(ctx, op, func(ctx context.Context, u *unit) error {
			b, there, err := find[blobRow](ctx, u, blobKey(seller, f.Digest))
			if err == nil && !there {
				err = fmt.Errorf("%w: its content is gone", ErrNoMessage)
			}
			content = b.Content
			return err
		})
		if err != nil {
			return FileRef{}, nil, err
		}
	}
	if digestOf(content) != f.Digest {
		return FileRef{}, nil, tierhost.E(op, tierhost.KindInternal, "content_changed", fmt.Errorf("file %.100q is not what was kept", f.Name))
	}
	return f, content, nil
}
