package support

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

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
	Name    string // what is in front of a slash is left out
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
	all := 0
	for i, f := range files {
		at := tierhost.Path(path, i)
		checkNeeded(issues, tierhost.Path(at, "name"), f.Name)
		checkWord(issues, tierhost.Path(at, "type"), f.Type)
		if len(f.Content) > most {
			issues.Add(tierhost.Path(at, "content"), "too_large", "more than %d bytes", most)
		}
		all += len(f.Content)
	}
	if all > filesTogether*most {
		issues.Add(path, "too_large", "together more than %d bytes", filesTogether*most)
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

// fileRow is how many attachments have a content: of a seller in the store, of all in Blobs.
// Who adds one and who erases one both write it, so that neither overlooks the other.
type fileRow struct {
	Count int64 `json:"count"`
}

func (u *unit) fileKey(seller, digest string) Key {
	if u.m.opt.Blobs != nil {
		return Key{"file", digest}
	}
	return Key{"file", name(seller, digest)}
}

// hold counts attachments that a seller has more, or with -1 less, and returns those whose
// content nobody has.
func (u *unit) hold(ctx context.Context, seller string, refs []FileRef, more int64) (unused []string, err error) {
	for _, f := range refs {
		k := u.fileKey(seller, f.Digest)
		row, _, err := find[fileRow](ctx, u, k)
		if err != nil {
			return nil, err
		}
		row.Count = max(row.Count+more, 0)
		if err := u.put(k, row); err != nil {
			return nil, err
		}
		if row.Count == 0 && more < 0 {
			unused = append(unused, f.Digest)
		}
	}
	return unused, nil
}

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

// keepFiles keeps attachments in the store, if no Blobs have them, and returns what a message
// says of them.
func (u *unit) keepFiles(ctx context.Context, seller string, files []File) ([]FileRef, error) {
	var refs []FileRef
	for _, f := range files {
		ref := FileRef{fileName(f.Name), f.Type, int64(len(f.Content)), digestOf(f.Content)}
		refs = append(refs, ref)
		if err := u.keepFile(ctx, seller, ref, func() (blobRow, error) { return blobRow{bytes.Clone(f.Content)}, nil }); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// lendFiles lets the messages of another seller have attachments of a seller's.
func (u *unit) lendFiles(ctx context.Context, from, to string, refs []FileRef) error {
	for _, f := range refs {
		err := u.keepFile(ctx, to, f, func() (b blobRow, err error) {
			b, _, err = find[blobRow](ctx, u, blobKey(from, f.Digest))
			return b, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keepFile counts an attachment of a seller, and keeps its content in the store unless it is there or Blobs have it.
func (u *unit) keepFile(ctx context.Context, seller string, f FileRef, content func() (blobRow, error)) error {
	if u.m.opt.Blobs == nil {
		old, there, err := find[blobRow](ctx, u, blobKey(seller, f.Digest))
		if err != nil {
			return err
		}
		if !there || int64(len(old.Content)) != f.Size { // it was erased
			b, err := content()
			if err != nil {
				return err
			}
			if err := u.put(blobKey(seller, f.Digest), b); err != nil {
				return err
			}
		}
	}
	_, err := u.hold(ctx, seller, []FileRef{f}, 1)
	return err
}

// fileName is the name of an attachment without a folder, whatever the sender says: hosts
// use it to save the file.
func fileName(said string) string {
	base := said[strings.LastIndexAny(said, `/\`)+1:]
	if strings.Trim(base, ". ") == "" {
		return "file"
	}
	return base
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
