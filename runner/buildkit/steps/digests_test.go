package steps

import (
	"slices"
	"testing"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/runner"
)

// TestDigests checks which vertices are others when a policy judges what steps
// fetch: those steps, and what is built on them.
func TestDigests(t *testing.T) {
	def, ids := definition(t, "[base 1/2] FROM x", "[base 2/2] RUN make", "[app 1/1] RUN app")
	if plain := Digests(def, false); !slices.Equal(plain[:3], ids) {
		t.Errorf("%v, want %v", plain[:3], ids)
	}
	got := Digests(def, true)
	if got[0] != ids[0] {
		t.Error("an image is another vertex")
	}
	if want := digest.FromBytes([]byte(string(def.Def[1]) + "\x00buildkit.proxy-network.v0")); got[1] != want {
		t.Errorf("the first step is %s, want %s", got[1], want)
	}
	if got[2] == ids[2] || got[2] == digest.FromBytes([]byte(string(def.Def[2])+"\x00buildkit.proxy-network.v0")) {
		t.Error("the second step does not depend on the first")
	}
}

// TestProxied follows steps that the builder gives other digests, because a
// policy judges what they fetch.
func TestProxied(t *testing.T) {
	tracker := New(Options{})
	plan := twoTargets()
	var got events
	tracker.Begin(Session{Plan: plan, Send: got.send})
	def, _ := definition(t, "[base 1/2] FROM x", "[base 2/2] RUN make", "[app 1/1] RUN app")
	tracker.Own(plan.Builds[0], 0, def, true)
	ids := Digests(def, true)
	in, done := tracker.Anchor()
	in <- &client.SolveStatus{Vertexes: []*client.Vertex{
		vertex(ids[1], "[base 2/2] RUN make", 0), vertex(ids[2], "[app 1/1] RUN app", 0),
	}}
	close(in)
	<-done
	tracker.End()
	got.want(t, `
ends client 1
activity base 2 false
activity app 2 false
started [client+server: base 2/2] RUN make
started [client: app 1/1] RUN app
finished [client+server: base 2/2] RUN make 0s false 
finished [client: app 1/1] RUN app 0s false 
`)
	counted := map[digest.Digest]bool{ids[1]: true, ids[2]: true}
	if n := tracker.Count(counted); n != (runner.Steps{Run: 2}) {
		t.Errorf("steps: %+v", n)
	}
}
