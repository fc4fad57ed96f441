package hashstore

import (
	"fmt"
	"os"
	"testing"
)

func TestProject(t *testing.T) {
	store := Store{t.TempDir()}
	p := store.Project("/w")
	const dirs = 3 * mostHashFiles
	for i := range dirs {
		if err := p.Save(fmt.Sprintf("/w/%d", i), []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	q := store.Project("/w")
	for i := range dirs {
		if got := string(q.Load(fmt.Sprintf("/w/%d", i))); got != fmt.Sprint(i) {
			t.Fatalf("directory %d has %q", i, got)
		}
	}
	if got := q.Load("/other"); got != nil {
		t.Errorf("a directory that was not saved has %q", got)
	}
	path := store.path("project /w")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if err := os.WriteFile(path, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		store.Project("/w").Load("/w/0") // whatever it gives, it ends
	}
}
