package history

import "testing"

func TestBegin(t *testing.T) {
	const first = `{"comment":"buildkit.exporter.image.v0","created_by":"FROM lib"}`
	for config, want := range map[string]string{
		`{"os":"linux"}`:                                     `{"history":[` + first + `],"os":"linux"}`,
		`{"history":null,"os":"linux"}`:                      `{"history":[` + first + `],"os":"linux"}`,
		`{"x":1.50,"history":[{"created_by":"COPY","y":1}]}`: `{"history":[` + first + `,{"created_by":"COPY","y":1}],"x":1.50}`,
	} {
		got, err := Begin([]byte(config), "FROM lib")
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", config, got, err)
		}
	}
	for _, bad := range []string{"", "[]", `{"history":{}}`} {
		if _, err := Begin([]byte(bad), "FROM lib"); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
