package label

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Layer is one of the file systems that make up a [Look].
type Layer struct {
	Name string // for people: "skin", "overrides"
	FS   fs.FS
	// Inherited says that the files are those of a seller above. Each is shown only if
	// nothing in it tells of the parents; one that does is as if it were not there.
	Inherited bool
}

// Withheld is a file of an inherited layer that is not shown because of what it tells.
type Withheld struct {
	Layer string
	Path  string
	Leaks []Leak
}

// layered is the file system of several layers, of which the first that has a file
// counts. Directories hold what they hold in any layer.
type layered struct {
	layers []Layer
	scan   *Scanner

	mu       sync.Mutex
	verdicts map[verdictKey][]Leak
}

// verdictKey is a file as it was when it was looked at.
type verdictKey struct {
	layer int
	name  string
	size  int64
	mod   time.Time
}

func newLayered(layers []Layer, scan *Scanner) *layered {
	return &layered{layers: slices.Clone(layers), scan: scan, verdicts: make(map[verdictKey][]Leak)}
}

func notExist(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// missing reports whether a layer does not have the file: a file that stands where the
// path has a directory hides nothing in other layers.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// leaks returns what a file of a layer tells. The file is read again when its size or
// time has changed, or if it has no time.
func (l *layered) leaks(i int, name string, info fs.FileInfo) ([]Leak, error) {
	if !l.layers[i].Inherited || info.IsDir() {
		return nil, nil
	}
	key := verdictKey{i, name, info.Size(), info.ModTime()}
	l.mu.Lock()
	found, ok := l.verdicts[key]
	l.mu.Unlock()
	if ok && !key.mod.IsZero() {
		return found, nil
	}
	text, err := fs.ReadFile(l.layers[i].FS, name)
	if err != nil {
		return nil, err
	}
	found = l.look(name, text)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verdicts[key] = found
	return found, nil
}

// look scans a file that is inherited, its name included.
func (l *layered) look(name string, text []byte) []Leak {
	return l.scan.Scan(Shown{Where: name, Header: map[string][]string{"File-Name": {name}}, Body: text})
}

// find returns the layer that has a file, and what it is.
func (l *layered) find(op, name string) (int, fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return 0, nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	for i, layer := range l.layers {
		info, err := fs.Stat(layer.FS, name)
		if missing(err) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		told, err := l.leaks(i, name, info)
		if err != nil {
			return 0, nil, err
		}
		if len(told) == 0 {
			return i, info, nil
		}
	}
	if name == "." {
		return -1, dirInfo{}, nil
	}
	return 0, nil, notExist(op, name)
}

// Open implements [fs.FS].
func (l *layered) Open(name string) (fs.File, error) {
	i, info, err := l.find("open", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		entries, err := l.ReadDir(name)
		return &mergedDir{info: info, name: name, entries: entries}, err
	}
	if !l.layers[i].Inherited {
		return l.layers[i].FS.Open(name)
	}
	text, err := l.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &openFile{Reader: bytes.NewReader(text), info: sized{info, int64(len(text))}}, nil
}

// ReadFile implements [fs.ReadFileFS].
func (l *layered) ReadFile(name string) ([]byte, error) {
	i, info, err := l.find("read", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	text, err := fs.ReadFile(l.layers[i].FS, name)
	if err != nil || !l.layers[i].Inherited {
		return text, err
	}
	// What is handed out is what was looked at, even if the file changes meanwhile.
	if l.changed(i, name, info, text) && len(l.look(name, text)) > 0 {
		return nil, notExist("read", name)
	}
	return text, nil
}

// changed reports whether a text may be another one than was looked at.
func (l *layered) changed(i int, name string, info fs.FileInfo, text []byte) bool {
	again, err := fs.Stat(l.layers[i].FS, name)
	return err != nil || info.ModTime().IsZero() || !again.ModTime().Equal(info.ModTime()) || int64(len(text)) != info.Size()
}

// Stat implements [fs.StatFS].
func (l *layered) Stat(name string) (fs.FileInfo, error) {
	_, info, err := l.find("stat", name)
	return info, err
}

// ReadDir implements [fs.ReadDirFS].
func (l *layered) ReadDir(name string) ([]fs.DirEntry, error) {
	_, info, err := l.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	var all []fs.DirEntry
	seen := map[string]bool{}
	for i, layer := range l.layers {
		info, err := fs.Stat(layer.FS, name)
		if missing(err) || err == nil && !info.IsDir() {
			continue
		}
		if err != nil {
			return nil, err
		}
		entries, err := fs.ReadDir(layer.FS, name)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if seen[e.Name()] {
				continue
			}
			info, err := e.Info()
			if err != nil {
				return nil, err
			}
			told, err := l.leaks(i, path.Join(name, e.Name()), info)
			if err != nil {
				return nil, err
			}
			if len(told) == 0 {
				seen[e.Name()] = true
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return all, nil
}

// withheld returns the files of inherited layers that are not shown, also those that
// another layer hides.
func (l *layered) withheld() (all []Withheld, err error) {
	for i, layer := range l.layers {
		if !layer.Inherited {
			continue
		}
		err := fs.WalkDir(layer.FS, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			told, err := l.leaks(i, name, info)
			if len(told) > 0 {
				all = append(all, Withheld{layer.Name, name, slices.Clone(told)})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// openFile is a file that is in memory.
type openFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// sized is a file's information with the size that was read.
type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }

// mergedDir is an open directory.
type mergedDir struct {
	info    fs.FileInfo
	name    string
	entries []fs.DirEntry
	next    int
}

func (d *mergedDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *mergedDir) Close() error               { return nil }
func (d *mergedDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a directory")}
}

// ReadDir implements [fs.ReadDirFile].
func (d *mergedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.entries[d.next:]
	if n <= 0 {
		d.next = len(d.entries)
		return slices.Clone(rest), nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	rest = rest[:min(n, len(rest))]
	d.next += len(rest)
	return slices.Clone(rest), nil
}

// dirInfo is the root of a look without layers.
type dirInfo struct{}

func (dirInfo) Name() string       { return "." }
func (dirInfo) Size() int64        { return 0 }
func (dirInfo) Mode() fs.FileMode  { return fs.ModeDir | 0o555 }
func (dirInfo) ModTime() time.Time { return time.Time{} }
func (dirInfo) IsDir() bool        { return true }
func (dirInfo) Sys() any           { return nil }

// layerName names a layer without a name.
func layerName(i int, name string) string {
	if name == "" {
		return "layer " + strconv.Itoa(i+1)
	}
	return name
}
