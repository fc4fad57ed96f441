package runner

import (
	"fmt"
	"strings"
)

// CacheFault is a build cache that could not be read or written. A run is good
// in spite of it, unless the cache is required.
type CacheFault struct {
	// Where is the cache: a reference, a folder or a scope.
	Where string
	// Read tells a source from a destination.
	Read     bool
	Required bool
	// Absent is a source where there is no cache yet.
	Absent bool
	Err    error
}

func (f CacheFault) Error() string {
	verb := "written"
	if f.Read {
		verb = "read"
	}
	return fmt.Sprintf("the cache %s was not %s: %v", f.Where, verb, f.Err)
}

// Unwrap returns the reason.
func (f CacheFault) Unwrap() error { return f.Err }

// CacheFaults is what Session.Close returns for caches.
type CacheFaults []CacheFault

func (f CacheFaults) Error() string {
	texts := make([]string, len(f))
	for i, one := range f {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// Required returns those that make the run fail.
func (f CacheFaults) Required() CacheFaults {
	var out CacheFaults
	for _, one := range f {
		if one.Required {
			out = append(out, one)
		}
	}
	return out
}
