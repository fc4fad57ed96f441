package plannertest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/need"
)

// EachProject runs a property on many projects; the number in the name makes
// one again. Some cannot be planned, because a link lacks a platform.
func EachProject(t *testing.T, plans func(*config.Config, Files) bool, check func(t *testing.T, r *rand.Rand, cfg *config.Config, files Files)) {
	planned, rounds := 0, need.Rounds(300)
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 0))
		cfg, files := RandomProject(r)
		if !plans(cfg, files) {
			continue
		}
		planned++
		t.Run(fmt.Sprint(seed), func(t *testing.T) { check(t, r, cfg, files) })
	}
	if planned < rounds/2 {
		t.Fatalf("only %d projects could be planned", planned)
	}
}

// RandomProject makes Dockerfiles of stages that refer to each other, some of
// them with the same text, and targets that build them: for several platforms,
// linked to others, and with contexts in the place of stages and images.
func RandomProject(r *rand.Rand) (*config.Config, Files) {
	files := Files{
		"sub/x": &fstest.MapFile{}, "more/x": &fstest.MapFile{},
		"sub/.dockerignore": &fstest.MapFile{Data: []byte("dir-1\n")},
	}
	var names []string
	stages := map[string]int{}
	for i := range 1 + r.IntN(3) {
		name := fmt.Sprintf("Dockerfile.%d", i)
		if i > 0 && r.IntN(3) == 0 {
			files[name], stages[name] = files[names[0]], stages[names[0]]
		} else {
			text, n := randomDockerfile(r)
			files[name], stages[name] = &fstest.MapFile{Data: []byte(text)}, n
		}
		names = append(names, name)
	}
	cfg := &config.Config{}
	for i := range 2 + r.IntN(6) {
		name := names[r.IntN(len(names))]
		cfg.Targets = append(cfg.Targets, randomTarget(r, i, "cwd://"+name, stages[name]))
	}
	return cfg, files
}

func randomDockerfile(r *rand.Rand) (text string, stages int) {
	args := []string{"A", "B", "C", "TARGETARCH"}
	var b strings.Builder
	b.WriteString("ARG A=1\nARG IMAGE=alpine\n")
	stages = 3 + r.IntN(8)
	for i := range stages {
		fmt.Fprintf(&b, "FROM %s AS s%d\n", randomBase(r, i), i)
		for range r.IntN(5) {
			switch r.IntN(9) {
			case 0:
				fmt.Fprintf(&b, "ARG %s\n", args[r.IntN(len(args))])
			case 1:
				fmt.Fprintf(&b, "ARG %s=%d\n", args[r.IntN(len(args))], r.IntN(3))
			case 2:
				fmt.Fprintf(&b, "RUN step-%d\n", r.IntN(3))
			case 3:
				fmt.Fprintf(&b, "COPY dir-%d/$A /x\n", r.IntN(3))
			case 4:
				if i > 0 {
					fmt.Fprintf(&b, "COPY --from=s%d /y /y\n", r.IntN(i))
				}
			case 5:
				if i > 0 {
					fmt.Fprintf(&b, "RUN --mount=from=s%d,target=/m true\n", r.IntN(i))
				}
			case 6:
				fmt.Fprintf(&b, "ENV A=%d X$A=2\n", r.IntN(3))
			case 7:
				fmt.Fprintf(&b, "COPY --from=%s /z /z\n", []string{"assets", "golang", "example.com/tools:1"}[r.IntN(3)])
			case 8:
				fmt.Fprintf(&b, "RUN <<E\nline-%d $C\nE\n", r.IntN(3))
			}
		}
	}
	return b.String(), stages
}

func randomTarget(r *rand.Rand, i int, dockerfile string, stages int) *config.Target {
	t := &config.Target{
		Name: fmt.Sprintf("t%d", i), Dockerfile: dockerfile, Context: config.Context{Value: []string{".", "sub"}[r.IntN(2)]},
		Stage: fmt.Sprintf("s%d", r.IntN(stages)), Args: map[string]string{}, Contexts: map[string]config.Context{},
	}
	for _, a := range []string{"A", "B", "C", "NOBODY"} {
		if r.IntN(3) == 0 {
			t.Args[a] = fmt.Sprint(r.IntN(3))
		}
	}
	switch r.IntN(6) {
	case 0, 1:
		t.Platforms = Platforms("linux/arm64", "linux/amd64")
	case 2:
		t.Platforms = Platforms("linux/arm/v7")
	}
	if i > 0 && r.IntN(3) == 0 {
		t.Contexts[fmt.Sprintf("s%d", r.IntN(stages))] = config.Context{Kind: config.LinkedTarget, Value: fmt.Sprintf("t%d", r.IntN(i))}
	}
	for _, name := range []string{"assets", "golang", "alpine", fmt.Sprintf("s%d", r.IntN(stages)), "golang::linux/amd64"} {
		if _, ok := t.Contexts[name]; !ok && r.IntN(4) == 0 {
			t.Contexts[name] = []config.Context{
				{Value: "more"}, {Value: "sub"}, {Kind: config.Image, Value: "busybox"}, {Kind: config.Image, Value: "scratch"},
				{Kind: config.Git, Value: "https://example.com/x.git#v1"}, {Kind: config.OCILayout, Value: "layout"},
			}[r.IntN(6)]
		}
	}
	return t
}

func randomBase(r *rand.Rand, i int) string {
	switch n := r.IntN(5); {
	case n == 0:
		return "scratch"
	case n == 1:
		return "$IMAGE"
	case n == 2:
		return "--platform=$BUILDPLATFORM golang"
	case i == 0:
		return "debian"
	default:
		return fmt.Sprintf("s%d", r.IntN(i))
	}
}
