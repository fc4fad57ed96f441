// Package history completes the history in the configuration of an image.
//
// A stage that starts from a folder has a layer that the frontend writes no
// history for. BuildKit then adds a line at the end, with the text by which it
// knows the last layer: the name of the step that happened to make it, which has
// the platform and the number of stages of whoever ran it first. The digest of the
// image would depend on that. The package knows nothing of steps and layers.
package history

import (
	"encoding/json"
	"fmt"
)

// comment marks a line that stands for a layer which no instruction made.
const comment = "buildkit.exporter.image.v0"

// Begin puts a line before all others, for the layer that the image starts from.
func Begin(config []byte, text string) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, fmt.Errorf("reading the configuration of an image: %w", err)
	}
	var lines []json.RawMessage
	if data, ok := fields["history"]; ok {
		if err := json.Unmarshal(data, &lines); err != nil {
			return nil, fmt.Errorf("reading the history of an image: %w", err)
		}
	}
	first, err := json.Marshal(map[string]string{"created_by": text, "comment": comment})
	if err != nil {
		return nil, fmt.Errorf("writing the history of an image: %w", err)
	}
	if fields["history"], err = json.Marshal(append([]json.RawMessage{first}, lines...)); err != nil {
		return nil, fmt.Errorf("writing the history of an image: %w", err)
	}
	return json.Marshal(fields)
}
