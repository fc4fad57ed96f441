package definition

import (
	"slices"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
)

func defined(t *testing.T, st llb.State) *pb.Definition {
	t.Helper()
	def, err := st.Marshal(t.Context(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}
	return def.ToPB()
}

// copied is a step on a local source and one on an OCI layout.
func copied(session, path string) llb.State {
	from := llb.Local("context", llb.SessionID(session), llb.SharedKeyHint("x"))
	oci := llb.OCILayout("x@sha256:"+digits, llb.OCIStore(session, "store"))
	return oci.File(llb.Copy(from, path, "/")).File(llb.Mkfile("/made", 0o644, []byte(path)))
}

const digits = "0123456789012345678901234567890123456789012345678901234567890123"

// run is a step with a proxy and a variable.
func run(proxy, value string) llb.State {
	return llb.Image("example.com/a@sha256:"+digits).Run(llb.Shlex("true"), llb.WithProxy(llb.ProxyEnv{HTTPProxy: proxy}), llb.AddEnv("A", value)).Root()
}

func TestSame(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b *pb.Definition
		want bool
	}{
		{"the same", defined(t, copied("s", "/a")), defined(t, copied("s", "/a")), true},
		{"another session", defined(t, copied("s", "/a")), defined(t, copied("t", "/a")), true},
		{"another path", defined(t, copied("s", "/a")), defined(t, copied("s", "/b")), false},
		{"another path and session", defined(t, copied("s", "/a")), defined(t, copied("t", "/b")), false},
		{"another proxy", defined(t, run("http://a", "1")), defined(t, run("http://b", "1")), true},
		{"another variable", defined(t, run("http://a", "1")), defined(t, run("http://b", "2")), false},
		{"nothing", defined(t, llb.Scratch()), nil, true},
		{"nothing and something", defined(t, llb.Scratch()), defined(t, copied("s", "/a")), false},
	} {
		got, err := Same(tt.a, tt.b)
		if err != nil || got != tt.want {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	broken := defined(t, copied("t", "/a"))
	broken.Def = broken.Def[1:]
	if _, err := Same(defined(t, copied("s", "/a")), broken); err == nil {
		t.Error("a definition without one of its vertices is compared")
	}
}

func TestPins(t *testing.T) {
	image := func(ref string) *pb.Definition { return defined(t, llb.Image(ref)) }
	other := "9876543210987654321098765432109876543210987654321098765432109876"
	got, err := Pins([]*pb.Definition{
		image("example.com/b:1@sha256:" + digits), image("example.com/a:1@sha256:" + digits), image("example.com/a:1@sha256:" + digits),
		image("example.com/twice:1@sha256:" + digits), image("example.com/twice:1@sha256:" + other),
		image("example.com/free:1"), defined(t, copied("s", "/a")), nil,
	})
	want := []Pin{
		{"docker-image://example.com/a:1", "docker-image://example.com/a:1@sha256:" + digits},
		{"docker-image://example.com/b:1", "docker-image://example.com/b:1@sha256:" + digits},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}
