//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/orch-build/orch/internal/need"
)

// checked makes a test or a benchmark a checker.
type checked struct{ testing.TB }

func (c checked) Check(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// fleet are real BuildKit daemons on ports, with TLS for both sides.
type fleet struct {
	testing.TB
	dir, tls, state string
	addresses       []string
	daemons         []*exec.Cmd
}

// newFleet starts one daemon for each set of further flags.
func newFleet(t testing.TB, flags ...[]string) *fleet {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a BuildKit daemon runs as root")
	}
	programs, err := filepath.Glob("../bin/buildkitd-v*")
	checked{t}.Check(err)
	if more := os.Getenv(daemonsEnv); more != "" {
		programs = append(programs, filepath.SplitList(more)...)
	}
	if len(programs) == 0 {
		need.Missing(t, "daemon of a BuildKit release")
	}
	dir, err := os.MkdirTemp("/tmp", "orch-fleet-test-")
	checked{t}.Check(err)
	t.Cleanup(func() {
		unmountBelow(dir) // a daemon that was killed leaves what its steps had
		os.RemoveAll(dir)
	})
	f := &fleet{TB: t, dir: dir, tls: filepath.Join(dir, "tls"), state: filepath.Join(dir, "state")}
	f.certificates()
	for i, more := range flags {
		f.start(programs[0], i, more)
	}
	for i := range f.addresses {
		f.await(i)
	}
	return f
}

func (f *fleet) certificates() {
	f.Helper()
	c := checked{f.TB}
	ca := newAuthority(c, "fleet")
	ca.folder(c, f.tls, ca)
}

func (f *fleet) start(program string, i int, more []string) {
	f.Helper()
	addr, err := freeAddress()
	checked{f.TB}.Check(err)
	root := filepath.Join(f.dir, fmt.Sprint("root", i))
	args := append([]string{
		"--root", root, "--addr", "tcp://" + addr,
		"--tlscacert", filepath.Join(f.tls, "ca.pem"), "--tlscert", filepath.Join(f.tls, "cert.pem"), "--tlskey", filepath.Join(f.tls, "key.pem"),
	}, more...)
	log, err := os.Create(filepath.Join(f.dir, fmt.Sprint("log", i)))
	checked{f.TB}.Check(err)
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	checked{f.TB}.Check(cmd.Start())
	f.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	f.addresses, f.daemons = append(f.addresses, addr), append(f.daemons, cmd)
}

// await waits until a daemon listens.
func (f *fleet) await(i int) {
	f.Helper()
	for range 1200 {
		if conn, err := net.Dial("tcp", f.addresses[i]); err == nil {
			conn.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(f.dir, fmt.Sprint("log", i)))
	f.Fatalf("no daemon listens at %s:\n%s", f.addresses[i], lastLines(string(log), 20))
}

// orch runs orch on some of the daemons.
func (f *fleet) orch(dir string, daemons []int, args ...string) *exec.Cmd {
	for _, i := range daemons {
		args = append(args, "--builder", "tcp://"+f.addresses[i])
	}
	cmd := exec.Command(filepath.Join(shared.bin, "orch"), append(args, "--tlsdir", f.tls)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+f.state, "ORCH_BUILDER_TIMEOUT=20s")
	return cmd
}

// record is what is read of a result.
type fleetRecord struct {
	Targets []struct {
		Name, State, Digest string
		Builders            []string
		Attempts            []struct{}
	}
	Steps []struct {
		Name, Builder string
		Cached        bool
		Targets       []string
	}
}

// bake builds a project, and returns its record.
func (f *fleet) bake(dir string, daemons []int, args ...string) *fleetRecord {
	f.Helper()
	cmd := f.orch(dir, daemons, append([]string{"bake", "--progress=plain", "--result", "result.json"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.Fatalf("%v\n%s", err, out)
	}
	return f.read(dir)
}

func (f *fleet) read(dir string) *fleetRecord {
	f.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "result.json"))
	checked{f.TB}.Check(err)
	rec := &fleetRecord{}
	checked{f.TB}.Check(json.Unmarshal(data, rec))
	return rec
}

// fleetProject has so many targets over each of six bases, whose steps take a while.
func fleetProject(t testing.TB, repo, salt string, each int, sleep float64) string {
	files := map[string]string{"build.hcl": fmt.Sprintf(`
target "default" {
  name = "app-${b}-${i}"
  matrix = { b = ["0", "1", "2", "3", "4", "5"], i = [for i in range(%d) : "${i}"] }
  dockerfile = "Dockerfile.${b}"
  contexts = { busybox = BUSYBOX }
  args = { I = i, SOURCE_DATE_EPOCH = "0" }
  tags = ["%s/app-${b}-${i}:latest"]
  output = ["type=registry,rewrite-timestamp=true"]
  attest = ["type=provenance,disabled=true"]
}
variable "BUSYBOX" { default = %q }
`, each, repo, shared.busybox)}
	for b := range 6 {
		files[fmt.Sprintf("Dockerfile.%d", b)] = fmt.Sprintf(
			"FROM scratch AS base\nCOPY --from=busybox . /\nRUN sleep %g; echo %s %d >/base\nFROM base\nARG I\nRUN sleep %g; echo $I >/app\n", 2*sleep, salt, b, sleep)
	}
	return project(t, files)
}

// TestFleet spreads targets over three daemons, and finds what they have built on
// them again.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil, nil, []string{"--oci-worker-platform", "linux/arm64"})
	repo := fmt.Sprintf("%s/fleet-%d", shared.registry, os.Getpid())
	dir := fleetProject(t, repo, "spread", 4, 0.2)
	all := []int{0, 1, 2}
	allow := "--allow=fs.read=" + shared.busybox
	first := f.bake(dir, all, allow)
	where, bases := map[string]int{}, map[string]int{}
	for _, target := range first.Targets {
		if len(target.Builders) != 1 || target.Digest == "" {
			t.Errorf("%s: %+v", target.Name, target)
			continue
		}
		where[target.Builders[0]]++
	}
	for _, s := range first.Steps {
		if strings.HasPrefix(s.Name, "RUN") && len(s.Targets) > 1 && !s.Cached {
			bases[s.Name]++
		}
	}
	for _, addr := range f.addresses {
		if where[addr] != 8 {
			t.Errorf("%s has built %d of 24", addr, where[addr])
		}
	}
	for step, n := range bases {
		if n != 1 {
			t.Errorf("%s has run %d times", step, n)
		}
	}
	// Again: everything is there, on the builder that has it. Where the times of a busy
	// machine were far from even, a few targets may be worth moving.
	again := f.bake(dir, all, allow)
	moved := map[string]bool{}
	for i, target := range again.Targets {
		if !slices.Equal(target.Builders, first.Targets[i].Builders) {
			moved[target.Name] = true
		}
	}
	if len(moved) > len(again.Targets)/3 {
		t.Errorf("%d of %d targets are on another builder", len(moved), len(again.Targets))
	}
	for _, s := range again.Steps {
		if strings.HasPrefix(s.Name, "RUN") && !s.Cached && !slices.ContainsFunc(s.Targets, func(name string) bool { return moved[name] }) {
			t.Errorf("%s has run again, on %s", s.Name, s.Builder)
		}
	}
	// One builder makes the same images.
	alone := f.bake(dir, []int{0}, allow)
	for i, target := range alone.Targets {
		if target.Digest != first.Targets[i].Digest {
			t.Errorf("%s: %s on one builder, %s on three", target.Name, target.Digest, first.Targets[i].Digest)
		}
	}
}

// TestFleetKilled has a daemon die, stop, or cut off from the network in the middle of
// a run.
func TestFleetKilled(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil, nil, nil, nil, nil)
	behind := proxyAt(t, "tcp", "127.0.0.1:0", f.addresses[3])
	f.addresses[3] = strings.TrimPrefix(behind.addr, "tcp://")
	faults := map[string]struct {
		daemon int
		happen func() error
	}{
		"kill": {1, func() error { return f.daemons[1].Process.Signal(syscall.SIGKILL) }},
		"stop": {2, func() error { return f.daemons[2].Process.Signal(syscall.SIGSTOP) }},
		"cut":  {3, func() error { behind.hush(); return behind.listener.Close() }},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here := *f
			here.TB = t
			here.testLost(name, []int{0, fault.daemon, 4}, fault.happen)
		})
	}
}

// testLost builds on some daemons, to one of which something happens.
func (f *fleet) testLost(name string, daemons []int, happen func() error) {
	allow := "--allow=fs.read=" + shared.busybox
	repo := fmt.Sprintf("%s/fleet-%s-%d", shared.registry, name, os.Getpid())
	dir := fleetProject(f.TB, repo, name, 4, 1)
	victim := f.addresses[daemons[1]]
	run := &background{cmd: f.orch(dir, daemons, "bake", "--progress=plain", "--result", "result.json", allow), t: f.TB}
	run.cmd.Stdout, run.cmd.Stderr = run, run
	checked{f.TB}.Check(run.cmd.Start())
	run.says(victim + ": ")
	time.Sleep(time.Second)
	checked{f.TB}.Check(happen())
	if err := run.cmd.Wait(); err != nil {
		f.Fatalf("%v\n%s", err, run)
	}
	for _, target := range f.read(dir).Targets {
		if target.State != "done" || len(target.Attempts) != 1 {
			f.Errorf("%s is %s after %d attempts", target.Name, target.State, len(target.Attempts))
		}
	}
	run.says(victim + " is lost")
}

// TestFleetPlatforms builds each platform on the daemon that has it.
func TestFleetPlatforms(t *testing.T) {
	t.Parallel()
	f := newFleet(t, []string{"--oci-worker-platform", "linux/amd64"}, []string{"--oci-worker-platform", "linux/arm64"})
	config := fmt.Sprintf("builder \"fleet\" {\n  node {\n    name = \"x86\"\n    address = \"tcp://%s\"\n    platforms = [\"linux/amd64\"]\n    %s\n  }\n"+
		"  node {\n    name = \"arm\"\n    address = \"tcp://%s\"\n    platforms = [\"linux/arm64\"]\n    %s\n  }\n}\n", f.addresses[0], f.block(), f.addresses[1], f.block())
	image := fmt.Sprintf("%s/fleet-platforms-%d", shared.registry, os.Getpid())
	dir := project(t, map[string]string{
		"builders.hcl": config,
		"Dockerfile":   "FROM scratch\nARG TARGETARCH\nCOPY who /$TARGETARCH\n", "who": "me",
		"Dockerfile.made": "FROM --platform=$BUILDPLATFORM base AS gen\nRUN cat /proc/sys/kernel/random/uuid >/id\nFROM scratch\nCOPY --from=gen /id /\n",
		"build.hcl": fmt.Sprintf(`
target "default" {
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["%s:v1"]
}
target "base" {
  contexts = { busybox = %q }
  dockerfile-inline = "FROM scratch\nCOPY --from=busybox . /"
  platforms = ["linux/amd64"]
  attest = ["type=provenance,disabled=true"]
}
target "made" {
  dockerfile = "Dockerfile.made"
  contexts = { base = "oci-layout://base" }
  platforms = ["linux/amd64", "linux/arm64"]
}
`, image, shared.busybox),
	})
	run := func(args ...string) string {
		cmd := exec.Command(filepath.Join(shared.bin, "orch"), append(args, "--builder", "fleet")...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+f.state)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	out := run("bake", "--push")
	if !strings.Contains(out, "x86, arm") {
		t.Errorf("no row says where it was built:\n%s", out)
	}
	ref, err := name.ParseReference(image+":v1", name.Insecure)
	checked{t}.Check(err)
	index, err := remote.Index(ref)
	checked{t}.Check(err)
	manifest, err := index.IndexManifest()
	checked{t}.Check(err)
	var got []string
	for _, m := range manifest.Manifests {
		got = append(got, m.Platform.String())
	}
	if want := "linux/amd64 linux/arm64 unknown/unknown unknown/unknown"; strings.Join(got, " ") != want {
		t.Errorf("the index has %v, want %s", got, want)
	}
	run("bake", "-o", "type=oci,dest=image.tar")
	tar, err := exec.Command("tar", "-xOf", filepath.Join(dir, "image.tar"), "index.json").Output()
	if err != nil || !strings.Contains(string(tar), "application/vnd.oci.image.index.v1+json") {
		t.Errorf("%v: %s", err, tar)
	}
	run("bake", "-o", "type=docker,dest=docker.tar")
	names, err := exec.Command("tar", "-tf", filepath.Join(dir, "docker.tar")).Output()
	if err != nil || !strings.Contains(string(names), "index.json") {
		t.Errorf("%v: %s", err, names)
	}
	// What all platforms copy from is built once.
	run("bake", "base", "-o", "type=oci,tar=false,dest=base", "--allow=fs.read="+shared.busybox)
	run("bake", "made", "-o", "type=local,dest=made", "--allow=fs.read="+shared.busybox)
	var ids []string
	for _, platform := range []string{"linux_amd64", "linux_arm64"} {
		id, err := os.ReadFile(filepath.Join(dir, "made", platform, "id"))
		checked{t}.Check(err)
		ids = append(ids, string(id))
	}
	if ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("a stage of the build platform was built on both: %q", ids)
	}
	run("bake", "-o", "type=local,dest=out")
	for _, file := range []string{"linux_amd64/amd64", "linux_arm64/arm64"} {
		if _, err := os.Stat(filepath.Join(dir, "out", file)); err != nil {
			t.Error(err)
		}
	}
}

// block is how a builders.hcl has the certificates.
func (f *fleet) block() string {
	return fmt.Sprintf("tls {\n ca = %q\n cert = %q\n key = %q\n }", filepath.Join(f.tls, "ca.pem"), filepath.Join(f.tls, "cert.pem"), filepath.Join(f.tls, "key.pem"))
}

// storeBuildx writes the daemons as buildx does a builder "store" of its driver remote.
func (f *fleet) storeBuildx(dir, ca string) {
	f.Helper()
	var nodes []string
	for i, addr := range f.addresses {
		nodes = append(nodes, fmt.Sprintf(`{"Name":"store%d","Endpoint":"tcp://%s","Platforms":null,"DriverOpts":{"cacert":%q,"cert":%q,"key":%q,"servername":"127.0.0.1"},"Flags":null,"Files":null}`,
			i, addr, ca, filepath.Join(f.tls, "cert.pem"), filepath.Join(f.tls, "key.pem")))
	}
	checked{f.TB}.Check(os.MkdirAll(filepath.Join(dir, "instances"), 0o755))
	text := fmt.Sprintf(`{"Name":"store","Driver":"remote","Nodes":[%s],"Dynamic":false}`, strings.Join(nodes, ","))
	checked{f.TB}.Check(os.WriteFile(filepath.Join(dir, "instances", "store"), []byte(text), 0o644))
}

// testStore builds on the daemons as buildx knows them.
func (f *fleet) testStore(dir string) {
	f.Helper()
	store := f.TempDir()
	run := func() (string, error) {
		cmd := exec.Command(filepath.Join(shared.bin, "orch"), "bake", "--builder", "store", "--progress=plain", "-o", "type=cacheonly")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+f.state, "BUILDX_CONFIG="+store)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	f.storeBuildx(store, filepath.Join(f.tls, "ca.pem"))
	if out, err := run(); err != nil || !strings.Contains(out, "on 2 builders (store0, store1)") {
		f.Errorf("%v\n%s", err, out)
	}
	f.storeBuildx(store, filepath.Join(f.tls, "none.pem"))
	if out, err := run(); err == nil || !strings.Contains(out, "none.pem") {
		f.Errorf("%v\n%s", err, out)
	}
}

// TestFleetLoad loads images into a Docker engine that were built on several daemons.
func TestFleetLoad(t *testing.T) {
	t.Parallel()
	e := startedEngine(func(what string) { need.Missing(t, what) }, func(err error) { t.Fatal(err) })
	f := newFleet(t, nil, nil)
	dir := project(t, map[string]string{
		"build.hcl": `
target "default" {
  name = "app-${i}"
  matrix = { i = ["0", "1", "2", "3"] }
  args = { I = i }
  tags = ["fleet/app-${i}:load"]
}
`, "Dockerfile": "FROM scratch\nARG I\nCOPY who /$I\n", "who": "me",
	})
	cmd := f.orch(dir, []int{0, 1}, "bake", "--load", "--progress=plain", "--result", "result.json")
	cmd.Env = append(cmd.Env, "DOCKER_HOST=unix://"+e.socket, "PATH="+e.tools+":"+os.Getenv("PATH"), "DOCKER_CONFIG="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f.testStore(dir)
	where := map[string]int{}
	for _, target := range f.read(dir).Targets {
		where[strings.Join(target.Builders, "+")]++
	}
	if len(where) != 2 {
		t.Errorf("built on %v\n%s", where, out)
	}
	for i := range 4 {
		if out, err := e.docker("image", "inspect", fmt.Sprintf("fleet/app-%d:load", i)).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}
