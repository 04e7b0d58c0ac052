package zonefile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"

	"github.com/tierhost/tierhost"
)

// replace puts a file with a text in the place of another, at once: it is written beside
// it, synced, read again, and renamed. A failure before the renaming has no effect.
func (d *Driver) replace(root *os.Root, name string, text []byte) (effect tierhost.Effect, err error) {
	// Not ".zone" at its end, so that neither the driver nor a server takes it for one; and
	// not longer than the name itself may be.
	temporary := "new=" + rand.Text()
	if err := d.write(root, temporary, text); err != nil {
		_ = root.Remove(temporary)
		return tierhost.EffectNone, err
	}
	if err := root.Rename(temporary, name); err != nil {
		_ = root.Remove(temporary)
		return tierhost.EffectNone, err
	}
	if err := syncFolder(root); err != nil {
		return tierhost.EffectUnknown, err // after a crash it may be the old one again
	}
	return tierhost.EffectNone, nil
}

func (d *Driver) write(root *os.Root, name string, text []byte) error {
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, d.opt.Mode)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Chmod(d.opt.Mode); err != nil { // whatever the umask is
		return err
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	back, err := io.ReadAll(file)
	if err == nil && !bytes.Equal(back, text) {
		err = errors.New("the file reads back otherwise than it was written")
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// syncFolder makes renamings and removals last.
func syncFolder(root *os.Root) error {
	folder, err := root.Open(".")
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
