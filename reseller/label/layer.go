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
	// FS are the files. What a seller has uploaded belongs below an [os.Root], whose FS
	// does not follow symbolic links to the outside; that of [os.DirFS] does.
	FS fs.FS
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
//
// Inherited files are scanned when it is made. One whose content is another one later is
// scanned once more; one that was not there is not shown.
type layered struct {
	layers   []Layer
	scan     *Scanner
	verdicts *Verdicts
	// index has, for each inherited layer, the files that were there, and the directories
	// in which something may be shown.
	index    []map[string]bool
	withheld []Withheld

	mu   sync.Mutex
	seen map[seenKey]seen
}

type seenKey struct {
	layer int
	name  string
}

// seen is a file as it was when it was looked at.
type seen struct {
	size int64
	mod  time.Time
	told bool
}

func newLayered(layers []Layer, scan *Scanner, verdicts *Verdicts) (*layered, error) {
	l := &layered{layers: slices.Clone(layers), scan: scan, verdicts: verdicts, seen: map[seenKey]seen{}}
	l.index = make([]map[string]bool, len(layers))
	for i, layer := range l.layers {
		if !layer.Inherited {
			continue
		}
		l.index[i] = map[string]bool{".": true}
		err := fs.WalkDir(layer.FS, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			_, told, err := l.vet(i, name)
			if err != nil {
				return err
			}
			if l.index[i][name] = true; len(told) > 0 {
				l.withheld = append(l.withheld, Withheld{layer.Name, name, slices.Clone(told)})
				return nil
			}
			for dir := path.Dir(name); !l.index[i][dir]; dir = path.Dir(dir) {
				l.index[i][dir] = true
			}
			return nil
		})
		if err != nil && !missing(err) {
			return nil, err
		}
	}
	return l, nil
}

func notExist(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// missing reports whether a layer does not have the file: a file that stands where the
// path has a directory hides nothing in other layers.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// vet reads a file of an inherited layer and returns what it tells, its name included.
func (l *layered) vet(i int, name string) (text []byte, told []Leak, err error) {
	info, err := fs.Stat(l.layers[i].FS, name)
	if err != nil {
		return nil, nil, err
	}
	text, err = fs.ReadFile(l.layers[i].FS, name)
	if err != nil {
		return nil, nil, err
	}
	told = l.verdicts.of(l.scan, Shown{Where: name, Header: map[string][]string{"File-Name": {name}}, Body: text})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[seenKey{i, name}] = seen{info.Size(), info.ModTime(), len(told) > 0}
	return text, told, nil
}

// tells reports whether a file of an inherited layer is not to be shown. A file is read
// again if its size or time has changed, or if it has no time.
func (l *layered) tells(i int, name string, info fs.FileInfo) (bool, error) {
	l.mu.Lock()
	was, ok := l.seen[seenKey{i, name}]
	l.mu.Unlock()
	if ok && was.size == info.Size() && was.mod.Equal(info.ModTime()) && !was.mod.IsZero() {
		return was.told, nil
	}
	_, told, err := l.vet(i, name)
	return len(told) > 0, err
}

// stat returns what a layer has under a name, if it may be shown.
func (l *layered) stat(i int, name string) (fs.FileInfo, error) {
	if index := l.index[i]; index != nil && !index[name] {
		return nil, notExist("stat", name)
	}
	info, err := fs.Stat(l.layers[i].FS, name)
	if err != nil || info.IsDir() || !l.layers[i].Inherited {
		return info, err
	}
	told, err := l.tells(i, name, info)
	if err == nil && told {
		err = notExist("stat", name)
	}
	return info, err
}

// find returns the layer that has a file, and what it is.
func (l *layered) find(op, name string) (int, fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return 0, nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	for i := range l.layers {
		switch info, err := l.stat(i, name); {
		case err == nil:
			return i, info, nil
		case !missing(err):
			return 0, nil, err
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
	_, text, err := l.read(name)
	return text, err
}

// read returns a file and the layer that it is from. What is handed out is what was
// looked at, even if the file changes meanwhile.
func (l *layered) read(name string) (int, []byte, error) {
	i, info, err := l.find("read", name)
	if err != nil {
		return 0, nil, err
	}
	if info.IsDir() {
		return 0, nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	if !l.layers[i].Inherited {
		text, err := fs.ReadFile(l.layers[i].FS, name)
		return i, text, err
	}
	text, told, err := l.vet(i, name)
	if err == nil && len(told) > 0 {
		return 0, nil, notExist("read", name)
	}
	return i, text, err
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
		info, err := l.stat(i, name)
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
			switch _, err := l.stat(i, path.Join(name, e.Name())); {
			case err == nil:
				seen[e.Name()] = true
				all = append(all, e)
			case !missing(err) && layer.Inherited:
				return nil, err
			case !missing(err): // it is there, and opening it says what is wrong
				seen[e.Name()] = true
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
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
