package site

import "testing"

// TestNowhere has no builder, and nothing that could be asked of one.
func TestNowhere(t *testing.T) {
	var s Site = Nowhere{}
	if _, err := s.SolverFor(nil); err == nil || s.Name() != "" || s.Platform() != "" || s.Embedded() || s.Engine() != nil || s.Close() != nil {
		t.Errorf("%v", err)
	}
}
