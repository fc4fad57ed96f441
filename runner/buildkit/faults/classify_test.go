package faults

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/runner"
)

// A step that says that a disk is full is not at fault.
func TestClassifyFullStep(t *testing.T) {
	for line, full := range map[string]bool{
		"dd: error writing '/big': No space left on device":        true,
		"OSError: [Errno 28] no space left on device: '/root/x'":   true,
		"there is space left on the device, but the test is wrong": false,
	} {
		f := &runner.Failure{ExitCode: 1, Log: []string{"first", line}, Err: errors.New("exit code: 1")}
		Step(f, "linux/amd64", []string{"linux/amd64"}, false)
		if f.DiskFull != full || (f.Fault == runner.FaultInfrastructure) != full || f.Transient {
			t.Errorf("%q: full %t, fault %s (%s)", line, f.DiskFull, f.Fault, f.Reason)
		}
	}
}

// A container that the machine refuses is not the fault of what is built; a
// program that is not in the image is.
func TestClassifyNoContainer(t *testing.T) {
	for line, infra := range map[string]bool{
		"runc run failed: unable to start container process: unable to apply cgroup configuration: mkdir /sys/fs/cgroup/cpu/buildkit: operation not permitted": true,
		"runc run failed: unable to start container process: can't get final child's PID from pipe: fork: Resource temporarily unavailable":                    true,
		`runc run failed: unable to start container process: error during container init: exec: "cgroup-tool": executable file not found in $PATH`:             false,
		"cgroup is not mounted": false,
	} {
		f := &runner.Failure{ExitCode: 1, Log: []string{"first", line}, Err: errors.New("exit code: 1")}
		Step(f, "linux/amd64", []string{"linux/amd64"}, false)
		if (f.Fault == runner.FaultInfrastructure) != infra || f.Transient {
			t.Errorf("%q: fault %s (%s)", line, f.Fault, f.Reason)
		}
	}
}

func TestClassify(t *testing.T) {
	const infra, user, unknown = runner.FaultInfrastructure, runner.FaultUser, runner.FaultUnknown
	tests := []struct {
		name      string
		text      string
		exit      int
		fault     runner.Fault
		transient bool
		lost      bool
		after     time.Duration
	}{
		{"a step", `process "/bin/sh -c curl" did not complete successfully: exit code: 22: 503 Service Unavailable`, 22, user, false, false, 0},
		{"503", `failed to copy: httpReadSeeker: failed open: unexpected status code http://r/v2/a/blobs/sha256:1: 503 Service Unavailable`, -1, infra, true, false, 0},
		{"500 on push", `failed to push r/a: unexpected status from PUT request to http://r/v2/a/manifests/latest: 500 Internal Server Error`, -1, infra, true, false, 0},
		{"429", `unexpected status from HEAD request to https://r/v2/a: 429 Too Many Requests`, -1, infra, true, false, 5 * time.Second},
		{"429 with a hint", `toomanyrequests: retry-after: 1.5s, allowed: 100/minute`, -1, infra, true, false, 5 * time.Second},
		{"429 without words", `unexpected status code [manifests latest]: 429`, -1, infra, true, false, 5 * time.Second},
		{"a path with 429 in it", `mount source: "overlay", data: "lowerdir=snapshots/430/fs:snapshots/429/fs", err: invalid argument`, -1, unknown, false, false, 0},
		{"too many layers", `mount source: "overlay", fstype: overlay, data: "lowerdir=` + strings.Repeat("429/fs:", 501) + `3/fs", err: invalid argument`, -1, user, false, false, 0},
		{"429 with seconds", `429 Too Many Requests: Retry-After: 7`, -1, infra, true, false, 7 * time.Second},
		{"reset", `read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer`, -1, infra, true, false, 0},
		{"truncated", `failed to copy: failed commit on ref "layer-sha256:1": "layer-sha256:1" failed size validation: 1 != 2: failed precondition`, -1, infra, true, false, 0},
		{"lie", `unexpected commit digest sha256:1, expected sha256:2: failed precondition`, -1, infra, true, false, 0},
		{"end of file", `failed to do request: Head "http://r/v2/a/manifests/1": EOF`, -1, infra, true, false, 0},
		{"timeout", `Head "http://r/v2/": dial tcp 10.0.0.1:443: i/o timeout`, -1, infra, true, false, 0},
		{"refused", `dial tcp 127.0.0.1:5000: connect: connection refused`, -1, infra, true, false, 0},
		{"lost", `rpc error: code = Unavailable desc = error reading from server: EOF`, -1, infra, true, true, 0},
		{"gone", `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/x.sock: connect: no such file or directory"`, -1, infra, true, true, 0},
		{"full", `write /tmp/x: no space left on device`, -1, infra, false, false, 0},
		{"forbidden", `unexpected status from HEAD request to https://r/v2/a: 403 Forbidden`, -1, user, false, false, 0},
		{"absent", `r/a:latest: not found`, -1, user, false, false, 0},
		{"files", `failed to read dockerfile: open Dockerfile: too many open files`, -1, infra, false, false, 0},
		{"memory", `fork/exec /usr/bin/runc: cannot allocate memory`, -1, infra, false, false, 0},
		{"processes", `fork/exec /usr/bin/runc: resource temporarily unavailable`, -1, infra, false, false, 0},
		{"folder of a layer", `failed to prepare  as uog03: failed to rename: rename /s/snapshots/snapshots/new-21 /s/snapshots/snapshots/21: file exists`, -1, infra, true, false, 0},
		{"folder of a layer over another", `failed to prepare q8 as uog03: stat /s/snapshots/20/fs: no such file or directory`, -1, infra, true, false, 0},
		{"anything", `something else`, -1, unknown, false, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &runner.Failure{ExitCode: tt.exit, Err: errors.New(tt.text)}
			if tt.exit >= 0 {
				Step(f, "linux/amd64", []string{"linux/amd64"}, false)
			} else {
				Error(f)
			}
			if f.Fault != tt.fault || f.Transient != tt.transient || f.Lost != tt.lost || f.RetryAfter != tt.after {
				t.Errorf("fault %s, transient %v, lost %v, after %s (%s)", f.Fault, f.Transient, f.Lost, f.RetryAfter, f.Reason)
			}
			if f.DiskFull != (tt.name == "full") {
				t.Errorf("a full disk: %t", f.DiskFull)
			}
		})
	}
}

// A step that cannot reach the network is not at fault, unless it was to have
// none.
// TestClassifyGit takes what BuildKit says of a git repository that was lost, or of
// which a part was, between two looks at it.
func TestClassifyGit(t *testing.T) {
	const commit = "1bbeb9a0b39a239754e95487b8e3609fada49c1e"
	for text, want := range map[string]struct {
		transient bool
		reason    string
	}{
		"fetched ref main does not match expected commit " + commit + " and commit can not be found in the repository":                        {true, "was moved"},
		`repository does not contain ref gone, output: ""`:                                                                                    {false, "no such branch"},
		"failed to fetch remote http://r/a.git: git stderr:\nfatal: remote error: upload-pack: not our ref " + commit + "\n: exit status 128": {false, "no longer has"},
		"failed to fetch remote http://r/a.git: git stderr:\nfatal: repository 'http://r/a.git/' not found\n: exit status 128":                {false, "no such git repository"},
	} {
		f := &runner.Failure{ExitCode: -1, Err: errors.New(text)}
		Error(f)
		if f.Transient != want.transient || (f.Fault == runner.FaultInfrastructure) != want.transient || f.Fault == runner.FaultUnknown || !strings.Contains(f.Reason, want.reason) {
			t.Errorf("%s: fault %s, transient %t (%s)", text, f.Fault, f.Transient, f.Reason)
		}
	}
}

func TestClassifyStepNetwork(t *testing.T) {
	for _, offline := range []bool{false, true} {
		f := &runner.Failure{ExitCode: 6, Log: []string{"curl: (6) Could not resolve host: deb.debian.org"}, Err: errors.New("exit code: 6")}
		Step(f, "linux/amd64", []string{"linux/amd64"}, offline)
		if want := runner.FaultInfrastructure; (f.Fault == want) == offline {
			t.Errorf("offline %t: fault %s (%s)", offline, f.Fault, f.Reason)
		}
	}
}

// A server that a step expects in its own container belongs to what is built.
func TestClassifyStepLocal(t *testing.T) {
	for line, infra := range map[string]bool{
		"curl: (7) Failed to connect to localhost port 8080 after 0 ms: Connection refused":                false,
		`Get "http://127.0.0.1:8080/": dial tcp 127.0.0.1:8080: connect: connection refused`:               false,
		`dial tcp [::1]:8080: connect: connection refused`:                                                 false,
		"Error: connect ECONNREFUSED 127.0.0.1:5432":                                                       false,
		`Get "https://r.example/": proxyconnect tcp: dial tcp 127.0.0.1:3128: connect: connection refused`: true,
		"curl: (7) Failed to connect to db.example port 80 after 0 ms: Connection refused":                 true,
	} {
		f := &runner.Failure{ExitCode: 1, Log: []string{"first", line}, Err: errors.New("exit code: 1")}
		Step(f, "linux/amd64", []string{"linux/amd64"}, false)
		if (f.Fault == runner.FaultInfrastructure) != infra || !strings.Contains(f.Reason, "cannot be reached") {
			t.Errorf("%q: fault %s (%s)", line, f.Fault, f.Reason)
		}
	}
}

// What is wrong with the network is reported with the name of the machine.
func TestClassifyNetwork(t *testing.T) {
	for text, want := range map[string]string{
		`failed to do request: Head "https://registry-1.docker.io/v2/library/a/manifests/latest": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host`: "registry-1.docker.io cannot be found: is there a network, a proxy?",
		`Get "https://r.example/x": tls: failed to verify certificate: x509: certificate has expired or is not yet valid`:                                             "the certificate of r.example has expired, or is not valid yet: is the clock right?",
	} {
		f := &runner.Failure{ExitCode: -1, Err: errors.New(text)}
		if Error(f); f.Fault != runner.FaultInfrastructure || f.Reason != want {
			t.Errorf("%s: fault %s (%s)", text, f.Fault, f.Reason)
		}
	}
}
