package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	const daemon = `"spec":{"containers":[{"name":"istio"},{"name":"buildkitd"}]}`
	pod := func(name, more string) string { return fmt.Sprintf(`{"metadata":{"name":%q%s},%s`, name, more, daemon) }
	const ready = `"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`
	tests := []struct {
		items    []string
		want     []string // names and containers
		starting int
		err      string
	}{
		{[]string{pod("b", "") + "," + ready, pod("a", "") + "," + ready}, []string{"a buildkitd", "b buildkitd"}, 0, ""},
		{[]string{pod("a", `,"annotations":{"kubectl.kubernetes.io/default-container":"own"}`) + "," + ready}, []string{"a own"}, 0, ""},
		{[]string{`{"metadata":{"name":"a"},"spec":{"containers":[{"name":"first"},{"name":"second"}]},` + ready}, []string{"a first"}, 0, ""},
		{nil, nil, 0, "there is no pod app=x in namespace ns"},
		{[]string{pod("a", `,"deletionTimestamp":"2026-01-01T00:00:00Z"`) + "," + ready}, nil, 0, "a is terminating"},
		{[]string{
			pod("a", "") + `,"status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}]}}`,
			pod("b", "") + `,"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable"}]}}`,
			pod("c", "") + `,"status":{"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ImagePullBackOff"}}}]}}`,
			pod("d", "") + `,"status":{"phase":"Failed"}}`,
		}, nil, 2, "a is not ready, b is pending (Unschedulable), c is pending (ImagePullBackOff), d is failed"},
	}
	for _, tt := range tests {
		var found list
		if err := json.Unmarshal([]byte(`{"items":[`+strings.Join(tt.items, ",")+`]}`), &found); err != nil {
			t.Fatal(err)
		}
		pods, err := Cluster{Namespace: "ns", Selector: "app=x"}.ready(&found)
		var got []string
		for _, p := range pods {
			got = append(got, p.Name+" "+p.Container)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
		var none *NoneError
		if (err != nil) != (tt.err != "") || err != nil && (!strings.Contains(err.Error(), tt.err) || !errors.As(err, &none) || len(none.States) != tt.starting) {
			t.Errorf("%v, want %q with %d that start", err, tt.err, tt.starting)
		}
	}
}

func TestSelects(t *testing.T) {
	labels := map[string]string{"app": "buildkitd", "team": "x"}
	for selector, want := range map[string]bool{
		"app=buildkitd": true, "app==buildkitd": true, "app=buildkitd,team=x": true, "app=buildkitd, team = x": true,
		"app=other": false, "app!=other": false, "app in (buildkitd)": false, "none=": true,
	} {
		if got := selects(selector, labels); got != want {
			t.Errorf("%s: %v", selector, got)
		}
	}
}

// kubectlWith puts a command kubectl on PATH. The real one is tried against a real
// cluster by TestKubernetes of package e2e.
func kubectlWith(t *testing.T, script string) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestAwait waits as long as something may still come.
func TestAwait(t *testing.T) {
	c := Cluster{Namespace: "ns", Selector: "app=x"}
	kubectlWith(t, `case "$*" in
*"get pods"*) echo '{"items":[]}' ;;
*) echo '{"items":[{"kind":"StatefulSet","metadata":{"name":"bk"},"spec":{"replicas":0,"template":{"metadata":{"labels":{"app":"x"}}}}}]}' ;;
esac`)
	var said []string
	_, err := c.Await(t.Context(), Wait{Limit: 3 * time.Second, Say: func(s string) { said = append(said, s) }})
	if err == nil || !strings.Contains(err.Error(), "the StatefulSet bk has 0 replicas") || !strings.Contains(err.Error(), "ORCH_BUILDER_WAIT") || len(said) != 1 {
		t.Errorf("%v, after %q", err, said)
	}
	kubectlWith(t, `case "$*" in
*"get pods"*) echo '{"items":[]}' ;;
*) echo "forbidden" >&2; exit 1 ;;
esac`)
	_, err = c.Await(t.Context(), Wait{Limit: time.Hour, Say: func(s string) { t.Errorf("waits for what nobody makes: %s", s) }})
	if err == nil || err.Error() != "there is no pod app=x in namespace ns" {
		t.Errorf("%v", err)
	}
	kubectlWith(t, `echo '{"items":[{"metadata":{"name":"bk-0"},"status":{"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image \"buildkit:typo\""}}}]}}]}'`)
	_, err = c.Await(t.Context(), Wait{Limit: time.Hour, Say: func(s string) { t.Errorf("waits for an image that is not there: %s", s) }})
	if err == nil || !strings.HasSuffix(err.Error(), `bk-0 is pending (ImagePullBackOff). Waiting does not help: bk-0: Back-off pulling image "buildkit:typo"`) {
		t.Errorf("%v", err)
	}
	kubectlWith(t, "echo 'error: no such host' >&2; exit 1")
	if _, err = c.Await(t.Context(), Wait{Limit: time.Hour}); err == nil || !strings.Contains(err.Error(), "kubectl: error: no such host") {
		t.Errorf("%v", err)
	}
}

// TestOnly finds the container of a pod that is named, as others may be in front.
func TestOnly(t *testing.T) {
	kubectlWith(t, `case "$*" in
*"get pods"*" bk-0") echo '{"metadata":{"name":"bk-0"},"spec":{"containers":[{"name":"proxy"},{"name":"buildkitd"}]}}' ;;
*) echo 'Error from server (NotFound): pods "bk-1" not found' >&2; exit 1 ;;
esac`)
	if pod, err := (Cluster{Pod: "bk-0"}).Choose(t.Context()); err != nil || pod.Container != "buildkitd" {
		t.Errorf("%+v, %v", pod, err)
	}
	if _, err := (Cluster{Pod: "bk-1"}).Choose(t.Context()); err == nil || !strings.Contains(err.Error(), `pods "bk-1" not found`) {
		t.Errorf("%v", err)
	}
	if pod, err := (Cluster{Pod: "bk-1", Container: "own"}).Choose(t.Context()); err != nil || pod.Container != "own" {
		t.Errorf("%+v, %v", pod, err)
	}
}

// TestExecEnds hands on what kubectl says at its end, all of it.
func TestExecEnds(t *testing.T) {
	for script, want := range map[string]string{
		"exec >&-; sleep 0.2; echo 'error: pods \"bk-0\" not found' >&2; exit 1": `kubectl: error: pods "bk-0" not found`,
		"exit 7": "kubectl exec ended with exit status 7",
		"exit 0": "EOF",
	} {
		kubectlWith(t, script)
		conn, err := Cluster{}.Exec(Pod{Name: "bk-0"}, "true")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", script, err, want)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	kubectlWith(t, "sleep 60")
	conn, err := Cluster{}.Exec(Pod{Name: "bk-0"}, "true")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = conn.Close() })
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrClosed) {
		t.Errorf("a connection that was closed here: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := (Cluster{}).Exec(Pod{Name: "bk-0"}, "true"); err == nil || !strings.Contains(err.Error(), "kubectl, which is not on PATH") {
		t.Errorf("%v", err)
	}
}

func TestWithoutLog(t *testing.T) {
	log := "E1130 06:38:00.616069   25063 memcache.go:265] \"Unhandled Error\" err=\"connection refused\"\n"
	for said, want := range map[string]string{
		log + log + "The connection to the server localhost:8080 was refused\n": "The connection to the server localhost:8080 was refused",
		log:                    strings.TrimSpace(log),
		"Error: no such pod\n": "Error: no such pod",
		"":                     "",
	} {
		if got := withoutLog(said); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}
