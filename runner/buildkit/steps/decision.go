package steps

import (
	"crypto/rand"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// Decision begins the log of what the policies say about a source, as a step
// that the builder does not know of. A decision of which nothing is said is no
// step.
func (t *Tracker) Decision(about string) (line func(string), end func(denied bool)) {
	v := &client.Vertex{Digest: digest.FromString(rand.Text()), Name: "policies on " + about}
	show := func(logs ...*client.VertexLog) {
		t.mu.Lock()
		defer t.mu.Unlock()
		now := *v
		t.status(&client.SolveStatus{Vertexes: []*client.Vertex{&now}, Logs: logs}, "")
	}
	line = func(text string) {
		now := time.Now()
		if v.Started == nil {
			v.Started = &now
		}
		show(&client.VertexLog{Vertex: v.Digest, Stream: 1, Data: []byte(text + "\n"), Timestamp: now})
	}
	end = func(denied bool) {
		if v.Started == nil {
			return
		}
		now := time.Now()
		v.Completed = &now
		if denied {
			v.Error = "not allowed"
		}
		show()
	}
	return line, end
}
