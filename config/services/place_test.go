package services

import (
	"errors"
	"testing"

	"github.com/orch-build/orch/schema"
)

func TestFaultOf(t *testing.T) {
	file := &schema.File{Name: "compose.yml", Syntax: schema.Compose, Src: []byte(`services:
  web:
    extends:
      file: ../shared/inc.yml
      service: base
`)}
	for text, line := range map[string]int{
		"reading ../shared/inc.yml is not allowed, because it is outside": 4,
		`cannot extend service "web": service "base" not found`:           5,
		`service "web" is wrong in some other way`:                        2,
		`service "other" is wrong`:                                        1,
		"services.web.extends.service is wrong":                           5,
		"all is wrong":                                                    1,
	} {
		if at := faultOf([]*schema.File{file}, errors.New(text)); at.Start.Line != line {
			t.Errorf("%s: line %d, not %d", text, at.Start.Line, line)
		}
	}
}
