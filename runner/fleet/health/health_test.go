package health

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/builders/members"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// conn is a connection to nobody.
type conn struct {
	builder.Client
	closed *int
}

func (c conn) Close() error { *c.closed++; return nil }

// daemon is what a daemon says of itself.
type daemon struct {
	name, id  string
	declared  []string
	platforms []string
	down      bool
}

func reach(t *testing.T, closed *int, daemons ...daemon) *Fleet {
	t.Helper()
	var list []members.Member
	byName := map[string]daemon{}
	for _, d := range daemons {
		list = append(list, members.Member{Name: d.name, Node: builders.Node{Platforms: d.declared}})
		byName[d.name] = d
	}
	f, err := Reach(t.Context(), list, func(_ context.Context, m members.Member) (*builder.Builder, error) {
		d := byName[m.Name]
		if d.down {
			return nil, errors.New("nobody listens there")
		}
		b := &builder.Builder{ID: d.id, Platforms: d.platforms, Conn: conn{closed: closed}}
		if len(d.platforms) > 0 {
			b.Platform = d.platforms[0]
		}
		return b, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSame leaves out a daemon that is there under another address.
func TestSame(t *testing.T) {
	amd64 := []string{"linux/amd64"}
	closed := 0
	f := reach(t, &closed,
		daemon{name: "10.0.0.1:1234", id: "x on a", platforms: amd64},
		daemon{name: "gone", down: true},
		daemon{name: "[fd00::1]:1234", id: "x on a", platforms: amd64},
		daemon{name: "other host", id: "x on b", platforms: amd64},
		daemon{name: "unknown", platforms: amd64},
		daemon{name: "unknown too", platforms: amd64},
	)
	var names []string
	for _, m := range f.Members {
		names = append(names, m.Name)
	}
	if want := []string{"10.0.0.1:1234", "gone", "other host", "unknown", "unknown too"}; !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
	if closed != 1 {
		t.Errorf("%d connections were closed, want 1", closed)
	}
	text := strings.Join(f.Warnings(), "\n")
	if want := "builder [fd00::1]:1234 is left out: it is the same daemon as 10.0.0.1:1234"; !strings.Contains(text, want) {
		t.Errorf("warnings are:\n%s\nwant %q", text, want)
	}
	if want := "4 builders (10.0.0.1:1234, other host, unknown, unknown too)"; f.Name() != want {
		t.Errorf("it is called %q, want %q", f.Name(), want)
	}
}

// TestNative finds out which platforms need no emulation.
func TestNative(t *testing.T) {
	tests := []struct {
		name string
		all  []daemon
		want []string // of each
		own  string   // for a run on linux/amd64
	}{
		{"emulators", []daemon{
			{name: "x86", platforms: []string{"linux/amd64", "linux/386", "linux/arm64", "linux/riscv64"}},
			{name: "arm", platforms: []string{"linux/arm64", "linux/arm/v7"}},
		}, []string{"linux/amd64 linux/386 linux/riscv64", "linux/arm64 linux/arm/v7"}, "linux/amd64"},
		{"one emulator", []daemon{
			{name: "x86", platforms: []string{"linux/amd64", "linux/amd64/v2", "linux/arm64"}},
			{name: "arm", platforms: []string{"linux/arm64"}},
		}, []string{"linux/amd64 linux/amd64/v2", "linux/arm64"}, "linux/amd64"},
		{"an emulator alone", []daemon{
			{name: "a", platforms: []string{"linux/amd64", "linux/arm64"}},
			{name: "b", platforms: []string{"linux/amd64"}},
		}, []string{"linux/amd64 linux/arm64", "linux/amd64"}, "linux/amd64"},
		{"both", []daemon{
			{name: "apple", platforms: []string{"linux/arm64", "linux/amd64"}},
			{name: "x86", platforms: []string{"linux/amd64"}},
		}, []string{"linux/arm64 linux/amd64", "linux/amd64"}, "linux/amd64"},
		{"written down", []daemon{
			{name: "a", declared: []string{"linux/arm64"}, platforms: []string{"linux/amd64", "linux/arm64"}},
			{name: "b", declared: []string{"linux/riscv64"}, platforms: []string{"linux/amd64"}},
		}, []string{"linux/arm64", "linux/riscv64"}, "linux/arm64"},
		{"none of this machine", []daemon{
			{name: "a", platforms: []string{"linux/arm64"}},
			{name: "b", platforms: []string{"linux/riscv64"}},
		}, []string{"linux/arm64", "linux/riscv64"}, "linux/arm64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			closed := 0
			f := reach(t, &closed, tt.all...)
			for i, m := range f.Members {
				if got := strings.Join(m.Native, " "); got != tt.want[i] {
					t.Errorf("%s has %q, want %q", m.Name, got, tt.want[i])
				}
			}
			if got := f.Own("linux/amd64"); got != tt.own {
				t.Errorf("what names no platform is for %s, want %s", got, tt.own)
			}
		})
	}
}
