// Package pipeline writes the files of CI systems that build a project in shards:
// a job that makes the plan, one for each shard, and one that merges. What it
// knows of a project is a list of names, registries and branches; it knows
// nothing of definitions and builds, and never talks to a service.
package pipeline

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/orch-build/orch/internal/shellquote"
)

//go:embed templates
var templates embed.FS

// System is a CI system.
type System struct {
	Name string
	// Path is where the system looks for its file.
	Path string
	// Title is what people call it.
	Title string
}

// Systems are those that there are files for.
var Systems = []System{
	{"github", ".github/workflows/images.yml", "GitHub Actions"},
	{"gitlab", ".gitlab-ci.yml", "GitLab CI"},
	{"jenkins", "Jenkinsfile", "Jenkins"},
	{"buildkite", ".buildkite/pipeline.yml", "Buildkite"},
	{"azure", "azure-pipelines.yml", "Azure Pipelines"},
	{"circleci", ".circleci/config.yml", "CircleCI"},
	{"argo", "argo-images.yaml", "Argo Workflows"},
}

// Names are the names of the systems.
func Names() []string {
	var out []string
	for _, s := range Systems {
		out = append(out, s.Name)
	}
	return out
}

// Of returns the system of a name.
func Of(name string) (System, bool) {
	i := slices.IndexFunc(Systems, func(s System) bool { return s.Name == name })
	if i < 0 {
		return System{}, false
	}
	return Systems[i], true
}

// Project is what a file is made for.
type Project struct {
	Targets []string
	// Flags are those of the definition, for 'orch plan', as a shell reads them.
	Flags string
	// Registries are the hosts that images are pushed to.
	Registries []string
	// Main is the main branch.
	Main string
	// Waves says that stages which several shards need are built before them.
	Waves bool
	// Shards is their number, where a system has to know it beforehand.
	Shards int
	// Tests says that there are tests.
	Tests bool
	// Ref is the release of orch that is used.
	Ref string
}

// named is how many targets the comment at the top of a file has.
const named = 8

// About says what the file builds.
func (p Project) About() string {
	names := p.Targets[:min(named, len(p.Targets))]
	text := strings.Join(names, ", ")
	if n := len(p.Targets) - len(names); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

// Plan is the command that makes the plan; the shell variables PUSH and AFFECTED
// add to it.
func (p Project) Plan(shards any) string {
	text := fmt.Sprintf("orch plan --shards %v", shards)
	if p.Waves {
		text += " --waves"
	}
	if p.Flags != "" {
		text += " " + p.Flags
	}
	return text + ` ${PUSH:+--push} ${AFFECTED:+--affected "$AFFECTED" --affected-kind build} -o shards.json`
}

// Merge is the command that merges.
func (p Project) Merge() string {
	text := "orch merge --plan shards.json --metadata-file metadata.json"
	if p.Tests {
		text += " --junit tests.xml"
	}
	return text + " orch.result.*.json"
}

// Write returns the file of a system for a project.
func Write(system string, p Project) ([]byte, error) {
	if _, ok := Of(system); !ok {
		return nil, fmt.Errorf("there is no system %q; there are %s", system, strings.Join(Names(), ", "))
	}
	text, err := templates.ReadFile("templates/" + system)
	if err != nil {
		return nil, err
	}
	t, err := template.New(system).Delims("[[", "]]").Funcs(template.FuncMap{"quoted": quoted, "single": single, "word": shellquote.Word, "dollars": dollars}).Parse(string(text))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("writing the file of %s: %w", system, err)
	}
	return out.Bytes(), nil
}

// quoted is a text in quotes, as YAML has it.
func quoted(s string) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// single is a text between single quotes of Groovy.
func single(s string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s)
}

// dollars is a text in which Buildkite takes no variables in when it reads the file.
func dollars(s string) string { return strings.ReplaceAll(s, "$", "$$") }
