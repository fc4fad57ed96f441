package template

import "testing"

func TestOf(t *testing.T) {
	s := Of([]Target{
		{Name: "_common"},
		{Name: "_grouped"},
		{Name: "web._common"},
		{Name: "base"},
		{Name: "grouped"},
		{Name: "linked"},
		{Name: "tested", Used: true},
		{Name: "alone"},
		{Name: "app", Parents: []string{"base", "grouped", "linked", "tested"}, Links: []string{"linked"}},
	}, [][]string{{"app", "inner"}, {"grouped", "_grouped"}})
	for name, want := range map[string]struct{ has, unbuilt bool }{
		"_common":     {true, true},
		"_grouped":    {true, false},
		"web._common": {true, true},
		"base":        {true, true},
		"grouped":     {false, false},
		"linked":      {false, false},
		"tested":      {false, false},
		"alone":       {false, false},
		"app":         {false, false},
		"a_b":         {false, false},
	} {
		if s.Has(name) != want.has || s.Unbuilt(name) != want.unbuilt {
			t.Errorf("%s is a template: %v, unbuilt: %v; want %+v", name, s.Has(name), s.Unbuilt(name), want)
		}
	}
}
