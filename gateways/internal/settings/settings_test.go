package settings_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/secret"
)

type config struct {
	Shop string `json:"shop"`
}

func (c config) Check(issues *tierhost.Issues, path string, live bool) {
	settings.Required(issues, tierhost.Path(path, "shop"), c.Shop, 5)
	if live && c.Shop == "test" {
		issues.Add(tierhost.Path(path, "shop"), "wrong_mode", "this is a test shop")
	}
}

type key struct {
	Key secret.Text `json:"key"`
}

func (k key) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.RequiredSecret(issues, tierhost.Path(path, "key"), k.Key, 8)
}

func TestSettingsAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config, secret string
		live           bool
		check, read    string
	}{
		{`{"shop":"a"}`, `{"key":"k"}`, true, "", ""},
		{`{"shop":"a"}`, ``, true, "", "secret.key required"},
		{``, `{"key":"k"}`, false, "config.shop required", "config.shop required"},
		{`{"shop":"test"}`, `{"key":"k"}`, true, "config.shop wrong_mode", "config.shop wrong_mode"},
		{`{"shop":"toolong"}`, `{"key":"canary 77"}`, false, "config.shop too_long, secret.key too_long", "config.shop too_long, secret.key too_long"},
		{`{"shop":"a\n"}`, `{"key":7}`, false, "config.shop invalid, secret invalid", "config.shop invalid, secret invalid"},
		{`{"shop":"a","x":1}`, `{"kay":"k"}`, false, "config invalid, secret invalid", "config invalid, secret invalid"},
		{`{"shop":"a"} {}`, `{"key":"k"}x`, false, "config invalid, secret invalid", "config invalid, secret invalid"},
	} {
		at := gateways.Place{Live: c.live, Config: json.RawMessage(c.config), Secret: secret.New(c.secret)}
		err := settings.Check[config, key](at)
		require.Equal(t, c.check, faults(err), "%s %s", c.config, c.secret)
		got, _, err := settings.Read[config, key](at)
		require.Equal(t, c.read, faults(err), "%s %s", c.config, c.secret)
		if err != nil {
			require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
			require.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err))
			require.NotContains(t, err.Error(), "canary")
			continue
		}
		require.Equal(t, "a", got.Shop)
	}
}

func faults(err error) string {
	var all []string
	if invalid, ok := errors.AsType[*tierhost.Invalid](err); ok {
		for _, i := range invalid.Issues {
			all = append(all, i.Path+" "+i.Code)
		}
	}
	return strings.Join(all, ", ")
}
