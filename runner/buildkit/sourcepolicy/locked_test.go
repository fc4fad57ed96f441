package sourcepolicy

import (
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	engine "github.com/moby/buildkit/sourcepolicy"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/runner/bundle"
)

var (
	sumA   = "sha256:" + strings.Repeat("a", 64)
	sumB   = "sha256:" + strings.Repeat("b", 64)
	commit = strings.Repeat("c", 40)
)

func held() *lock.Lock {
	l := lock.New(lock.FileName)
	l.Put(lock.Entry{Key: lock.Key{Kind: lock.Image, Name: "alpine:3"}, Digest: sumA})
	l.Put(lock.Entry{Key: lock.Key{Kind: lock.Frontend, Name: "acme/front"}, Digest: sumA})
	l.Put(lock.Entry{Key: lock.Key{Kind: lock.Git, Name: "https://example.com/lib.git#v1.0"}, Digest: commit})
	l.Put(lock.Entry{Key: lock.Key{Kind: lock.Git, Name: "git@example.com:x/y.git"}, Digest: commit})
	l.Put(lock.Entry{Key: lock.Key{Kind: lock.HTTP, Name: "https://example.com/a?b=c"}, Digest: sumB})
	l.Put(lock.Entry{Key: lock.Key{Kind: lock.Definition, Name: "https://example.com/def.git#main"}, Digest: commit})
	l.Put(lock.Entry{Key: lock.Key{Kind: lock.Definition, Name: "https://example.com/def.hcl"}, Digest: sumA})
	return l
}

// TestPins holds what becomes of sources.
func TestPins(t *testing.T) {
	whole := &bundle.Bundle{Entries: []*bundle.Entry{{Key: lock.Key{Kind: lock.Image, Name: "docker.io/library/alpine:3"}, Pin: sumA}}}
	whole.Entries[0].Image.Digest = digest.Digest(sumA)
	user := &Static{Rules: []*spb.Rule{{Action: spb.PolicyAction_DENY, Selector: &spb.Selector{Identifier: "docker-image://docker.io/acme/front:latest", MatchType: spb.MatchType_EXACT}}}}
	for _, c := range []struct {
		pins     Pins
		id, want string
	}{
		{Pins{Lock: held()}, "docker-image://docker.io/library/alpine:3", "docker-image://docker.io/library/alpine:3@" + sumA},
		{Pins{Lock: held()}, "docker-image://docker.io/acme/front:latest", "docker-image://docker.io/acme/front:latest@" + sumA},
		{Pins{Lock: held()}, "docker-image://docker.io/library/alpine:3@" + sumB, "docker-image://docker.io/library/alpine:3@" + sumB},
		{Pins{Lock: held()}, "docker-image://docker.io/library/alpine:30", "docker-image://docker.io/library/alpine:30"},
		{Pins{Lock: held()}, "git://example.com/lib.git#v1.0", "git://example.com/lib.git#" + commit},
		{Pins{Lock: held()}, "git://example.com/lib.git#v1.0:a/b", "git://example.com/lib.git#" + commit + ":a/b"},
		{Pins{Lock: held()}, "git://example.com/lib.git#v1x0", "git://example.com/lib.git#v1x0"},
		{Pins{Lock: held()}, "git://example.com/x/y.git", "git://example.com/x/y.git#" + commit},
		{Pins{Lock: held()}, "git://example.com/x/y.git#:a", "git://example.com/x/y.git#" + commit + ":a"},
		{Pins{Lock: held()}, "https://example.com/a?b=c", "https://example.com/a?b=c " + sumB},
		{Pins{Lock: held()}, "git://example.com/def.git#main", "git://example.com/def.git#" + commit},
		{Pins{Lock: held()}, "https://example.com/def.hcl", "https://example.com/def.hcl " + sumA},
		{Pins{}, "docker-image://docker.io/library/alpine:3", "docker-image://docker.io/library/alpine:3"},
		{Pins{Lock: held(), Frozen: true}, "docker-image://docker.io/library/alpine:3", "docker-image://docker.io/library/alpine:3@" + sumA},
		{Pins{Lock: held(), Frozen: true}, "docker-image://docker.io/library/busybox:1", "denied"},
		{Pins{Lock: held(), Frozen: true}, "docker-image://docker.io/library/busybox@" + sumA, "docker-image://docker.io/library/busybox@" + sumA},
		{Pins{Lock: held(), Frozen: true}, "git://example.com/lib.git#main", "denied"},
		{Pins{Lock: held(), Frozen: true}, "git://example.com/lib.git#v1.0:a", "git://example.com/lib.git#" + commit + ":a"},
		{Pins{Lock: held(), Frozen: true}, "https://example.com/a?b=c", "https://example.com/a?b=c " + sumB},
		{Pins{Lock: held(), Frozen: true}, "https://example.com/b", "denied"},
		{Pins{Lock: held(), Frozen: true}, "local://context", "local://context"},
		{Pins{Frozen: true}, "docker-image://docker.io/library/alpine:3", "denied"},
		{Pins{Lock: held(), User: user}, "docker-image://docker.io/acme/front:latest", "denied"},
		{Pins{Lock: held(), User: user, Frozen: true}, "docker-image://docker.io/acme/front:latest", "denied"},
		{Pins{Lock: held(), Bundle: whole, Offline: true}, "docker-image://docker.io/library/alpine:3", "oci-layout://docker.io/library/alpine:3@" + sumA},
		{Pins{Lock: held(), Bundle: whole}, "https://example.com/a?b=c", "https://example.com/a?b=c " + sumB},
		{Pins{Lock: held(), Bundle: whole, Offline: true}, "https://example.com/a?b=c", "denied"},
		{Pins{Lock: held(), Bundle: whole, Offline: true}, "docker-image://docker.io/library/alpine:4@" + sumB, "denied"},
	} {
		src := &pb.SourceOp{Identifier: c.id}
		var list []*spb.Policy
		if p := c.pins.Policy(); p != nil {
			list = append(list, p)
		}
		_, err := engine.NewEngine(list).Evaluate(t.Context(), src)
		got := src.Identifier
		if err != nil {
			got = "denied"
		} else if sum := src.Attrs[pb.AttrHTTPChecksum]; sum != "" {
			got += " " + sum
		}
		if got != c.want {
			t.Errorf("frozen %t, offline %t, %s: %s, want %s (%v)", c.pins.Frozen, c.pins.Offline, c.id, got, c.want, err)
		}
	}
}

// TestApply holds that steps above a source that is converted are found by their
// new digests, with what is known of them.
func TestApply(t *testing.T) {
	st := llb.Image("alpine:3").Run(llb.Shlex("make"), llb.WithCustomName("the step")).Root()
	def, err := st.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := def.ToPB()
	after, err := Apply(t.Context(), Pins{Lock: held()}.Policy(), before)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]bool{}
	named := 0
	for _, data := range after.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			t.Fatal(err)
		}
		d := digest.FromBytes(data).String()
		digests[d] = true
		for _, in := range op.Inputs {
			if !digests[in.Digest] {
				t.Errorf("%s is built on %s, which is not there", d, in.Digest)
			}
		}
		if after.Metadata[d].GetDescription()["llb.customname"] == "the step" {
			named++
		}
	}
	if named != 1 || len(after.Metadata) != len(before.Metadata) {
		t.Errorf("the step has its name %d times", named)
	}
	if same, err := Apply(t.Context(), Pins{Lock: held()}.Policy(), after); err != nil || same != after {
		t.Errorf("it is changed twice: %v", err)
	}
}
