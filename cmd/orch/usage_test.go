package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/whole"
	"github.com/orch-build/orch/internal/helptext"
)

// TestWrongUse gives each command, and each flag with a closed set of values,
// what it does not know: exit code 2, the reason, nothing on standard output,
// and no builder is asked for anything.
func TestWrongUse(t *testing.T) {
	dir := t.TempDir()
	text := "target \"default\" {\n  dockerfile-inline = \"FROM scratch\\nCOPY build.hcl /\"\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "build.hcl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	tests := []struct {
		args string // separated by blanks; VAR=VALUE in front is the environment
		says string
	}{
		{"bake --call outlin", `there is no method to call "outlin"; there are build, check, lint, outline, targets, subrequests.describe. Did you mean "outline"?`},
		{"bake --set default.call=x", `no method to call "x"`},
		{"bake --call check,format=xml", "the format is json or text"},
		{"bake --call check,ignorestatus=maybe", "ignorestatus is true or false"},
		{"bake --call check,x=y", "METHOD, format=json and ignorestatus=BOOL"},
		{"bake --list x", "lists targets or variables"},
		{"bake --list type=targets,format=xml", "table or json"},
		{"bake --progress x", "auto, plain, tty"},
		{"BUILDKIT_PROGRESS=x bake", "auto, plain, tty"},
		{"bake --frontend x", "linked and pull"},
		{"bake --publish=x", "auto, together, each"},
		{"bake --jobs x", "unknown mode"},
		{"bake --jobs -1", "is not negative"},
		{"bake --retries x", "--retries"},
		{"bake --retries 101", "between 0 and 100"},
		{"bake --keep-going --fail-fast", "contradict"},
		{"bake --sbom x", "type=sbom,x"},
		{"bake --provenance mode=x", `no provenance mode "x"`},
		{"bake --policy x", "x=VALUE"},
		{"bake --allow x", `no permission "x"`},
		{"bake --diagnostics x", "text and json"},
		{"bake -o type=x", `no exporter "x"`},
		{"bake -o type=local,dest=d,mode=x", `no mode "x"`},
		{"bake -o type=local,dest=d,platform-split=x", `platform-split is "x"`},
		{"bake -o type=tar,dest=d,source-date-epoch=x", `source-date-epoch is "x"`},
		{"bake --set x", "TARGET.KEY=VALUE"},
		{"bake --set default.network=x", `no network mode "x"`},
		{"bake --var x", "NAME=VALUE"},
		{"bake --filter x=y", "No target matches the filter"},
		{"bake --builder x", "there is no builder \"x\""},
		{"bake --tlsdir nope --builder tcp://127.0.0.1:1", "TLS folder"},
		{"bake --metadata-file nope/x", "nope does not exist"},
		{"bake -f nope.hcl", "nope.hcl"},
		{"bake nope", `no target "nope"`},
		{"SOURCE_DATE_EPOCH=x bake", `SOURCE_DATE_EPOCH is "x"`},
		{"plan --format x", "text, json, dot"},
		{"plan --json --format dot", "contradict"},
		{"plan --files --format dot", "not as dot"},
		{"list x", "one of targets, groups, variables"},
		{"list a b c d", "one of targets, groups, variables"},
		{"validate nope", `no target "nope"`},
		{"validate --bogus", "--bogus"},
		{"fmt nope", "nope"},
		{"init", "--force"},
		{"schema x", "no arguments"},
		{"version x", "no arguments"},
		{"completion x", `no command "x"`},
		{"help x", `no command "x"`},
		{"help bake x", `no command "bake x"`},
		{"builder x", `no command "x"`},
		{"builder start --idle x", "--idle"},
		{"ORCH_BUILDER_IDLE=x builder start", "ORCH_BUILDER_IDLE"},
		{"ORCH_REGISTRY_TIMEOUT=10ms builder start", "ORCH_REGISTRY_TIMEOUT"},
		{"ORCH_BUILDER_TIMEOUT=3 bake", "ORCH_BUILDER_TIMEOUT"},
		{"builder du --filter x", `filter "x"`},
		{"builder prune --keep-storage x", "not a size"},
		{"publish x", "an ID goes with"},
		{"publish --status --resume", "contradict"},
		{"publish --resume --rollback", "contradict"},
		{"publish --resume --json", "--json goes with --status"},
		{"x", `no command "x"`},
		{"buld", `no command "buld". Use orch bake.`},
		{"bakr", `Did you mean "bake"?`},
		{"--x", "unknown flag"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			vars := map[string]string{
				"BUILDKIT_HOST": "unix:///nonexistent", "ORCH_STATE_DIR": t.TempDir(), "HOME": dir, "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
			}
			args := strings.Fields(tt.args)
			for len(args) > 0 {
				name, value, ok := strings.Cut(args[0], "=")
				if !ok || strings.HasPrefix(name, "-") {
					break
				}
				vars[name], args = value, args[1:]
			}
			var stdout, stderr bytes.Buffer
			m := machine.New(&cli.Env{
				Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
				Lookup:  func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
				Environ: func() []string { return nil },
			}, whole.Parts{})
			if code := run(m, nil, args); code != cli.ExitUsage {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(stderr.String(), tt.says) {
				t.Errorf("it does not say %q:\n%s", tt.says, stderr.String())
			}
			if stdout.Len() > 0 {
				t.Errorf("standard output:\n%s", stdout.String())
			}
		})
	}
}

// inHint matches a command in a hint, with the flags behind it.
var inHint = regexp.MustCompile(`(?:^|, or )orch((?: [a-z][a-z-]*)+)((?: (?:--?[a-z-]+(?:=\S+)?|[A-Z]+\S*))*)`)

// TestHints demands that hints lead to commands and flags that there are, and that no
// word of another tool is a command here.
func TestHints(t *testing.T) {
	root := newRootCommand(planning.New(machine.New(cli.OS(), whole.Parts{})), nil)
	check := func(word, use string) {
		for _, m := range inHint.FindAllStringSubmatch(use, -1) {
			cmd, rest, err := root.Find(strings.Fields(m[1]))
			if err != nil || cmd == root {
				t.Errorf("%s: there is no command as in %q", word, use)
				continue
			}
			if len(rest) > 0 && cmd.ValidArgs == nil && cmd.ValidArgsFunction == nil {
				t.Errorf("%s: %s does not take %q", word, cmd.CommandPath(), rest)
			}
			for _, flag := range strings.Fields(m[2]) {
				name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
				if strings.HasPrefix(flag, "--") && cmd.Flags().Lookup(name) == nil || !strings.HasPrefix(flag, "--") && strings.HasPrefix(flag, "-") && cmd.Flags().ShorthandLookup(name) == nil {
					t.Errorf("%s: %s has no %s", word, cmd.CommandPath(), flag)
				}
			}
		}
	}
	for word, use := range helptext.Intents() {
		if cmd, _, err := root.Find([]string{word}); err == nil && cmd != root {
			t.Errorf("%s is a command: nobody sees that it is %s", word, use)
		}
		check(word, use)
	}
	bake, _, err := root.Find([]string{"bake"})
	if err != nil {
		t.Fatal(err)
	}
	for flag, uses := range helptext.ForeignFlags() {
		if bake.Flags().Lookup(flag) != nil || len(flag) == 1 && bake.Flags().ShorthandLookup(flag) != nil {
			t.Errorf("--%s is a flag of bake: nobody sees that it is %q", flag, uses)
		}
		for _, use := range uses {
			check(flag, use)
		}
	}
}
