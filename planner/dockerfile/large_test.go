package dockerfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestLarge(t *testing.T) {
	chain := func(stages, lines int) string {
		var b strings.Builder
		for i := range stages {
			fmt.Fprintf(&b, "from s%d AS s%d\n%s", i, i+1, strings.Repeat("ENV A=x\n", lines))
		}
		return b.String()
	}
	for name, tt := range map[string]struct {
		text string
		want bool
	}{
		"nothing":            {"", false},
		"a long chain":       {chain(4000, 1), true},
		"hundreds of stages": {chain(400, 2), false},
		"many lines":         {chain(1, 100_000), false},
	} {
		if got := Large([]byte(tt.text)); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
