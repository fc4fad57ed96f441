package attribute

import (
	"bytes"
	"encoding/json"
)

// Object is a JSON object whose properties keep their order.
type Object []Property

// Property is one property of an object.
type Property struct {
	Name  string
	Value any
}

// MarshalJSON writes the properties in their order.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(p.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
