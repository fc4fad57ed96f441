package steps

import "testing"

func TestParseName(t *testing.T) {
	tests := []struct {
		in, label, text string
		want            Name
	}{
		{in: "[base 2/4] RUN make", label: "base 2/4", want: Name{Stage: "base", Count: "2/4", Text: "RUN make"}},
		{in: "[base  2/14] RUN [ -f x ] && y", label: "base 2/14", want: Name{Stage: "base", Count: "2/14", Text: "RUN [ -f x ] && y"}},
		{in: "[2/4] RUN make", label: "2/4", want: Name{Count: "2/4", Text: "RUN make"}},
		{in: "[ 1/12] FROM x", label: "1/12", want: Name{Count: "1/12", Text: "FROM x"}},
		{in: "[stage-1 2/3] ONBUILD COPY . .", label: "stage-1 2/3", want: Name{Stage: "stage-1", Count: "2/3", Text: "ONBUILD COPY . ."}},
		{in: "[linux/arm64/v8 build 1/1] RUN x", label: "linux/arm64/v8 build 1/1", want: Name{Platform: "linux/arm64/v8", Stage: "build", Count: "1/1", Text: "RUN x"}},
		{in: "[linux/amd64->arm64 1/3] RUN x", label: "linux/amd64->arm64 1/3", want: Name{Platform: "linux/amd64->arm64", Count: "1/3", Text: "RUN x"}},
		{in: "[internal] load build context"},
		{in: "[context src] load from client"},
		{in: "[auth] library/alpine:pull token for registry-1.docker.io"},
		{in: "[linux/amd64 internal] load metadata for x"},
		{in: "[/] x"}, {in: "[1/] x"}, {in: "[] x"}, {in: "[a b c 1/2] x"}, {in: "[base 1/2]"},
		{in: "exporting to image"},
	}
	for _, tt := range tests {
		got, ok := ParseName(tt.in)
		if ok != (tt.label != "") {
			t.Errorf("%q: a step: %v", tt.in, ok)
		}
		if ok && (got != tt.want || got.Label() != tt.label) {
			t.Errorf("%q: %+v, label %q", tt.in, got, got.Label())
		}
	}
}
