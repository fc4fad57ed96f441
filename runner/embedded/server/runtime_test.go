//go:build linux

package server

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindRuntime(t *testing.T) {
	dir := t.TempDir()
	program := func(name, script string) string {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return file
	}
	program("old/crun", "echo run: no such thing")
	crun := program("new/crun", "echo '  --keep  do not delete the container'")
	runc := program("both/runc", "exit 1")
	program("both/crun", "echo --keep")
	sbin := program("deb/sbin/runc", "exit 1")
	for _, tt := range []struct{ name, path, want string }{
		{"nothing", "empty", ""},
		{"a crun too old", "old", ""},
		{"a crun that knows --keep", "new", crun},
		{"runc is preferred", "both", runc},
		{"sbin beside bin", "deb/bin", sbin},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := findRuntime(filepath.Join(dir, tt.path))
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}
