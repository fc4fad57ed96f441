package planner_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/plannertest"
	"github.com/orch-build/orch/planner/print"
)

func planText(text string) (*planner.Plan, hcl.Diagnostics) {
	cfg := &config.Config{Targets: []*config.Target{{Name: "a", Dockerfile: "Dockerfile", Context: config.Context{Value: "."}}}}
	return planner.New(cfg, planner.Options{Files: plannertest.Files{"Dockerfile": &fstest.MapFile{Data: []byte(text)}}, BuildPlatform: "linux/amd64", Dir: "/w"})
}

// TestBadInput demands a clear answer to Dockerfiles that nobody writes on purpose.
// One that takes time or memory beyond measure ends in the limit of the tests.
func TestBadInput(t *testing.T) {
	doubling := "FROM x\nARG A0=0123456789abcdef\n"
	for i := range 60 {
		doubling += fmt.Sprintf("ARG A%d=$A%d$A%d\n", i+1, i, i)
	}
	heredocs := "FROM x\nRUN"
	for i := range need.Rounds(2000) {
		heredocs += fmt.Sprintf(" <<E%d", i)
	}
	for i := range need.Rounds(2000) {
		heredocs += fmt.Sprintf("\nRUN <<inner%d\nE%d", i, i)
	}
	chain := "FROM x AS s0\n"
	for i := range need.Rounds(20000) {
		chain += fmt.Sprintf("FROM s%d AS s%d\n", i, i+1)
	}
	fan := "FROM x AS s0\n"
	for i := range need.Rounds(3000) {
		fan += fmt.Sprintf("FROM s%d AS s%d\nCOPY --from=s%d / /\nCOPY --from=s%d / /\n", i, i+1, i, i/2)
	}
	tooMany := ""
	for i := range 10_003 {
		tooMany += fmt.Sprintf("ENV V%d=1\n", i)
	}
	for _, c := range []struct {
		name, text string
		fault      string // part of what is said; "" for none
		line       int
	}{
		{"too large", "FROM x\n" + strings.Repeat("RUN echo\n", 2<<20), "at most 16777216", 0},
		{"empty", "", "file with no instructions", 0},
		{"only comments", "# a\n# b\n", "file with no instructions", 0},
		{"no stage", "ARG A=1\n", "no FROM", 0},
		{"before the first stage", "ARG A=1\nRUN x\nFROM y\n", "before the first FROM", 2},
		{"line too long", "FROM x\nRUN " + strings.Repeat("x", 70000) + "\n", "greater than max allowed size", 2},
		{"open heredoc", "FROM x\nRUN <<E\ntext\n", "unterminated heredoc", 2},
		{"open JSON", "FROM x\nCOPY [\"a\", \"b\n", "", 0},
		{"doubling arguments", doubling, "more than 1048576 bytes", 0},
		{"many heredocs", heredocs + "\n", "", 0},
		{"NUL", "FROM x\nRUN a\x00b\nCOPY a\x00 /\nLABEL \x00=\x00\n", "", 0},
		{"NUL in a name", "FROM x\x00y\n", "neither an earlier stage nor an image", 1},
		{"no UTF-8", "FROM x\nCOPY \xff\xfe /\nENV \xff=\xff\n", "", 0},
		{"UTF-16", "\xff\xfeF\x00R\x00O\x00M\x00", "unknown instruction", 1},
		{"form feed and vertical tab", "FROM x\n\f\v\nRUN\ta\n", "", 0},
		{"only carriage returns", "FROM x\rRUN a\r", "either one or three arguments", 1},
		{"open continuation", "FROM x\nRUN a \\\n# comment\n\n  \\\n", "", 0},
		{"long chain", chain, "", 0},
		{"many ways", fan, "", 0},
		{"too many variables", "FROM x\n" + tooMany, "more than 10000 variables", 10002},
		{"many variables", "FROM x\n" + strings.Repeat("ENV A=1\nENV B=$A\n", need.Rounds(5000)), "", 0},
		{"long command", "FROM x\nRUN " + strings.Repeat("true; \\\n", 22000) + "true\n", "132004 bytes, and Linux takes 131071", 2},
		{"long argument", "FROM x\nRUN [\"a\"" + strings.Repeat(", \\\n\""+strings.Repeat("b", 60000)+"\"", 3) + "]\n", "", 0},
		{"long heredoc", "FROM x\nRUN <<E\n" + strings.Repeat("true\n", 27000) + "E\n", "135000 bytes, and Linux takes 131071", 2},
		{"long script", "FROM x\nRUN <<E\n#!/bin/sh\n" + strings.Repeat("true\n", 27000) + "E\n", "", 0},
		{"long command elsewhere", "FROM --platform=linux/arm64 x\nRUN " + strings.Repeat("true; \\\n", 22000) + "true\n", "", 0},
		{"long command in Windows", "FROM --platform=windows/amd64 x\nRUN " + strings.Repeat("true; \\\n", 22000) + "true\n", "", 0},
		{"bad port", "FROM x\nEXPOSE a:b:c\n", "", 0},
		{"unknown instruction", "FROM x\nRUNN a\n", "unknown instruction: RUNN", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, diags := planText(c.text)
			if c.fault == "" && diags.HasErrors() || c.fault != "" && !strings.Contains(strings.ToLower(diags.Error()), strings.ToLower(c.fault)) {
				t.Errorf("says %v, want %q", diags, c.fault)
			}
			if c.line > 0 && (len(diags) == 0 || diags[0].Subject.Start.Line != c.line) {
				t.Errorf("says %v, want it in line %d", diags, c.line)
			}
			var b bytes.Buffer
			if err := print.Text(&b, plan, print.TextOptions{}); err != nil {
				t.Error(err)
			}
			if err := print.HTML(&b, plan, print.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
}
