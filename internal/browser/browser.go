// Package browser drives a headless Chromium for tests of pages: its size, its
// colours, its keys, a script, a picture. It talks over a pipe, so that nothing
// listens anywhere, and runs scripts past the policy of a page, as a developer
// does. It knows nothing of the pages.
//
// To start Chromium costs more than most tests of a page: the tests of a package share
// one, which Main ends, and each page has a profile of its own in it.
package browser

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/output"
)

// Page is a page in a browser.
type Page struct {
	t       testing.TB
	browser *chromium
	replies *queue
	session string
	// problems are what the page complained of.
	problems []string
	loaded   bool // a page has been loaded since this was set to false
}

// answerTimeout is how long the browser may take for one thing; it bounds a hang, and
// is not a limit of speed.
const answerTimeout = 3 * time.Minute

// Open shows a page. The browser ends with the test, which is skipped where there
// is none.
func Open(t testing.TB, html []byte) *Page {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	must(t, output.WriteFile(file, html, 0o644))
	return Visit(t, file)
}

// Visit shows the page in a file, as Open does.
func Visit(t testing.TB, file string) *Page {
	t.Helper()
	p := &Page{t: t, browser: shared(t), replies: newQueue()}
	var context struct{ BrowserContextID string }
	p.call("Target.createBrowserContext", nil, &context)
	var target struct{ TargetID string }
	p.call("Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": context.BrowserContextID}, &target)
	var attached struct{ SessionID string }
	p.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p.session = attached.SessionID
	p.browser.listen(p.session, p.replies)
	t.Cleanup(func() {
		p.browser.forget(p.session)
		p.session = ""
		p.call("Target.disposeBrowserContext", map[string]any{"browserContextId": context.BrowserContextID}, nil)
	})
	for _, domain := range []string{"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"} {
		p.call(domain, nil, nil)
	}
	p.Size(1280, 800)
	p.Go(file)
	return p
}

// Go leads to the page in another file.
func (p *Page) Go(file string) {
	p.t.Helper()
	address := (&url.URL{Scheme: "file", Path: file}).String()
	p.loaded = false
	p.call("Page.navigate", map[string]any{"url": address}, nil)
	for state := ""; state != address+" complete"; {
		for !p.loaded {
			p.message("loading the page")
		}
		// It may have been the page before that was loaded.
		p.Run(`return location.href + " " + document.readyState`, &state)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// message is the next one.
func (p *Page) message(what string) reply {
	p.t.Helper()
	m, err := p.replies.next(answerTimeout)
	if err != nil {
		p.t.Fatalf("%v in %s", err, what)
	}
	p.note(m)
	return m
}

// note keeps what the page complains of, or loads.
func (p *Page) note(m reply) {
	switch m.Method {
	case "Page.loadEventFired":
		p.loaded = true
	case "Runtime.exceptionThrown", "Log.entryAdded":
		p.problems = append(p.problems, string(m.Params))
	case "Runtime.consoleAPICalled":
		if bytes.Contains(m.Params, []byte(`"type":"error"`)) || bytes.Contains(m.Params, []byte(`"type":"warning"`)) {
			p.problems = append(p.problems, string(m.Params))
		}
	case "Network.requestWillBeSent":
		var r struct{ Request struct{ URL string } }
		if json.Unmarshal(m.Params, &r) == nil && !strings.HasPrefix(r.Request.URL, "file:") && !strings.HasPrefix(r.Request.URL, "data:") {
			p.problems = append(p.problems, "loads "+r.Request.URL)
		}
	}
}

// call asks the browser for something.
func (p *Page) call(method string, params, result any) {
	p.t.Helper()
	id, err := p.browser.send(p.session, method, params, p.replies)
	must(p.t, err)
	for {
		m := p.message(method)
		if m.ID != id {
			continue
		}
		if m.Error != nil {
			p.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			must(p.t, json.Unmarshal(m.Result, result))
		}
		return
	}
}

// Size makes the window so large.
func (p *Page) Size(width, height int) {
	p.t.Helper()
	p.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// Dark has the page in dark colours.
func (p *Page) Dark() {
	p.t.Helper()
	p.scheme("dark")
}

// Light has the page in light colours.
func (p *Page) Light() {
	p.t.Helper()
	p.scheme("light")
}

func (p *Page) scheme(value string) {
	p.t.Helper()
	p.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": value}}}, nil)
}

// Run runs a script in the page, after whatever the page does for a change of its
// size or its place, and returns what the script returns.
func (p *Page) Run(script string, result any) {
	p.t.Helper()
	text := `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => { ` + script + ` })`
	var out struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	p.call("Runtime.evaluate", map[string]any{"expression": text, "awaitPromise": true, "returnByValue": true}, &out)
	if out.ExceptionDetails != nil {
		p.t.Fatalf("%s\n%s", script, out.ExceptionDetails)
	}
	if result != nil {
		must(p.t, json.Unmarshal(out.Result.Value, result))
	}
}

// Type presses a key, by its name, such as "a" or "Enter".
func (p *Page) Type(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		down := map[string]any{"type": "keyDown", "key": k}
		if len(k) == 1 {
			down["text"] = k
		}
		p.call("Input.dispatchKeyEvent", down, nil)
		p.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": k}, nil)
	}
}

// Mouse sends a mouse event: mousePressed, mouseMoved or mouseReleased.
func (p *Page) Mouse(kind string, x, y float64) {
	p.t.Helper()
	buttons := 1
	if kind == "mouseReleased" {
		buttons = 0
	}
	p.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1}, nil)
}

// Picture writes a picture of the window into the folder of the test's artifacts,
// if that is kept: go test -artifacts keeps it. Drawing is most of what a test of
// pages costs.
func (p *Page) Picture(name string) {
	p.t.Helper()
	if kept := flag.Lookup("test.artifacts"); kept == nil || kept.Value.String() != "true" {
		return
	}
	p.Run("", nil)
	var shot struct{ Data string }
	p.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	must(p.t, err)
	must(p.t, output.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), data, 0o644))
}

// Problems are what the page complained of and what it loaded, up to now.
func (p *Page) Problems() []string {
	p.t.Helper()
	p.Run("", nil)
	return p.problems
}
