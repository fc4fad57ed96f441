package ci

import (
	"bytes"
	"path/filepath"
	"testing"
)

func TestAnnotate(t *testing.T) {
	a := Annotation{Severity: "error", File: "a,b:c", Line: 3, Title: "T: 1", Text: "50%\nof it"}
	tests := []struct {
		name   string
		env    map[string]string
		change func(*Annotation)
		want   string
	}{
		{"GitHub", map[string]string{"GITHUB_ACTIONS": "true"}, nil, "::error file=a%2Cb%3Ac,line=3,title=T%3A 1::50%25%0Aof it\n"},
		{"a range", map[string]string{"GITHUB_ACTIONS": "true"}, func(a *Annotation) { a.EndLine, a.Column = 4, 2 },
			"::error file=a%2Cb%3Ac,line=3,endLine=4,col=2,title=T%3A 1::50%25%0Aof it\n"},
		{"no place", map[string]string{"GITHUB_ACTIONS": "true"}, func(a *Annotation) { a.File = "" }, "::error title=T%3A 1::50%25%0Aof it\n"},
		{"GitLab", map[string]string{"GITLAB_CI": "true"}, nil, ""},
		{"no service", nil, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			one := a
			if tt.change != nil {
				tt.change(&one)
			}
			var out bytes.Buffer
			Annotate(&out, func(name string) string { return tt.env[name] }, one)
			if out.String() != tt.want {
				t.Errorf("got %q, want %q", out.String(), tt.want)
			}
		})
	}
}

func TestFromTop(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	tests := []struct{ workspace, file, want string }{
		{"", "Dockerfile", "Dockerfile"},
		{top, "Dockerfile", "Dockerfile"},
		{filepath.Dir(top), "app/Dockerfile", filepath.Base(top) + "/app/Dockerfile"},
		{filepath.Join(top, "app"), "app/Dockerfile", "Dockerfile"},
		{filepath.Join(top, "app"), "../Dockerfile", "../Dockerfile"},
		{top, filepath.Join(top, "app", "Dockerfile"), "app/Dockerfile"},
	}
	for _, tt := range tests {
		if got := fromTop(tt.file, tt.workspace); got != tt.want {
			t.Errorf("%s in %q: got %s, want %s", tt.file, tt.workspace, got, tt.want)
		}
	}
}
