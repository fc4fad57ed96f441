package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"
)

// projects are those that the files are made for.
func projects() map[string]Project {
	plain := Project{Targets: []string{"api"}, Main: "main", Shards: 1, Ref: "main"}
	full := Project{
		Targets: strings.Fields(strings.Repeat("api ", 20)), Flags: `-f ci/build.hcl --set '*.args.A=it'\''s "quoted"' 'all of it'`,
		Registries: []string{"ghcr.io", "registry.example.com:5000"}, Main: `release/"1"`, Waves: true, Shards: 7, Tests: true, Ref: "v1",
	}
	return map[string]Project{"plain": plain, "full": full}
}

// Every file is one that its system can read, whatever names there are.
func TestYAML(t *testing.T) {
	for _, s := range Systems {
		for name, p := range projects() {
			data, err := Write(s.Name, p)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte("<no value>")) || bytes.Contains(data, []byte("[[.")) {
				t.Errorf("%s, %s: a value is missing:\n%s", s.Name, name, data)
			}
			if s.Name == "jenkins" {
				continue // is Groovy
			}
			var doc map[string]any
			if err := yaml.Unmarshal(data, &doc); err != nil {
				t.Errorf("%s, %s: %v\n%s", s.Name, name, err, data)
			}
		}
	}
	if _, err := Write("nonesuch", Project{}); err == nil {
		t.Error("a file of an unknown system was written")
	}
}

// GitHub's workflows are what actionlint takes, with the types of expressions.
func TestActionlint(t *testing.T) {
	for name, p := range projects() {
		data, err := Write("github", p)
		if err != nil {
			t.Fatal(err)
		}
		lint(t, name+".yml", data)
	}
	data, err := os.ReadFile("../../examples/ci/github.yml")
	if err != nil {
		t.Fatal(err)
	}
	lint(t, "github.yml", data)
}

func lint(t *testing.T, name string, data []byte) {
	t.Helper()
	l, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
	if err != nil {
		t.Fatal(err)
	}
	faults, err := l.Lint(name, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Errorf("%v", fmt.Errorf("%s: %w", name, f))
	}
}

// The action of this repository has the inputs that its script reads.
func TestAction(t *testing.T) {
	data, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	meta := struct {
		Inputs map[string]any
		Runs   struct {
			Using string
			Steps []struct{ Env map[string]string }
		}
	}{}
	if err := yaml.Unmarshal(data, &meta); err != nil {
		t.Fatal(err)
	}
	if meta.Runs.Using != "composite" {
		t.Errorf("the action runs with %q", meta.Runs.Using)
	}
	script, err := os.ReadFile("../../scripts/action.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range meta.Runs.Steps {
		for name, value := range step.Env {
			if !strings.HasPrefix(name, "INPUT_") {
				continue
			}
			input := strings.TrimSuffix(strings.TrimPrefix(value, "${{ inputs."), " }}")
			if _, ok := meta.Inputs[input]; !ok {
				t.Errorf("%s is %s, which is not an input", name, value)
			}
			if !bytes.Contains(script, []byte(name)) {
				t.Errorf("the script does not read %s", name)
			}
		}
	}
}

// The component for GitLab uses the inputs that it has, and no others.
func TestComponent(t *testing.T) {
	data, err := os.ReadFile("../../templates/orch.yml")
	if err != nil {
		t.Fatal(err)
	}
	head, job, found := bytes.Cut(data, []byte("\n---\n"))
	if !found {
		t.Fatal("the component has no two parts")
	}
	spec := struct {
		Spec struct {
			Inputs map[string]struct{ Description string }
		}
	}{}
	if err := yaml.Unmarshal(head, &spec); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\[\[ inputs\.([a-z]+) \]\]`).FindAllSubmatch(job, -1) {
		used[string(m[1])] = true
	}
	for name, in := range spec.Spec.Inputs {
		if !used[name] || in.Description == "" {
			t.Errorf("input %s is not used, or not described", name)
		}
	}
	for name := range used {
		if _, ok := spec.Spec.Inputs[name]; !ok {
			t.Errorf("%s is not an input", name)
		}
	}
	if err := yaml.Unmarshal(job, &map[string]any{}); err != nil {
		t.Error(err)
	}
}
