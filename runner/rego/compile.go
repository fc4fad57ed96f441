package rego

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"

	"github.com/orch-build/orch/config/policy"
)

// Compile compiles the policies of a target and says what is wrong with them.
// What has no place in a file of a policy is reported at where the definition
// is about it.
func Compile(ctx context.Context, set *policy.Set, env Env, opt Options, at hcl.Range) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for i := range set.Policies {
		one := set.Policies[i]
		if one.BuiltIn {
			continue
		}
		_, err := New(ctx, &policy.Set{Policies: []policy.Policy{one}}, env, opt)
		if err != nil {
			diags = append(diags, diagnose(err, &one, at)...)
		}
	}
	return diags
}

// diagnose turns the error of a policy into diagnostics.
func diagnose(err error, one *policy.Policy, at hcl.Range) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, e := range compileErrors(err) {
		subject := at
		if e.Location != nil && e.Location.File != "" {
			pos := hcl.Pos{Line: e.Location.Row, Column: max(1, e.Location.Col)}
			text, _, _ := strings.Cut(string(e.Location.Text), "\n")
			end := pos
			end.Column += max(1, utf8.RuneCountInString(text))
			subject = hcl.Range{Filename: one.Shown(e.Location.File), Start: pos, End: end}
		}
		diags = append(diags, wrong(sentence(e.Message), subject))
	}
	if len(diags) > 0 {
		return diags
	}
	return hcl.Diagnostics{wrong(fmt.Sprintf("The policy %s cannot be evaluated: %v. "+
		"A policy is of the package docker and has a rule decision, an object with allow.", one.Name(), cause(err)), at)}
}

func wrong(detail string, at hcl.Range) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid policy", Detail: detail, Subject: &at}
}

// compileErrors are the errors of Rego's parser and compiler in an error.
func compileErrors(err error) []*ast.Error {
	var parsed ast.Errors
	if errors.As(err, &parsed) {
		return parsed
	}
	var many opa.Errors
	var out []*ast.Error
	if errors.As(err, &many) {
		for _, e := range many {
			out = append(out, compileErrors(e)...)
		}
		return out
	}
	var one *ast.Error
	if errors.As(err, &one) {
		return []*ast.Error{one}
	}
	return nil
}

// cause is the innermost error, without what was being done.
func cause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func sentence(s string) string {
	if s == "" || s[len(s)-1] == '.' {
		return s
	}
	return s + "."
}
