package runner

import "testing"

func TestStepLabel(t *testing.T) {
	for name, want := range map[string]string{
		"[build 3/4] RUN make":               "build-3",
		"[linux/arm64 build 12/14] RUN make": "build-12",
		"[2/4] RUN make":                     "2",
		"[linux/arm/v7 2/4] RUN make":        "2",
		"[stage-0 1/1] COPY a b":             "stage-0-1",
		"[internal] load build context":      "",
		"[context src] load from client":     "",
		"test smoke: /bin/true":              "",
		"exporting to image":                 "",
		"":                                   "",
	} {
		if got := StepLabel(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
