//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPublishFar publishes to a registry that the builder reaches and orch does
// not: the builder moves the tags, when every target is good.
func TestPublishFar(t *testing.T) {
	t.Parallel()
	near, far := newGate(t), newGate(t)
	p := newPublished(t, near, far)
	far.set(func(_, _ int, r *http.Request) verdict {
		if strings.HasPrefix(r.UserAgent(), "orch") {
			return never
		}
		return pass
	})
	out, err := p.next("--progress", "plain").CombinedOutput()
	if err != nil || p.state() != "new" {
		t.Fatalf("%v, the tags are %s\n%s", err, p.state(), out)
	}
	for _, want := range []string{"orch does not reach the registry " + far.host, "2 tags published together", "1 tag published by the builder"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("nothing says %q:\n%s", want, out)
		}
	}
	// Nothing moves if a target is bad.
	out, err = p.next("--keep-going", "--set", "a.dockerfile-inline=FROM scratch\nCOPY none /").CombinedOutput()
	if err == nil || p.state() != "old" {
		t.Errorf("%v, the tags are %s\n%s", err, p.state(), out)
	}
	// All together is not possible, and that is known before anything is built.
	far.set(func(_, _ int, r *http.Request) verdict {
		if r.Method == http.MethodPut {
			t.Errorf("something was pushed: %s", r.URL.Path)
		}
		if strings.HasPrefix(r.UserAgent(), "orch") {
			return never
		}
		return pass
	})
	out, err = p.next("--publish").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("--publish=together: orch has to move the tags in "+far.host)) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPublishNearAndFar publishes one image, with what is attested to it, to a registry
// that orch reaches and to one that only the builder reaches.
func TestPublishNearAndFar(t *testing.T) {
	t.Parallel()
	near, far := newGate(t), newGate(t)
	far.set(func(_, _ int, r *http.Request) verdict {
		if strings.HasPrefix(r.UserAgent(), "orch") {
			return never
		}
		return pass
	})
	dir := project(t, map[string]string{
		"f": "x", "build.hcl": fmt.Sprintf(`group "default" { targets = ["a", "b"] }
target "a" {
  dockerfile-inline = "FROM scratch\nCOPY f /a"
  tags              = ["%s/both:a", "%s/both:a"]
}
target "b" {
  dockerfile-inline = "FROM scratch\nCOPY f /b"
  tags              = ["%[2]s/b:b"]
}
`, far.host, near.host)})
	cmd := runOrch(dir, "bake", "--push", "--progress", "plain")
	cmd.Env = append(cmd.Env, "BUILDX_NO_DEFAULT_ATTESTATIONS=0", "ORCH_REGISTRY_TIMEOUT=5s")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, url := range []string{far.host + "/v2/both/manifests/a", near.host + "/v2/both/manifests/a", near.host + "/v2/b/manifests/b"} {
		res, err := http.Get("http://" + url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", url, res.Status)
		}
	}
}

// TestPublishHelper publishes with a docker configuration that names a program
// which is not there, and with one that cannot be read.
func TestPublishHelper(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	p := newPublished(t, g, g)
	g.set(nil)
	for text, want := range map[string]string{`{"credsStore":"nonexistent-helper"}`: "docker-credential-nonexistent-helper", `{"auths":`: "config.json is not used"} {
		dir := project(t, map[string]string{"config.json": text})
		cmd := p.next()
		cmd.Env = append(cmd.Env, "DOCKER_CONFIG="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil || p.state() != "new" || bytes.Count(out, []byte(want)) != 1 {
			t.Errorf("%s: %v, the tags are %s\n%s", text, err, p.state(), out)
		}
	}
}

// TestPublishInterruptedAnywhere interrupts a run that publishes at random
// moments, most of them while tags move: an exit code of 0 means that all is
// done, else it is 130, and what is left is said and can be done.
func TestPublishInterruptedAnywhere(t *testing.T) {
	t.Parallel()
	workers, n := 1, 6
	if os.Getenv("ORCH_STRESS") != "" {
		workers, n = 4, 600
	}
	for w := range workers {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			t.Parallel()
			interruptPublishing(t, n/workers)
		})
	}
}

func interruptPublishing(t *testing.T, n int) {
	g := newGate(t)
	p := newPublished(t, g, g)
	slow := func(_, tag int, _ *http.Request) verdict {
		if tag > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		return pass
	}
	g.set(slow)
	begin := time.Now()
	if out, err := p.next().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(begin)
	ends := map[string]int{}
	for i := range n {
		var out bytes.Buffer
		cmd := p.next()
		cmd.Stdout, cmd.Stderr = &out, &out
		if i%3 == 0 { // at a request of the tag phase, else at any moment
			at := 1 + rand.IntN(14)
			g.set(func(_, tag int, _ *http.Request) verdict {
				if tag == at {
					_ = cmd.Process.Signal(os.Interrupt)
				}
				return pass
			})
		} else {
			g.set(slow)
		}
		interrupted(t, cmd, whole, i%3 != 0)
		code := cmd.ProcessState.ExitCode()
		g.set(nil)
		switch {
		case code != 0 && code != 130 && code != -1:
			t.Fatalf("exit code %d:\n%s", code, out.String())
		case code == 130 && !strings.Contains(strings.ToLower(out.String()), "interrupted"):
			t.Errorf("nothing says that it was interrupted:\n%s", out.String())
		case code == 130 && strings.Contains(out.String(), "published together"):
			t.Errorf("exit code 130, and it says that all is published:\n%s", out.String())
		case code == 0 && (p.state() != "new" || p.pending() != 0):
			t.Fatalf("exit code 0, but the tags are %s and %d journals are there\n%s", p.state(), p.pending(), out.String())
		}
		switch state, pending := p.state(), p.pending(); {
		case state == "mixed" && pending == 0:
			t.Fatalf("the tags are mixed, and no journal is there:\n%s", out.String())
		case pending > 0:
			ends["journal"]++
			p.judge("interrupted", false, out.Bytes(), state == "mixed" && i%2 == 0)
			if p.pending() > 0 {
				t.Fatalf("a journal is left:\n%s", out.String())
			}
		case code == 130 && state == "new" && !strings.Contains(out.String(), "have moved"):
			t.Errorf("nothing says that the tags have moved:\n%s", out.String())
		default:
			ends[state]++
		}
	}
	t.Logf("%d interrupts: %v", n, ends)
}

// interrupted runs a command and, if randomly, interrupts it at any moment.
func interrupted(t *testing.T, cmd *exec.Cmd, whole time.Duration, randomly bool) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if randomly {
		timer := time.AfterFunc(rand.N(whole+whole/4), func() { _ = cmd.Process.Signal(syscall.SIGINT) })
		defer timer.Stop()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("it hangs: %v", err)
	}
}
