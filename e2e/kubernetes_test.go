//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/need"
)

// kubernetesEnv is the folder that scripts/kubernetes.sh fills.
const kubernetesEnv = "ORCH_E2E_KUBERNETES"

// cluster is a real Kubernetes API server, whose only node runs no containers: what
// is executed in a pod is run beside the BuildKit daemon of that pod's name. Pods
// are as the test says; nothing else changes them.
type cluster struct {
	*testing.T
	tools, dir, sockets string
	kubelet             string // port
	config              string
	state               string
}

// newCluster starts one with a namespace "build".
func newCluster(t *testing.T) *cluster {
	t.Helper()
	tools := os.Getenv(kubernetesEnv)
	if tools == "" {
		t.Skipf("%s is not set: run scripts/compat.sh", kubernetesEnv)
	}
	if _, err := exec.LookPath("kubectl"); err != nil {
		need.Missing(t, "kubectl")
	}
	dir, err := os.MkdirTemp("/tmp", "orch-kube-")
	checked{t}.Check(err)
	c := &cluster{T: t, tools: tools, dir: dir, sockets: filepath.Join(dir, "s"), config: filepath.Join(dir, "config"), state: filepath.Join(dir, "state"), kubelet: freePort(t)}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c.check(os.MkdirAll(filepath.Join(c.sockets, "bin"), 0o755))
	build := exec.Command("go", "build", "-o", filepath.Join(c.sockets, "bin", "buildctl"), "./testdata/buildctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.must(build)
	c.serve()
	c.start("kubelet", c.kubelet, c.sockets)
	c.kubectl("create", "namespace", "build")
	c.apply(`{"apiVersion":"v1","kind":"Node","metadata":{"name":"node"}}`)
	c.patch("node", "node", fmt.Sprintf(`{"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":%s}}}}`, c.kubelet))
	return c
}

func (c *cluster) check(err error) {
	c.Helper()
	checked{c.T}.Check(err)
}

// freePort is one on which nobody listens.
func freePort(t *testing.T) string {
	addr, err := freeAddress()
	checked{t}.Check(err)
	_, port, err := net.SplitHostPort(addr)
	checked{t}.Check(err)
	return port
}

// serve starts etcd and the API server.
func (c *cluster) serve() {
	client, peer, api := "http://127.0.0.1:"+freePort(c.T), "http://127.0.0.1:"+freePort(c.T), freePort(c.T)
	c.start("etcd", "--data-dir", filepath.Join(c.dir, "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	c.check(err)
	secret := filepath.Join(c.dir, "key.pem")
	c.check(os.WriteFile(secret, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	tokens := filepath.Join(c.dir, "tokens")
	c.check(os.WriteFile(tokens, []byte("token,admin,admin,system:masters\n"), 0o600))
	c.start("kube-apiserver", "--etcd-servers", client, "--bind-address", "127.0.0.1", "--secure-port", api, "--cert-dir", filepath.Join(c.dir, "certs"),
		"--token-auth-file", tokens, "--authorization-mode", "AlwaysAllow", "--service-cluster-ip-range", "10.0.0.0/24", "--endpoint-reconciler-type", "none",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", secret, "--service-account-signing-key-file", secret,
		"--disable-admission-plugins", "ServiceAccount", "--allow-privileged")
	c.check(os.WriteFile(c.config, []byte(fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:%s", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: token}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: build}}]
current-context: c
`, api)), 0o600))
	for range 1200 {
		if c.command("kubectl", "get", "--raw=/readyz").Run() == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(c.dir, "kube-apiserver.log"))
	c.Fatalf("the API server is not ready:\n%s", log[max(0, len(log)-4000):])
}

// start starts one of the cluster's own programs.
func (c *cluster) start(name string, args ...string) {
	c.Helper()
	c.run(exec.Command(filepath.Join(c.tools, name), args...), name)
}

// run has a program run until the test ends.
func (c *cluster) run(cmd *exec.Cmd, name string) {
	c.Helper()
	log, err := os.Create(filepath.Join(c.dir, name+".log"))
	c.check(err)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(c.sockets, "bin")+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = log, log
	c.check(cmd.Start())
	c.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		log.Close()
	})
}

// command is one for this cluster.
func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.config, "ORCH_STATE_DIR="+c.state, "ORCH_BUILDER_TIMEOUT=20s",
		"XDG_CONFIG_HOME="+filepath.Join(c.dir, "xdg"), "BUILDX_CONFIG="+filepath.Join(c.dir, "buildx"), "HOME="+c.dir, allFiles+"=0")
	return cmd
}

func (c *cluster) must(cmd *exec.Cmd) string {
	c.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

func (c *cluster) kubectl(args ...string) string {
	c.Helper()
	return c.must(c.command("kubectl", args...))
}

func (c *cluster) apply(object string) {
	c.Helper()
	cmd := c.command("kubectl", "create", "-f", "-")
	cmd.Stdin = strings.NewReader(object)
	c.must(cmd)
}

func (c *cluster) patch(kind, name, change string) {
	c.Helper()
	c.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", change)
}

// pod makes a pod that is ready.
func (c *cluster) pod(name, app string) {
	c.Helper()
	c.apply(fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"namespace":"build","labels":{"app":%q}},
"spec":{"nodeName":"node","containers":[{"name":"proxy","image":"proxy"},{"name":"buildkitd","image":"buildkit"}]}}`, name, app))
	c.ready(name, true)
}

// ready says whether a pod is.
func (c *cluster) ready(name string, yes bool) {
	c.Helper()
	status := map[bool]string{true: "True", false: "False"}[yes]
	c.patch("pod", name, fmt.Sprintf(`{"status":{"phase":"Running","conditions":[{"type":"Ready","status":%q}]}}`, status))
}

// daemon starts the BuildKit daemon of a pod.
func (c *cluster) daemon(pod string) {
	c.Helper()
	programs, err := filepath.Glob("../bin/buildkitd-v*")
	c.check(err)
	if more := os.Getenv(daemonsEnv); more != "" {
		programs = append(programs, filepath.SplitList(more)...)
	}
	if len(programs) == 0 {
		need.Missing(c.T, "daemon of a BuildKit release")
	}
	c.run(exec.Command(programs[0], "--root", filepath.Join(c.dir, "root-"+pod), "--addr", "unix://"+c.socket(pod)), pod)
	for range 600 {
		if conn, err := net.Dial("unix", c.socket(pod)); err == nil {
			conn.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.Fatalf("the daemon of %s does not listen", pod)
}

func (c *cluster) socket(pod string) string { return filepath.Join(c.sockets, pod+".sock") }

// fault writes what happens to a pod, or removes it.
func (c *cluster) fault(pod, kind, text string) (end func()) {
	path := filepath.Join(c.sockets, pod+"."+kind)
	c.check(os.WriteFile(path, []byte(text), 0o644))
	return func() { c.check(os.Remove(path)) }
}

// background is a command that goes on by itself, whose output can be read meanwhile.
type background struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer
	t    testing.TB
}

func (r *background) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *background) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (c *cluster) bake(dir string, args ...string) *background {
	c.Helper()
	r := &background{t: c.T}
	r.cmd = c.command(filepath.Join(shared.bin, "orch"), append([]string{"bake", "--progress=plain", "--result", "result.json"}, args...)...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, r, r
	c.check(r.cmd.Start())
	return r
}

// says waits for a text.
func (r *background) says(text string) {
	r.t.Helper()
	for range 1200 {
		if strings.Contains(r.String(), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = r.cmd.Process.Kill()
	r.t.Fatalf("no %q in:\n%s", text, r)
}

// built waits for the end, and returns on which pods targets were built.
func (r *background) built() map[string]int {
	r.t.Helper()
	if err := r.cmd.Wait(); err != nil {
		r.t.Fatalf("%v\n%s", err, r)
	}
	data, err := os.ReadFile(filepath.Join(r.cmd.Dir, "result.json"))
	checked{r.t}.Check(err)
	rec := &fleetRecord{}
	checked{r.t}.Check(json.Unmarshal(data, rec))
	where := map[string]int{}
	for _, target := range rec.Targets {
		if target.State != "done" || len(target.Attempts) > 1 {
			r.t.Errorf("%s is %s after %d attempts", target.Name, target.State, len(target.Attempts))
		}
		for _, b := range target.Builders {
			where[b]++
		}
	}
	return where
}

// fails waits for the end of a run that must fail, and say why.
func (r *background) fails(texts ...string) {
	r.t.Helper()
	if err := r.cmd.Wait(); err == nil {
		r.t.Errorf("a run that must fail does not:\n%s", r)
	}
	for _, text := range texts {
		if !strings.Contains(r.String(), text) {
			r.t.Errorf("no %q in:\n%s", text, r)
		}
	}
}

// TestKubernetes reaches daemons in the pods of a real cluster.
func TestKubernetes(t *testing.T) {
	c := newCluster(t)
	for _, pod := range []string{"bk-0", "bk-1", "bk-2"} {
		c.daemon(pod)
		c.pod(pod, "bk")
	}
	steps := []struct {
		name string
		test func(*cluster)
	}{
		{"Pod", (*cluster).testPod}, {"Fleet", (*cluster).testFleet}, {"Cut", (*cluster).testCut}, {"Refused", (*cluster).testRefused},
		{"Buildx", (*cluster).testBuildx}, {"FromZero", (*cluster).testFromZero}, {"SlowStart", (*cluster).testSlowStart},
		{"Terminating", (*cluster).testTerminating}, {"NoneReady", (*cluster).testNoneReady},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			here := *c
			here.T = t
			step.test(&here)
		})
	}
}

const kubeFleet = "kube://build/app=bk"

// small is a project of one target.
func (c *cluster) small(salt string) string {
	return project(c.T, map[string]string{
		"build.hcl":  "target \"default\" {\n  output = [\"type=cacheonly\"]\n}\n",
		"Dockerfile": fmt.Sprintf("FROM scratch\nCOPY who /%s\n", salt), "who": salt,
	})
}

// many is the project of the tests of fleets.
func (c *cluster) many(salt string, sleep float64) string {
	return fleetProject(c.T, fmt.Sprintf("%s/kube-%s-%d", shared.registry, salt, os.Getpid()), salt, 4, sleep)
}

func (c *cluster) testPod() {
	dir := c.small("pod")
	if got := c.bake(dir, "--builder", "kube-pod://bk-0?namespace=build").built(); len(got) > 1 {
		c.Errorf("built on %v", got)
	}
	c.bake(dir, "--builder", "kube-pod://bk-1?namespace=build&container=buildkitd&context=c").built()
	c.bake(dir, "--builder", "kube-pod://none?namespace=build").fails(`pods "none" not found`)
	c.bake(dir, "--builder", "kube-pod://bk-0?namespace=build&context=other").fails(`context "other" does not exist`)
	c.bake(dir, "--builder", "kube://build/app=none").fails("there is no pod app=none in namespace build")
}

func (c *cluster) testFleet() {
	dir := c.many("fleet", 0)
	if got := c.bake(dir, "--builder", kubeFleet).built(); got["bk-0"] != 8 || got["bk-1"] != 8 || got["bk-2"] != 8 {
		c.Errorf("24 targets are built on %v", got)
	}
	view := c.command(filepath.Join(shared.bin, "orch"), "plan", "--builders", kubeFleet)
	view.Dir = dir
	if out := c.must(view); !strings.Contains(out, "bk-2") {
		c.Errorf("no word of the third pod:\n%s", out)
	}
}

// testCut cuts the connection to a pod in the middle: for good, and only once.
func (c *cluster) testCut() {
	run := c.bake(c.many("cut", 1), "--builder", kubeFleet)
	run.says("bk-1")
	time.Sleep(3 * time.Second)
	end := c.fault("bk-1", "fault", "refuse")
	cut := c.fault("bk-1", "cut", "")
	got := run.built()
	end()
	cut()
	run.says("builder bk-1 is lost")
	if got["bk-0"]+got["bk-2"] < 16 {
		c.Errorf("built on %v", got)
	}
	again := c.bake(c.many("once", 1), "--builder", "kube-pod://bk-2?namespace=build")
	again.says("RUN sleep")
	time.Sleep(time.Second)
	cut = c.fault("bk-2", "cut", "")
	time.Sleep(300 * time.Millisecond)
	cut()
	if err := again.cmd.Wait(); err != nil {
		c.Errorf("a connection that was cut once: %v\n%s", err, again)
	}
}

func (c *cluster) testRefused() {
	end := c.fault("bk-0", "fault", "refuse")
	defer end()
	c.bake(c.small("refused"), "--builder", "kube-pod://bk-0?namespace=build").fails("kubectl:", "the container is not running")
	got := c.bake(c.many("refused", 0), "--builder", kubeFleet)
	if where := got.built(); where["bk-0"] != 0 || where["bk-1"]+where["bk-2"] != 24 {
		c.Errorf("built on %v", where)
	}
	got.says("builder bk-0 is left out: the BuildKit in the pod bk-0: kubectl:")
}

// testFromZero has kubectl make pods, of which there are none at first.
func (c *cluster) testFromZero() {
	orch := filepath.Join(shared.bin, "orch")
	refused := c.command(orch, "builder", "create", "zero", "--driver", "kubernetes", "--namespace", "none")
	if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), "make it with: kubectl create namespace none") {
		c.Errorf("%v: %s", err, out)
	}
	c.must(c.command(orch, "builder", "create", "zero", "--driver", "kubernetes", "--replicas", "0", "--tls-secret", "certs"))
	for _, object := range []string{"statefulset/zero", "service/zero", "poddisruptionbudget/zero"} {
		c.kubectl("get", object, "--namespace", "build")
	}
	c.must(c.command(orch, "builder", "create", "scaled", "--driver", "kubernetes", "--max-replicas", "5"))
	c.kubectl("get", "horizontalpodautoscaler/scaled", "--namespace", "build")
	run := c.bake(c.small("zero"), "--builder", "zero")
	run.says("Waiting for a builder: there is no pod app=zero in namespace build; the StatefulSet zero has 0 replicas")
	c.daemon("zero-0")
	c.pod("zero-0", "zero")
	run.built()
}

// testSlowStart has a pod that is ready before its daemon listens.
func (c *cluster) testSlowStart() {
	hidden := c.socket("bk-0") + ".later"
	c.check(os.Rename(c.socket("bk-0"), hidden))
	run := c.bake(c.small("slow"), "--builder", "kube-pod://bk-0?namespace=build")
	time.Sleep(3 * time.Second)
	c.check(os.Rename(hidden, c.socket("bk-0")))
	run.built()
}

// testTerminating leaves out a pod that is about to end.
func (c *cluster) testTerminating() {
	c.kubectl("delete", "pod", "bk-1", "--namespace", "build", "--wait=false")
	if got := c.bake(c.many("terminating", 0), "--builder", kubeFleet).built(); got["bk-0"] != 12 || got["bk-2"] != 12 {
		c.Errorf("built on %v", got)
	}
}

// testNoneReady waits for a pod that gets ready.
func (c *cluster) testNoneReady() {
	c.ready("bk-0", false)
	c.ready("bk-2", false)
	dir := c.small("none")
	cmd := c.command(filepath.Join(shared.bin, "orch"), "bake", "--builder", kubeFleet)
	cmd.Dir, cmd.Env = dir, append(cmd.Env, "ORCH_BUILDER_WAIT=0")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "bk-0 is not ready, bk-1 is terminating, bk-2 is not ready") {
		c.Errorf("%v: %s", err, out)
	}
	run := c.bake(dir, "--builder", kubeFleet)
	run.says("Waiting for a builder: no pod app=bk in namespace build is ready: bk-0 is not ready")
	c.ready("bk-2", true)
	run.built()
}
