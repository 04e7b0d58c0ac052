package label_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/reseller/label"
)

// embedded are files without times, as those of package embed are.
func embedded(all map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range all {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// Inherited files are scanned when the look is made, and not when they are asked for.
func TestScannedOnce(t *testing.T) {
	t.Parallel()
	for name, parent := range map[string]fstest.MapFS{
		"without times": embedded(map[string]string{"css/a.css": "a", "css/b.css": "b", "images/hero.jpg": string(jpegFile(t)), "css/parent.css": "/* HyperPanel */"}),
		"with times":    files(map[string]string{"css/a.css": "a", "css/b.css": "b", "images/hero.jpg": string(jpegFile(t)), "css/parent.css": "/* HyperPanel */"}),
	} {
		verdicts := label.NewVerdicts(0)
		look := func(p label.Brand) *label.Look {
			l, err := label.NewLook(shop(), []label.Brand{p}, []label.Layer{{FS: parent, Inherited: true}}, label.LookOptions{Leaks: leakOptions(), Verdicts: verdicts})
			require.NoError(t, err)
			return l
		}
		l := look(host())
		require.EqualValues(t, 4, label.Scans(l), name)
		for range 20 {
			for _, file := range []string{"css/a.css", "css/b.css", "images/hero.jpg"} {
				_, err := fs.ReadFile(l.Assets(), file)
				require.NoError(t, err)
				f, err := l.Assets().Open(file)
				require.NoError(t, err)
				require.NoError(t, f.Close())
				_, err = fs.Stat(l.Assets(), file)
				require.NoError(t, err)
			}
			_, err := fs.ReadFile(l.Assets(), "css/parent.css")
			require.ErrorIs(t, err, fs.ErrNotExist)
			_, err = fs.ReadDir(l.Assets(), "css")
			require.NoError(t, err)
			require.Len(t, l.Withheld(), 1)
		}
		require.EqualValues(t, 4, label.Scans(l), "%s: nothing is scanned on requests", name)

		parent["css/a.css"] = &fstest.MapFile{Data: []byte("changed")}
		for range 20 {
			text, err := fs.ReadFile(l.Assets(), "css/a.css")
			require.NoError(t, err)
			require.Equal(t, "changed", string(text))
		}
		require.EqualValues(t, 5, label.Scans(l), "%s: a change is scanned once", name)
		require.EqualValues(t, 0, label.Scans(look(host())), "%s: a look that is to hide the same", name)
		other := host()
		other.Company.Name = "Changed"
		l = look(other)
		require.EqualValues(t, 4, label.Scans(l), "%s: a look that is to hide something else", name)
		_, err := fs.ReadFile(l.Assets(), "css/a.css")
		require.ErrorIs(t, err, fs.ErrNotExist)
		delete(parent, "css/a.css")
		parent["css/a.css"] = &fstest.MapFile{Data: []byte("a")}
	}
}

// A memory that is full forgets what was not asked for.
func TestVerdictsAreBounded(t *testing.T) {
	t.Parallel()
	verdicts := label.NewVerdicts(2)
	parent := embedded(map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"})
	scans := func() int64 {
		l, err := label.NewLook(shop(), []label.Brand{host()}, []label.Layer{{FS: parent, Inherited: true}}, label.LookOptions{Verdicts: verdicts})
		require.NoError(t, err)
		return label.Scans(l)
	}
	require.EqualValues(t, 4, scans())
	require.Positive(t, scans(), "it does not hold four")
}

// Names of directories tell as much as those of files.
func TestInheritedDirectories(t *testing.T) {
	t.Parallel()
	l, err := label.NewLook(shop(), []label.Brand{host()}, []label.Layer{
		{FS: files(map[string]string{"own/big-iron-host/x.css": "the seller's own"})},
		{FS: files(map[string]string{
			"big-iron-host/a.css": "a", "css/hyperpanel/deep/b.css": "b", "css/c.css": "c", "told/one.css": "/* HyperPanel */", "told/two/three.css": "HyperPanel", "mixed/HyperPanel.css": "x", "mixed/fine.css": "x",
		}), Inherited: true},
	}, label.LookOptions{Leaks: leakOptions()})
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(l.Assets(), "own/big-iron-host/x.css", "css/c.css", "mixed/fine.css"))
	var all []string
	require.NoError(t, fs.WalkDir(l.Assets(), ".", func(name string, _ fs.DirEntry, err error) error {
		all = append(all, name)
		return err
	}))
	require.Equal(t, []string{".", "css", "css/c.css", "mixed", "mixed/fine.css", "own", "own/big-iron-host", "own/big-iron-host/x.css"}, all)
	for _, name := range []string{"big-iron-host", "css/hyperpanel", "css/hyperpanel/deep", "told", "told/two"} {
		_, err := fs.Stat(l.Assets(), name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = l.Assets().Open(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = fs.ReadDir(l.Assets(), name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
}

// Nobody can be hidden of whom nothing is known.
func TestInheritedFromNobody(t *testing.T) {
	t.Parallel()
	codes := func(err error) (all []string) {
		inv, ok := errors.AsType[*tierhost.Invalid](err)
		require.True(t, ok, "%v", err)
		for _, i := range inv.Issues {
			all = append(all, i.Path+" "+i.Code)
		}
		return all
	}
	inherited := []label.Layer{{FS: skin()}, {FS: parent(), Inherited: true}}
	_, err := label.NewLook(shop(), nil, inherited, label.LookOptions{})
	require.Equal(t, []string{"layers[1] no_words"}, codes(err))
	_, err = label.NewLook(shop(), []label.Brand{host(), {Seller: "middle"}}, inherited, label.LookOptions{})
	require.Equal(t, []string{"parents[1] no_words"}, codes(err))
	_, err = label.NewLook(shop(), nil, inherited[:1], label.LookOptions{})
	require.NoError(t, err)
}

// What is served is images, style sheets and the like, never a template as it is written.
func TestAssets(t *testing.T) {
	t.Parallel()
	l, err := label.NewLook(shop(), []label.Brand{host()}, []label.Layer{
		{Name: "overrides", FS: overrides()}, {Name: "skin", FS: skin()}, {Name: "parent", FS: parent(), Inherited: true},
		{Name: "other case", FS: files(map[string]string{"Templates/x.html": "x", "TEXTS/x.json": "x"})},
	}, label.LookOptions{Leaks: leakOptions()})
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(l.Assets(), "css/site.css", "images/logo.svg"))
	server := http.StripPrefix("/assets", http.FileServerFS(l.Assets()))
	get := func(path string) (int, string) {
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/assets"+path, nil))
		return rec.Code, rec.Body.String()
	}
	status, body := get("/css/site.css")
	require.Equal(t, 200, status)
	require.Equal(t, "seller", body)
	status, body = get("/")
	require.Equal(t, 200, status)
	require.Contains(t, body, "css/")
	require.NotContains(t, body, "emplates")
	require.NotContains(t, body, "exts")
	for _, path := range []string{
		"/templates/login.html", "/templates", "/templates/", "/texts/en.json", "/texts/", "/Templates/x.html", "/TEXTS/x.json", "/css/../templates/login.html", "/css/parent.css", "/images/big-iron-host.png",
	} {
		status, body := get(path)
		require.NotEqual(t, 200, status, "%s: %s", path, body)
		require.NotContains(t, body, "Text")
	}
	_, err = fs.ReadFile(l.Files(), "templates/login.html")
	require.NoError(t, err, "staff can read it")
}

// What a seller has uploaded may hold links to anywhere.
func TestLinksToTheOutside(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("password"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "images"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "images", "fine.svg"), []byte("<svg/>"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "images", "logo.svg")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "css")))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer func() { _ = root.Close() }()
	l, err := label.NewLook(shop(), []label.Brand{host()}, []label.Layer{{FS: root.FS()}, {FS: parent(), Inherited: true}}, label.LookOptions{})
	require.NoError(t, err)
	for _, name := range []string{"images/logo.svg", "css/secret"} {
		text, err := fs.ReadFile(l.Assets(), name)
		require.Error(t, err)
		require.Empty(t, text)
	}
	text, err := fs.ReadFile(l.Assets(), "images/fine.svg")
	require.NoError(t, err)
	require.Equal(t, "<svg/>", string(text))
	_, err = fs.ReadDir(l.Assets(), "images")
	require.NoError(t, err)
}
