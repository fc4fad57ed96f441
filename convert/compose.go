package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/schema"
	"go.yaml.in/yaml/v3"
)

// fromCompose makes a target of each service that is built, as reading the
// Compose files would. The variables of the files stay variables, if the
// values around them allow it.
func (d *document) fromCompose(opt Options, files []load.File) error {
	variables := composeVariables(files)
	cfg, diags := composeConfig(opt, files, variables, placeholder)
	marked := !diags.HasErrors()
	if !marked {
		cfg, diags = composeConfig(opt, files, variables, func(v template.Variable) string { return v.DefaultValue })
	}
	if err := opt.Report(diags, load.Texts(files)); err != nil {
		return err
	}
	var printed bytes.Buffer
	if err := config.Print(&printed, cfg); err != nil {
		return err
	}
	if marked {
		printed = *bytes.NewBuffer(unmark(printed.Bytes()))
		for _, name := range slices.Sorted(maps.Keys(variables)) {
			if bytes.Contains(printed.Bytes(), []byte("${"+name+"}")) {
				d.variable(name, variables[name].DefaultValue)
			}
		}
	}
	return d.fromPrinted(printed.Bytes())
}

// composeVariables lists what the files have in "${…}".
func composeVariables(files []load.File) map[string]template.Variable {
	out := map[string]template.Variable{}
	for _, f := range files {
		var model map[string]any
		if yaml.Unmarshal(f.Text, &model) == nil {
			for name, v := range template.ExtractVariables(model, template.DefaultPattern) {
				if !slices.Contains(languageNames, name) {
					out[name] = v
				}
			}
		}
	}
	return out
}

// placeholder stands for the value of a variable while the files are read.
func placeholder(v template.Variable) string { return "orch_variable_" + v.Name + "_end" }

var marked = lazyregexp.New(`orch_variable_(\w+?)_end`)

func unmark(text []byte) []byte { return marked.ReplaceAll(text, []byte("$${$1}")) }

// composeConfig evaluates the files with those values of the variables.
func composeConfig(opt Options, files []load.File, variables map[string]template.Variable, value func(template.Variable) string) (*config.Config, hcl.Diagnostics) {
	opts := config.Options{All: true, FileRelative: true, Compose: opt.Compose(opt.Report), Vars: map[string]string{}}
	for name, v := range variables {
		opts.Vars[name] = value(v)
	}
	var parsed []*schema.File
	for _, f := range files {
		file, _ := schema.ParseAs(schema.Compose, f.Name, f.Text, schema.Bake)
		parsed = append(parsed, file)
	}
	return config.Resolve(parsed, opts)
}

// fromPrinted enters the targets of what --print gives; their arguments become
// variables.
func (d *document) fromPrinted(printed []byte) error {
	dec := json.NewDecoder(bytes.NewReader(printed))
	dec.UseNumber()
	var root struct{ Target map[string]map[string]any }
	if err := dec.Decode(&root); err != nil {
		return fmt.Errorf("reading the resolved definition: %w", err)
	}
	values := argValues(root.Target)
	for _, name := range slices.Sorted(maps.Keys(root.Target)) {
		attrs := root.Target[name]
		if attrs["context"] == "." {
			delete(attrs, "context")
		}
		if attrs["dockerfile"] == "Dockerfile" {
			delete(attrs, "dockerfile")
		}
		args, _ := attrs["args"].(map[string]any)
		for _, arg := range slices.Sorted(maps.Keys(args)) {
			if v, ok := values[arg]; ok {
				d.variable(variableName(arg), v)
				args[arg] = keyword(variableName(arg))
			}
		}
		d.targets = append(d.targets, block{kind: "target", label: name, attrs: attrs})
	}
	d.defaultGroup()
	return nil
}

// argValues returns the arguments that have one plain value in all targets
// that have them.
func argValues(targets map[string]map[string]any) map[string]string {
	values := map[string]string{}
	differ := map[string]bool{}
	for _, t := range targets {
		args, _ := t["args"].(map[string]any)
		for name, v := range args {
			s, _ := v.(string)
			if old, ok := values[name]; ok && old != s || bytes.Contains([]byte(s), []byte("${")) {
				differ[name] = true
			}
			values[name] = s
		}
	}
	for name := range differ {
		delete(values, name)
	}
	return values
}
