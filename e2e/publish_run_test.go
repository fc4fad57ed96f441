//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// verdict is what happens to a request at a gate.
type verdict int

const (
	pass   verdict = iota
	refuse         // 503
	cut            // the connection ends before the request is executed
	lose           // it is executed, but the answer is lost
	never          // 400, as of a registry whose tags never change
)

// gate is in front of the registry and decides on each request. n counts the
// requests from 1, and those that move tags, which orch makes itself, once
// more from 1.
type gate struct {
	host string
	mu   sync.Mutex
	n    int
	tags int
	busy int // requests that are being answered
	on   func(n, tag int, r *http.Request) verdict
}

func newGate(t *testing.T) *gate {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: shared.registry})
	g := &gate{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdict := g.decide(r)
		defer g.answered()
		// The registry goes on with a request whose sender has died.
		r = r.WithContext(context.WithoutCancel(r.Context()))
		switch verdict {
		case pass:
			proxy.ServeHTTP(w, r)
		case refuse:
			w.WriteHeader(http.StatusServiceUnavailable)
		case never:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable"}]}`))
		case lose:
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case cut:
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(s.Close)
	g.host = strings.TrimPrefix(s.URL, "http://")
	return g
}

func (g *gate) decide(r *http.Request) verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	g.busy++
	tag := 0
	// What is asked before the build is not a request for a tag.
	if strings.HasPrefix(r.UserAgent(), "orch") && r.URL.Path != "/v2/" {
		g.tags++
		tag = g.tags
	}
	if g.on == nil {
		return pass
	}
	return g.on(g.n, tag, r)
}

func (g *gate) answered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
}

// idle waits until no request is being answered: one of a process that was
// killed may still move a tag, however soon somebody puts it back.
func (g *gate) idle() {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		g.mu.Lock()
		busy := g.busy
		g.mu.Unlock()
		if busy == 0 {
			return
		}
	}
}

// set begins to count anew, once all requests so far are answered.
func (g *gate) set(on func(n, tag int, r *http.Request) verdict) {
	g.idle()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n, g.tags, g.on = 0, 0, on
}

func (g *gate) counts() (all, tags int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n, g.tags
}

const publishProject = `
variable "ONE" {}
variable "TWO" {}
variable "NAME" {}
group "default" { targets = ["a", "b"] }
target "a" {
  dockerfile-inline = "FROM scratch\nCOPY step /a\n"
  tags              = ["${ONE}/${NAME}/a:v1", "${ONE}/${NAME}/a:latest"]
  output            = ["type=registry"]
}
target "b" {
  dockerfile-inline = "FROM scratch\nCOPY step /b\n"
  tags              = ["${TWO}/${NAME}/b:v1"]
  output            = ["type=registry"]
}
`

// published is a project of two targets with three tags, in one registry or in
// two.
type published struct {
	t        *testing.T
	dir      string
	name     string
	one, two *gate
	step     int
	old      map[string]string
	// registryTimeout is how long orch waits for a registry: long, so that a slow
	// machine makes no difference, but where registries fail on purpose.
	registryTimeout time.Duration
	env             []string // of each run
}

const (
	patient = time.Minute
	hasty   = time.Second
)

func newPublished(t *testing.T, one, two *gate, env ...string) *published {
	t.Helper()
	// A state folder of its own keeps its journals from those of other tests.
	env = append([]string{"ORCH_STATE_DIR=" + t.TempDir(), "BUILDX_BUILDER=unix://" + builderSocket(t, shared.state)}, env...)
	p := &published{t: t, one: one, two: two, env: env, registryTimeout: patient, name: strings.ToLower(t.Name()) + fmt.Sprint(os.Getpid())}
	p.dir = project(t, map[string]string{"build.hcl": publishProject})
	if out, err := p.next().CombinedOutput(); err != nil {
		t.Fatalf("the first run: %v\n%s", err, out)
	}
	return p
}

// orch prepares a run of orch.
func (p *published) orch(args ...string) *exec.Cmd {
	cmd := runOrch(p.dir, args...)
	cmd.Env = append(cmd.Env, p.env...)
	cmd.Env = append(cmd.Env, "ONE="+p.one.host, "TWO="+p.two.host, "NAME="+p.name, "ORCH_REGISTRY_TIMEOUT="+p.registryTimeout.String())
	return cmd
}

// next prepares a run that has something new to publish.
func (p *published) next(args ...string) *exec.Cmd {
	p.t.Helper()
	p.step++
	p.old = p.tags()
	if err := os.WriteFile(filepath.Join(p.dir, "step"), fmt.Append(nil, p.step), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return p.orch(append([]string{"bake", "--progress", "quiet"}, args...)...)
}

// tags says where the tags point.
func (p *published) tags() map[string]string {
	p.t.Helper()
	now := map[string]string{}
	for _, tag := range []string{"a:v1", "a:latest", "b:v1"} {
		if desc, err := remote.Head(direct(p.t, p.name+"/"+tag)); err == nil {
			now[tag] = desc.Digest.String()
		}
	}
	return now
}

// state is "old", "new" or "mixed".
func (p *published) state() string {
	now := p.tags()
	if maps.Equal(now, p.old) {
		return "old"
	}
	for tag, d := range p.old {
		if now[tag] == d {
			return "mixed"
		}
	}
	if now["a:v1"] != now["a:latest"] {
		return "mixed"
	}
	return "new"
}

func (p *published) pending() int {
	p.t.Helper()
	out, err := p.orch("publish", "--status", "--json").Output()
	var journals []json.RawMessage
	if err == nil {
		err = json.Unmarshal(out, &journals)
	}
	if err != nil {
		p.t.Fatalf("orch publish --status: %v\n%s", err, out)
	}
	return len(journals)
}

// judge holds what a run has left against how it ended: all tags are old, or
// all are new, or one command makes them so. Where nothing is left half done,
// going on with the run publishes it.
func (p *published) judge(what string, good bool, out []byte, back bool) {
	p.t.Helper()
	before := p.registryTimeout
	defer func() { p.registryTimeout = before }()
	p.registryTimeout = patient
	state, pending := p.state(), p.pending()
	finish := func(want string, args ...string) {
		if more, err := p.orch(args...).CombinedOutput(); err != nil {
			p.t.Fatalf("%s: orch %v: %v\n%s\nafter\n%s", what, args, err, more, out)
		}
		if got := p.state(); got != want || p.pending() != 0 {
			p.t.Fatalf("%s: after orch %v the tags are %s, not %s\n%s", what, args, got, want, out)
		}
	}
	switch {
	case good:
		if state != "new" || pending != 0 {
			p.t.Fatalf("%s: a good run, but the tags are %s and %d journals are there\n%s", what, state, pending, out)
		}
	case pending > 0 && back:
		finish("old", "publish", "--rollback")
	case pending > 0:
		finish("new", "publish", "--resume")
	case state != "old":
		p.t.Fatalf("%s: no journal is there, but the tags are %s\n%s", what, state, out)
	case back:
		finish("new", "bake", "--progress", "quiet", "--resume")
	}
}

// TestPublishRunFaults fails the registry at each request of a run that
// publishes, while images are pushed and while tags are moved.
func TestPublishRunFaults(t *testing.T) {
	t.Parallel()
	every := 1
	if os.Getenv("ORCH_STRESS") == "" {
		every = 17
	}
	for how, name := range map[verdict]string{refuse: "503", cut: "cut", lose: "lost"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, p, all, tags := counted(t)
			for k := 1 + int(how)%every; k <= all; k += every {
				g.set(func(n, _ int, _ *http.Request) verdict {
					if n == k {
						return how
					}
					return pass
				})
				out, err := p.next().CombinedOutput()
				g.set(nil)
				p.judge(fmt.Sprintf("%s at request %d", name, k), err == nil, out, k%2 == 0)
			}
			// From a request on nothing works any more.
			for k := 1 + int(how)%every; k <= tags; k += every {
				g.set(func(_, tag int, _ *http.Request) verdict {
					if tag >= k {
						return how
					}
					return pass
				})
				out, err := p.next().CombinedOutput()
				g.set(nil)
				p.judge(fmt.Sprintf("%s from request %d for tags on", name, k), err == nil, out, k%2 == 0)
			}
		})
	}
	t.Run("dead", func(t *testing.T) {
		t.Parallel()
		g, p, all, tags := counted(t)
		for k := 1; k <= all-tags; k += 9 * every {
			g.set(func(n, _ int, _ *http.Request) verdict {
				if n >= k {
					return refuse
				}
				return pass
			})
			out, err := p.next("--retries", "0").CombinedOutput()
			g.set(nil)
			if err == nil {
				t.Errorf("a registry out of order from request %d on, and the run is good:\n%s", k, out)
			}
			p.judge(fmt.Sprintf("503 from request %d on", k), false, out, true)
		}
	})
}

// counted is a project with a gate in front of its registry that fails soon, and how
// many requests its run makes there, all and for tags.
func counted(t *testing.T) (g *gate, p *published, all, tags int) {
	t.Helper()
	g = newGate(t)
	p = newPublished(t, g, g)
	g.set(nil)
	if out, err := p.next().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, tags = g.counts()
	t.Logf("%d requests, %d of them for tags", all, tags)
	if tags < 9 || all < 2*tags {
		t.Fatalf("too few requests: %d, %d of them for tags", all, tags)
	}
	p.registryTimeout = hasty
	return g, p, all, tags
}

// TestPublishRunKilled kills orch at each request for tags.
func TestPublishRunKilled(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	p := newPublished(t, g, g)
	g.set(nil)
	if out, err := p.next().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, tags := g.counts()
	every := 1
	if os.Getenv("ORCH_STRESS") == "" {
		every = 4
	}
	for k := 1; k <= tags; k += every {
		for _, how := range []verdict{cut, lose} {
			cmd := p.next()
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			started := make(chan struct{})
			g.set(func(_, tag int, _ *http.Request) verdict {
				<-started
				if tag < k || tag == 0 {
					return pass
				}
				if tag == k {
					_ = cmd.Process.Kill()
				}
				return how
			})
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			err := cmd.Wait()
			g.set(nil)
			if err == nil {
				t.Fatalf("killed at request %d for tags, but the run is good:\n%s", k, out.String())
			}
			p.judge(fmt.Sprintf("killed at request %d for tags", k), false, out.Bytes(), (k+int(how))%2 == 0)
		}
	}
}

// TestPublishTwoRegistries moves tags in two registries, of which one does not
// take them.
func TestPublishTwoRegistries(t *testing.T) {
	t.Parallel()
	one, two := newGate(t), newGate(t)
	p := newPublished(t, one, two)
	p.registryTimeout = hasty
	two.set(func(_, tag int, r *http.Request) verdict {
		if tag > 0 && r.Method == http.MethodPut {
			return refuse
		}
		return pass
	})
	out, err := p.next().CombinedOutput()
	if err == nil || p.state() != "old" || p.pending() != 1 || !bytes.Contains(out, []byte("every tag is where it was")) {
		t.Fatalf("one registry takes no tags: %v, the tags are %s\n%s", err, p.state(), out)
	}
	two.set(nil)
	p.judge("going on", false, out, false)

	// Neither does the other, once it has taken one.
	put := false
	one.set(func(_, tag int, r *http.Request) verdict {
		if tag == 0 || r.Method != http.MethodPut {
			return pass
		}
		if put {
			return refuse
		}
		put = true
		return pass
	})
	two.set(func(_, tag int, r *http.Request) verdict {
		if tag > 0 && r.Method == http.MethodPut {
			return refuse
		}
		return pass
	})
	out, err = p.next().CombinedOutput()
	if err == nil || p.pending() != 1 || !bytes.Contains(out, []byte("orch publish --resume")) {
		t.Fatalf("nothing can be put back: %v, %d journals\n%s", err, p.pending(), out)
	}
	// It still does not work: the journal stays.
	if more, err := p.orch("publish", "--resume").CombinedOutput(); err == nil || p.pending() != 1 {
		t.Fatalf("the registries are still out of order: %v, %d journals\n%s", err, p.pending(), more)
	}
	one.set(nil)
	two.set(nil)
	p.judge("both registries are back", false, out, false)
}

// TestPublishRunImmutable publishes to a registry that refuses to move a tag.
func TestPublishRunImmutable(t *testing.T) {
	t.Parallel()
	one, two := newGate(t), newGate(t)
	// Provenance says when a build ran, so that no two have the same digest.
	p := newPublished(t, one, two, "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
	p.registryTimeout = hasty
	puts := 0
	two.set(func(_, tag int, r *http.Request) verdict {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") && !strings.Contains(r.URL.Path, "sha256:") {
			puts++
			return never
		}
		return pass
	})
	if out, err := p.orch("bake", "--progress", "quiet").CombinedOutput(); err != nil || puts > 0 {
		t.Errorf("tags that are right already: %v, %d were put again\n%s", err, puts, out)
	}
	out, err := p.next().CombinedOutput()
	if err == nil || p.state() != "old" || p.pending() != 1 {
		t.Fatalf("a tag that must not move: %v, the tags are %s\n%s", err, p.state(), out)
	}
	for _, want := range []string{p.name + "/b:v1", "the tag is immutable", "every tag is where it was"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("nothing says %q:\n%s", want, out)
		}
	}
}
