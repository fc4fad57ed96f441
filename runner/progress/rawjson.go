package progress

import (
	"encoding/json"
	"io"
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// rawJSON writes the builder's own messages, one JSON document a line.
type rawJSON struct{ enc *json.Encoder }

func newRawJSON(w io.Writer) rawJSON {
	return rawJSON{json.NewEncoder(termtext.JSONWriter(w))}
}

func (d rawJSON) event(e runner.Event) {
	if raw, ok := e.(runner.Raw); ok {
		_ = d.enc.Encode(raw.Record)
	}
}

func (rawJSON) target(*change)         {}
func (rawJSON) wake() <-chan time.Time { return nil }
func (rawJSON) woken()                 {}
func (rawJSON) close()                 {}

// quiet shows nothing.
type quiet struct{}

func (quiet) event(runner.Event)     {}
func (quiet) target(*change)         {}
func (quiet) wake() <-chan time.Time { return nil }
func (quiet) woken()                 {}
func (quiet) close()                 {}
