package dockerfile

import (
	"slices"
	"testing"
)

func TestTriggerPaths(t *testing.T) {
	for _, c := range []struct {
		triggers []string
		want     []string
	}{
		{nil, []string{}},
		{[]string{"RUN make", "ENV A=1", "COPY --from=x /a /b"}, []string{}},
		{[]string{"COPY package.json /app/", "ADD ./src/ https://example.com/x /app/", "COPY package.json /"}, []string{"package.json", "src"}},
		{[]string{"COPY go.mod /", "COPY . /app"}, nil},
		{[]string{"COPY $FILE /app"}, nil},
		{[]string{`COPY ["a b", "/"]`}, []string{"a b"}},
		{[]string{"RUN --mount=type=bind,target=/src make"}, nil},
		{[]string{"RUN --mount=type=cache,target=/c make"}, []string{}},
		{[]string{"NONSENSE"}, []string{}},
	} {
		if got := TriggerPaths(c.triggers); !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%q read %q, want %q", c.triggers, got, c.want)
		}
	}
}

func TestTriggersTakeStages(t *testing.T) {
	for trigger, want := range map[string]bool{
		"COPY a /": false, "RUN --mount=type=cache,target=/c x": false, "NONSENSE": false,
		"COPY --from=build /a /": true, "RUN --mount=from=build,target=/b x": true,
	} {
		if got := TriggersTakeStages([]string{trigger}); got != want {
			t.Errorf("%s: %v, want %v", trigger, got, want)
		}
	}
}
