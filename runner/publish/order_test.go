package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// board is a registry in memory whose answers come in all orders: the time
// that each takes is chance, before and after it has effect.
type board struct {
	mu   sync.Mutex
	tags map[string]string
	log  []string
}

func (b *board) do(f func()) {
	time.Sleep(time.Duration(rand.N(3)) * rand.N(time.Millisecond))
	b.mu.Lock()
	f()
	b.mu.Unlock()
	time.Sleep(time.Duration(rand.N(3)) * rand.N(time.Millisecond))
}

func (b *board) Digest(_ context.Context, ref Ref) (d string, _ error) {
	b.do(func() { d = b.tags[ref.Name] })
	return d, nil
}

func (b *board) Point(_ context.Context, ref Ref, digest string) error {
	b.do(func() {
		b.tags[ref.Name] = digest
		b.log = append(b.log, ref.Name+" -> "+digest)
	})
	return nil
}

func (b *board) Remove(_ context.Context, ref Ref) error {
	b.do(func() { delete(b.tags, ref.Name) })
	return nil
}

// TestAnyOrder publishes the same tags from several machines which begin one
// after the other, so that one of them finds tags that another has moved
// already. Unless one of them says that the tags are mixed, all are of one.
func TestAnyOrder(t *testing.T) {
	rounds := 60
	if os.Getenv("ORCH_STRESS") != "" {
		rounds = 1000
	}
	for round := range rounds {
		b := &board{tags: map[string]string{}}
		names := []string{"r/a:v", "r/b:v", "r/c:v", "r/d:v"}
		var all sync.WaitGroup
		var errs [3]error
		for i := range 2 + round%2 {
			var moves []Move
			for k, name := range names {
				digest := fmt.Sprintf("sha256:%d", i)
				// Before the runs, the last tag is where the first run wants it.
				if i == 0 && k == 3 && round%3 == 0 {
					b.tags[name] = digest
				}
				moves = append(moves, Move{Ref: Ref{Name: name}, New: digest})
			}
			p := &Publisher{Dir: t.TempDir(), Registry: b, Settle: 2 * time.Millisecond}
			all.Go(func() {
				time.Sleep(rand.N(6 * time.Millisecond))
				errs[i] = p.Publish(t.Context(), moves)
			})
		}
		all.Wait()
		if errs != [3]error{} {
			t.Logf("round %d: %v", round, errs)
			continue
		}
		for _, name := range names {
			if b.tags[name] != b.tags[names[0]] {
				t.Fatalf("round %d: the tags are %v\n%v", round, b.tags, slices.Clone(b.log))
			}
		}
	}
}
