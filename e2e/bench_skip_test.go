//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// slowRegistry is in front of the registry: it counts requests, and answers each
// of them late.
type slowRegistry struct {
	host  string
	n     atomic.Int64
	delay atomic.Int64
}

func newSlowRegistry(b *testing.B) *slowRegistry {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: shared.registry})
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	r := &slowRegistry{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.n.Add(1)
		time.Sleep(time.Duration(r.delay.Load()))
		proxy.ServeHTTP(w, req)
	}))
	b.Cleanup(s.Close)
	r.host = strings.TrimPrefix(s.URL, "http://")
	return r
}

// skipLoad is a project of n pushed targets, each with a repository of its own.
func skipLoad(b *testing.B, n int, host string) string {
	dir := b.TempDir()
	var text strings.Builder
	var names []string
	for i := range n {
		fmt.Fprintf(&text, "target \"t%d\" {\n  dockerfile-inline = \"FROM scratch\\nCOPY common /common\\nCOPY t%d /t\\n\"\n", i, i)
		fmt.Fprintf(&text, "  tags = [\"%s/skip%d/t%d:v1\"]\n  output = [\"type=registry\"]\n}\n", host, os.Getpid(), i)
		names = append(names, fmt.Sprintf("%q", fmt.Sprint("t", i)))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("t", i)), fmt.Append(nil, i), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	fmt.Fprintf(&text, "group \"default\" { targets = [%s] }\n", strings.Join(names, ", "))
	for name, text := range map[string]string{
		"common": "common", "docker-bake.hcl": text.String(), "build.hcl": text.String() + "skip {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// BenchmarkSkip runs 200 pushed targets of which none has changed: orch, which
// skips them, as bake, which does not, then with a registry that takes 30 ms for
// each request, and then on a machine that knows nothing and has no builder.
func BenchmarkSkip(b *testing.B) {
	const n = 200
	registry := newSlowRegistry(b)
	dir := skipLoad(b, n, registry.host)
	ours := process("orch", dir, orch(), "bake", "--progress", "plain", "-f", "build.hcl")
	ours.run(b)
	one := func(c contender) (time.Duration, int64) {
		registry.n.Store(0)
		start := time.Now()
		c.run(b)
		return time.Since(start), registry.n.Load()
	}
	var skip, slow, empty, slowEmpty []time.Duration
	var asked, askedEmpty int64
	b.ResetTimer()
	for range b.N {
		wall, requests := one(ours)
		skip, asked = append(skip, wall), max(asked, requests)
		registry.delay.Store(int64(30 * time.Millisecond))
		wall, _ = one(ours)
		slow = append(slow, wall)
		fresh := func() contender {
			state := b.TempDir()
			return contender{run: func(b *testing.B) {
				if out, err := runOn(state, dir, "bake", "--progress", "plain", "-f", "build.hcl").CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}}
		}
		wall, _ = one(fresh())
		slowEmpty = append(slowEmpty, wall)
		registry.delay.Store(0)
		wall, requests = one(fresh())
		empty, askedEmpty = append(empty, wall), max(askedEmpty, requests)
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op")
	ms := func(d []time.Duration) float64 { return float64(median(d)) / 1e6 }
	b.ReportMetric(ms(skip), "skip-ms")
	b.ReportMetric(float64(asked), "requests")
	b.ReportMetric(ms(slow), "slow-ms")
	b.ReportMetric(ms(empty), "empty-ms")
	b.ReportMetric(ms(slowEmpty), "slow-empty-ms")
	b.ReportMetric(float64(askedEmpty), "empty-requests")
	if buildx := os.Getenv(buildxEnv); buildx != "" {
		process("start", dir, orch(), "builder", "start").run(b)
		if _, err := os.Stat(filepath.Join(shared.state, "buildx", "instances", "skip")); err != nil {
			process("create", dir, buildx, "create", "--name", "skip", "--driver", "remote", "unix://"+filepath.Join(shared.state, "builder.sock")).run(b)
		}
		bake := process("bake", dir, buildx, "--builder", "skip", "bake", "-f", "docker-bake.hcl", "--progress", "plain")
		bake.run(b)
		wall, requests := one(bake)
		b.ReportMetric(float64(wall)/1e6, "bake-ms")
		b.ReportMetric(float64(requests), "bake-requests")
		b.ReportMetric(ms(skip)/(float64(wall)/1e6), "of-bake")
	}
}
