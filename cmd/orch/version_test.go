package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/cmd/orch/internal/whole"
)

// TestCheckVersion compares this version with the newest release. A newer one is an
// error, so that a script sees it.
func TestCheckVersion(t *testing.T) {
	latest := "" // the version that the host calls the latest
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/latest":
		case latest == "":
			http.NotFound(w, r)
		default:
			http.Redirect(w, r, "/tag/"+latest, http.StatusFound)
		}
	}))
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		latest, text, json, fails string
	}{
		{latest: version.Orch(), text: "is the newest release\n", json: `"newer": false`},
		{latest: "v0.0.1", text: "is the newest release\n", json: `"newest": "v0.0.1"`},
		{latest: "v999.0.0", text: "orch v999.0.0 is out, and this is " + version.Orch() + ": " + server.URL + "/tag/v999.0.0\n", json: `"newer": true`, fails: "not the newest"},
		{fails: "404"},
	} {
		latest = tt.latest
		for _, form := range []cli.Form{cli.Text, cli.JSON} {
			e, stdout, _ := clitest.Env(nil, "version", "--check")
			err := checkVersion(t.Context(), planning.New(machine.New(e, whole.Parts{})), server.URL, form)
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%q: %v, want %q", tt.latest, err, tt.fails)
			}
			want := tt.text
			if form == cli.JSON {
				want = tt.json
			}
			if !strings.Contains(stdout.String(), want) || want == "" && stdout.Len() > 0 {
				t.Errorf("%q, JSON %v: printed %q, want %q", tt.latest, form, stdout, want)
			}
		}
	}
}
