package jsonfault

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

// state is a number that is written as a word.
type state int

func (s *state) UnmarshalText([]byte) error { return nil }

func TestPlain(t *testing.T) {
	type inner struct {
		Name  string            `json:"name"`
		Count int               `json:"count"`
		Took  float64           `json:"took"`
		Good  *bool             `json:"good"`
		Args  map[string]string `json:"args"`
		State state             `json:"state"`
		At    time.Time         `json:"at"`
	}
	type outer struct {
		Targets []*inner `json:"targets"`
	}
	for _, tt := range []struct{ text, want string }{
		{`[]`, `line 1: it is a list, and has to be an object`},
		{"{\n\"targets\": \"x\"}", `line 2: "targets" is a string, and has to be a list`},
		{`{"targets": {"a": 1}}`, `line 1: "targets" is an object, and has to be a list`},
		{`{"targets": [1]}`, `line 1: "targets" is a number, and has to be an object`},
		{`{"targets": [{"name": true}]}`, `line 1: "targets.name" is true or false, and has to be a string`},
		{`{"targets": [{"count": 1.5}]}`, `line 1: "targets.count" is the number 1.5, and has to be a whole number`},
		{`{"targets": [{"took": "1s"}]}`, `line 1: "targets.took" is a string, and has to be a number`},
		{`{"targets": [{"good": "yes"}]}`, `line 1: "targets.good" is a string, and has to be true or false`},
		{`{"targets": [{"args": []}]}`, `line 1: "targets.args" is a list, and has to be an object`},
		{`{"targets": [{"state": 3}]}`, `line 1: "targets.state" is a number, and has to be a string`},
		{`{"targets": [{"at": 3}]}`, `a time is not a string such as "2006-01-02T15:04:05Z"`},
		{`{"targets": [{"at": "noon"}]}`, `"noon" is not a time such as 2006-01-02T15:04:05Z`},
		{"{\n\n", `line 3: unexpected end of JSON input`},
	} {
		err := json.Unmarshal([]byte(tt.text), &outer{})
		if err == nil {
			t.Fatalf("%s was read", tt.text)
		}
		if got := Plain([]byte(tt.text), err).Error(); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
	other := errors.New("other")
	if got := Plain(nil, other); got != other {
		t.Errorf("got %v", got)
	}
	if got := Plain(nil, nil); got != nil {
		t.Errorf("got %v", got)
	}
}
