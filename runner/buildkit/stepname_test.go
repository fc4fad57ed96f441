package buildkit

import "testing"

func TestParseStepName(t *testing.T) {
	tests := []struct {
		in, label, text string
		want            stepName
	}{
		{in: "[base 2/4] RUN make", label: "base 2/4", want: stepName{stage: "base", count: "2/4", text: "RUN make"}},
		{in: "[base  2/14] RUN [ -f x ] && y", label: "base 2/14", want: stepName{stage: "base", count: "2/14", text: "RUN [ -f x ] && y"}},
		{in: "[2/4] RUN make", label: "2/4", want: stepName{count: "2/4", text: "RUN make"}},
		{in: "[ 1/12] FROM x", label: "1/12", want: stepName{count: "1/12", text: "FROM x"}},
		{in: "[stage-1 2/3] ONBUILD COPY . .", label: "stage-1 2/3", want: stepName{stage: "stage-1", count: "2/3", text: "ONBUILD COPY . ."}},
		{in: "[linux/arm64/v8 build 1/1] RUN x", label: "linux/arm64/v8 build 1/1", want: stepName{platform: "linux/arm64/v8", stage: "build", count: "1/1", text: "RUN x"}},
		{in: "[linux/amd64->arm64 1/3] RUN x", label: "linux/amd64->arm64 1/3", want: stepName{platform: "linux/amd64->arm64", count: "1/3", text: "RUN x"}},
		{in: "[internal] load build context"},
		{in: "[context src] load from client"},
		{in: "[auth] library/alpine:pull token for registry-1.docker.io"},
		{in: "[linux/amd64 internal] load metadata for x"},
		{in: "[/] x"}, {in: "[1/] x"}, {in: "[] x"}, {in: "[a b c 1/2] x"}, {in: "[base 1/2]"},
		{in: "exporting to image"},
	}
	for _, tt := range tests {
		got, ok := parseStepName(tt.in)
		if ok != (tt.label != "") {
			t.Errorf("%q: a step: %v", tt.in, ok)
		}
		if ok && (got != tt.want || got.label() != tt.label) {
			t.Errorf("%q: %+v, label %q", tt.in, got, got.label())
		}
	}
}
