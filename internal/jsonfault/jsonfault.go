// Package jsonfault says in plain words what is wrong with a JSON file: the line,
// the field, what it is and what it has to be. It does not know what files are
// for.
package jsonfault

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Plain is the error of decoding data without the types of Go. The error of
// something else is returned as it is.
func Plain(data []byte, err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var moment *time.ParseError
	switch {
	case errors.As(err, &kind):
		what := "it"
		if kind.Field != "" {
			what = fmt.Sprintf("%q", kind.Field)
		}
		return fmt.Errorf("line %d: %s is %s, and has to be %s", line(data, kind.Offset), what, found(kind.Value), wanted(kind.Type))
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", line(data, syntax.Offset), err)
	case errors.As(err, &moment):
		return fmt.Errorf("%q is not a time such as 2006-01-02T15:04:05Z", strings.Trim(moment.Value, `"`))
	case err != nil && strings.HasPrefix(err.Error(), "Time.UnmarshalJSON:"):
		return errors.New("a time is not a string such as \"2006-01-02T15:04:05Z\"")
	}
	return err
}

func line(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}

// found is a value as the decoder names it: "number 1.5" has the value itself.
func found(value string) string {
	kind, text, ok := strings.Cut(value, " ")
	if ok {
		return fmt.Sprintf("the %s %s", kind, text)
	}
	switch kind {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	}
	return "a " + value
}

var textual = reflect.TypeFor[encoding.TextUnmarshaler]()

// wanted is what a field has to be.
func wanted(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(textual) {
		return "a string"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	}
	return "a whole number"
}
