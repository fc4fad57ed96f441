// Package mask makes secret values unreadable in what is shown or kept. It does
// not know where secrets come from.
package mask

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Masked takes the place of a secret value.
const Masked = "***"

// minMasked is the length in bytes below which a value is not masked: to mask
// every "1" would say more than it hides.
const minMasked = 4

// Mask makes secret values unreadable in what is shown or kept of a run. The
// zero value masks nothing; values are added as they become known.
type Mask struct {
	mu     sync.RWMutex
	values []string // longest first
}

// Add makes a value unreadable from now on, and so is each line of it: what a
// step prints is masked line by line.
func (m *Mask) Add(value string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range append(strings.Split(value, "\n"), value) {
		v = strings.TrimSpace(v)
		if len(v) < minMasked || slices.Contains(m.values, v) {
			continue
		}
		m.values = append(m.values, v)
	}
	slices.SortFunc(m.values, func(a, b string) int { return len(b) - len(a) })
}

// Text returns s without secret values.
func (m *Mask) Text(s string) string {
	if m == nil {
		return s
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, v := range m.values {
		s = strings.ReplaceAll(s, v, Masked)
	}
	return s
}

// JSON returns a value as JSON has it, with secrets masked in all of its texts.
func (m *Mask) JSON(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, err
	}
	return m.texts(out), nil
}

func (m *Mask) texts(v any) any {
	switch v := v.(type) {
	case string:
		return m.Text(v)
	case []any:
		for i := range v {
			v[i] = m.texts(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = m.texts(v[k])
		}
	}
	return v
}

// Stream masks pieces of an output. What could be the beginning of a value is
// held back until the next piece comes.
func (m *Mask) Stream(held *[]byte, data []byte) []byte {
	if m == nil {
		return data
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.values) == 0 && len(*held) == 0 {
		return data
	}
	data = append(*held, data...)
	for _, v := range m.values {
		data = bytes.ReplaceAll(data, []byte(v), []byte(Masked))
	}
	keep := 0
	for _, v := range m.values {
		for n := min(len(v)-1, len(data)); n > keep; n-- {
			if bytes.HasSuffix(data, []byte(v[:n])) {
				keep = n
				break
			}
		}
	}
	*held = slices.Clone(data[len(data)-keep:])
	return data[:len(data)-keep]
}

// maskedError is an error whose text has no secret values.
type maskedError struct {
	error
	text string
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.error }

// Err masks the text of an error.
func (m *Mask) Err(err error) error {
	if err == nil || m == nil {
		return err
	}
	if text := m.Text(err.Error()); text != err.Error() {
		return &maskedError{err, text}
	}
	return err
}
