package members

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/pods"
)

func TestOf(t *testing.T) {
	catalog := builders.New(builders.Options{Getenv: func(string) string { return "" }, System: "linux"})
	source := Source{
		Resolve: func(_ context.Context, host string) ([]string, error) {
			if host != "buildkitd.build.svc" {
				return nil, fmt.Errorf("no such host %s", host)
			}
			return []string{"10.0.0.9", "10.0.0.10", "fd00::1", "10.0.0.9"}, nil
		},
		Pods: func(_ context.Context, c pods.Cluster) ([]pods.Pod, error) {
			if c.Namespace != "build" || c.Selector != "app=buildkitd" {
				return nil, errors.New("other pods")
			}
			return []pods.Pod{{Name: "bk-10"}, {Name: "bk-2"}, {Name: "bk-9"}}, nil
		},
	}
	tests := []struct {
		names []string
		want  []string // names and addresses; an error if empty
	}{
		{[]string{"tcp://a:1"}, []string{"a:1 tcp://a:1"}},
		{[]string{"tcp://a:1", "unix:///run/b.sock"}, []string{"a:1 tcp://a:1", "b unix:///run/b.sock"}},
		{[]string{"unix:///x/b.sock", "unix:///y/b.sock"}, []string{"unix:///x/b.sock unix:///x/b.sock", "unix:///y/b.sock unix:///y/b.sock"}},
		{[]string{"dns+tcp://buildkitd.build.svc:1234"}, []string{"10.0.0.10:1234 tcp://10.0.0.10:1234", "10.0.0.9:1234 tcp://10.0.0.9:1234", "[fd00::1]:1234 tcp://[fd00::1]:1234"}},
		{[]string{"kube://build/app=buildkitd"}, []string{"bk-2 kube://build/app=buildkitd", "bk-9 kube://build/app=buildkitd", "bk-10 kube://build/app=buildkitd"}},
		{[]string{"tcp://a:1", "tcp://a:1"}, nil},
		{[]string{"dns+tcp://nobody:1"}, nil},
	}
	for _, tt := range tests {
		var chosen []*builders.Builder
		for _, name := range tt.names {
			b, err := catalog.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			chosen = append(chosen, b)
		}
		list, err := source.Of(t.Context(), chosen)
		var got []string
		for _, m := range list {
			got = append(got, m.Name+" "+m.Address)
		}
		if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, %v; want %v", tt.names, got, err, tt.want)
		}
	}
}
