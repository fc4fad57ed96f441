package keptimage

import (
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/output"
)

func TestMemory(t *testing.T) {
	m := Memory(t.TempDir() + "/images")
	if got := m.Load("engine", "a:1"); got != nil {
		t.Errorf("an empty memory has %v", got)
	}
	image := Image{Of: "sum", Response: map[string]string{"containerimage.digest": "sha256:1"}}
	m.Save("engine", "a:1", image)
	if got := m.Load("engine", "a:1"); !reflect.DeepEqual(got, &image) {
		t.Errorf("got %v, want %v", got, image)
	}
	for _, other := range [][2]string{{"other", "a:1"}, {"engine", "a:2"}} {
		if got := m.Load(other[0], other[1]); got != nil {
			t.Errorf("%v has %v", other, got)
		}
	}
	if err := os.WriteFile(m.path("engine", "a:1"), []byte(`{"of":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := m.Load("engine", "a:1"); got != nil {
		t.Errorf("a broken file has %v", got)
	}
	Memory("").Save("engine", "a:1", image)
	if got := Memory("").Load("engine", "a:1"); got != nil {
		t.Errorf("no memory has %v", got)
	}
}

func TestPrune(t *testing.T) {
	m := Memory(t.TempDir())
	for i := range 9 {
		m.Save("engine", fmt.Sprint(i), Image{Of: "sum"})
		old := time.Now().Add(time.Duration(i-9) * time.Minute)
		if err := os.Chtimes(m.path("engine", fmt.Sprint(i)), old, old); err != nil {
			t.Fatal(err)
		}
	}
	output.KeepNewest(string(m), 9)
	if m.Load("engine", "0") == nil {
		t.Error("what there is room for is dropped")
	}
	output.KeepNewest(string(m), 8)
	for i := range 9 {
		if there := m.Load("engine", fmt.Sprint(i)) != nil; there != (i >= 3) {
			t.Errorf("image %d is there: %t", i, there)
		}
	}
}
