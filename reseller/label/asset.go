package label

import (
	"io/fs"
	"slices"
	"strings"
)

// assets are the files of a look that may be served as they are: all but templates and
// texts.
type assets struct{ files *layered }

var (
	_ fs.ReadDirFS  = assets{}
	_ fs.ReadFileFS = assets{}
	_ fs.StatFS     = assets{}
)

// served reports whether what a path names may be served. File systems that do not tell
// upper from lower case have one directory for both.
func served(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.EqualFold(first, templateDir) && !strings.EqualFold(first, textDir)
}

// Open implements [fs.FS].
func (a assets) Open(name string) (fs.File, error) {
	if !served(name) {
		return nil, notExist("open", name)
	}
	if name == "." {
		info, err := a.files.Stat(name)
		if err != nil {
			return nil, err
		}
		entries, err := a.ReadDir(name)
		return &mergedDir{info: info, name: name, entries: entries}, err
	}
	return a.files.Open(name)
}

// ReadDir implements [fs.ReadDirFS].
func (a assets) ReadDir(name string) ([]fs.DirEntry, error) {
	if !served(name) {
		return nil, notExist("readdir", name)
	}
	entries, err := a.files.ReadDir(name)
	if name == "." {
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !served(e.Name()) })
	}
	return entries, err
}

// ReadFile implements [fs.ReadFileFS].
func (a assets) ReadFile(name string) ([]byte, error) {
	if !served(name) {
		return nil, notExist("read", name)
	}
	return a.files.ReadFile(name)
}

// Stat implements [fs.StatFS].
func (a assets) Stat(name string) (fs.FileInfo, error) {
	if !served(name) {
		return nil, notExist("stat", name)
	}
	return a.files.Stat(name)
}
