package sharding

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/publish"
)

func TestParseIndex(t *testing.T) {
	for text, want := range map[string][2]int{"2/7": {2, 7}, "0/3": {0, 3}, "1/1": {1, 1}} {
		if i, n, err := ParseIndex(text); err != nil || i != want[0] || n != want[1] {
			t.Errorf("%q: %d, %d, %v", text, i, n, err)
		}
	}
	for _, text := range []string{"", "2", "2/", "/2", "1/0", "-1/2", "a/b", "1/2/3"} {
		if _, _, err := ParseIndex(text); !usage.Is(err) || !strings.Contains(err.Error(), "such as 2/7") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, _, err := ParseIndex("3/2"); !usage.Is(err) || !strings.Contains(err.Error(), "the last one is 2/2") {
		t.Errorf("3/2: %v", err)
	}
}

// TestReadPlan refuses what is not a plan, and says how one is made.
func TestReadPlan(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no plan"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		filepath.Join(dir, "none"): "orch plan --shards",
		dir:                        "is not a plan of shards",
		text:                       text + ": ",
	} {
		if _, err := ReadPlan(path); !usage.Is(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestUnmoved says why no tag has moved, and how to publish all the same.
func TestUnmoved(t *testing.T) {
	interrupted, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		name          string
		ctx           context.Context
		err, problems error
		code          int
		want, never   string
	}{
		{"all good", context.Background(), errors.New("registry down"), nil, cli.ExitFailed,
			"\nEvery shard is good, but the tags have not moved: registry down; no tag has moved\nTo publish what is built: orch merge a.json\n", "of the targets that are whole"},
		{"partial", context.Background(), errors.New("registry down"), errors.New("shard 2 is missing"), cli.ExitFailed,
			"orch: shard 2 is missing\n\nThe tags of the targets that are whole have not moved: registry down", "Every shard is good"},
		{"interrupted", interrupted, context.Canceled, nil, cli.ExitInterrupted, "no tag has moved", "shard 2"},
		{"unfinished", context.Background(), &publish.UnfinishedError{Err: context.Canceled}, nil, cli.ExitFailed, "the tags have not moved", "To publish what is built"},
	} {
		e, _, stderr := clitest.Env(nil, "merge", "a.json")
		m := &mergeRun{Session: planning.New(machine.New(e, nil))}
		var f *cli.Failure
		if err := m.unmoved(tt.ctx, tt.err, tt.problems); !errors.As(err, &f) || f.Code != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
		if text := stderr.String(); !strings.Contains(text, tt.want) || strings.Contains(text, tt.never) {
			t.Errorf("%s:\n%s", tt.name, text)
		}
	}
}
