package jobs

import (
	"strings"
	"testing"
)

// TestParse holds what bake reads in --jobs, and what it refuses.
func TestParse(t *testing.T) {
	for text, want := range map[string]Jobs{
		"":                                   {Mode: "fail-fast"},
		"  ":                                 {Mode: "fail-fast"},
		"4":                                  {"fail-fast", 4},
		" +4 ":                               {"fail-fast", 4},
		"0":                                  {Mode: "fail-fast"},
		"parallel=3":                         {"fail-fast", 3},
		"PARALLEL = 3":                       {"fail-fast", 3},
		"defer-error":                        {Mode: "defer-error"},
		"mode=defer-output":                  {Mode: "defer-output"},
		"Mode = defer-output , Parallel = 2": {"defer-output", 2},
		"parallel=2,defer-error":             {"defer-error", 2},
		`"mode=defer-error","parallel=2"`:    {"defer-error", 2},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("--jobs %q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"-1":                      "not a number",
		"parallel=":               "not a number",
		"parallel":                `unknown mode "parallel"`,
		"parallel=1.5":            "not a number",
		"4,defer-error":           `unknown mode "4"`,
		",defer-error":            `unknown mode ""`,
		"defer-error,":            "mode is there twice",
		"mode=":                   `unknown mode ""`,
		"Fail-Fast":               "there are fail-fast, defer-error, defer-output",
		"mode=fail-fast,MODE=x":   "mode is there twice",
		"fail-fast,fail-fast":     "mode is there twice",
		"parallel=1,parallel=1":   "parallel is there twice",
		"jobs=3":                  `there is no option "jobs"`,
		`"parallel=1`:             "comma separated",
		"99999999999999999999999": "unknown mode",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--jobs %q gives the error %v, want %q", text, err, want)
		}
	}
}
