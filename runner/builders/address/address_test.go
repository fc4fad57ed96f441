package address

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for addr, want := range map[string]string{
		"unix:///run/buildkit/buildkitd.sock": "",
		"tcp://h:1234":                        "",
		"tcp://[::1]:1234":                    "",
		"tcp://:1234":                         "",
		"docker://":                           "",
		"dns+tcp://h:1234":                    "",
		"h:1234":                              "it has no scheme",
		"warp://h":                            "unknown scheme warp",
		"TCP://h:1234":                        "write the scheme in small letters: tcp://h:1234",
		"tcp://h":                             "write tcp://HOST:PORT",
		"tcp://h:":                            "write tcp://HOST:PORT",
		"tcp://::1":                           "write tcp://HOST:PORT",
		"tcp://h:0":                           `"0" is not a port`,
		"tcp://h:99999":                       `"99999" is not a port`,
		"tcp://h:http":                        `"http" is not a port`,
		"tcp://h:1/x":                         "something follows the port",
		"tcp://h:1?x=y":                       "something follows the port",
		"tcp://me@h:1":                        "knows no users",
		"tcp://a:1,tcp://b:1":                 "a flag --builder of its own",
		"dns+tcp://h":                         "write dns+tcp://NAME:PORT",
		"dns+tcp://h:x":                       `"x" is not a port`,
		"tcp://me:secret@h:1":                 "it has a password",
		"unix://":                             "nothing follows the scheme",
	} {
		err := Check(addr)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %q", addr, err, want)
		}
	}
}

func TestPods(t *testing.T) {
	tests := []struct {
		addr string
		want Cluster
		err  string
	}{
		{"kube://build/app=bk", Cluster{Namespace: "build", Selector: "app=bk"}, ""},
		{"kube://build/app=bk,tier=x?context=prod&container=c", Cluster{Namespace: "build", Selector: "app=bk,tier=x", Context: "prod", Container: "c"}, ""},
		{"kube://build/app=bk?kubeconfig=/etc/k", Cluster{Namespace: "build", Selector: "app=bk", Kubeconfig: "/etc/k"}, ""},
		{"kube-pod://bk-0", Cluster{Pod: "bk-0"}, ""},
		{"kube-pod://bk-0?namespace=build&container=c&context=prod", Cluster{Pod: "bk-0", Namespace: "build", Container: "c", Context: "prod"}, ""},
		{"kube://build", Cluster{}, "write kube://NAMESPACE/LABEL=VALUE"},
		{"kube:///app=bk", Cluster{}, "write kube://NAMESPACE/LABEL=VALUE"},
		{"kube://Build/app=bk", Cluster{}, `"Build" cannot be the name of a namespace`},
		{"kube://build/app=bk?namespace=x", Cluster{}, "unknown option namespace; known are container, context, kubeconfig"},
		{"kube-pod://bk_0", Cluster{}, `"bk_0" cannot be the name of a pod`},
		{"kube-pod://bk-0?%zz", Cluster{}, "cannot be read"},
		{"kube-pod://bk-0?container=-x", Cluster{}, `"-x" cannot be the name of a container`},
	}
	for _, tt := range tests {
		got, err := Pods(tt.addr)
		if got != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %+v, %v", tt.addr, got, err)
		}
		if checked := Check(tt.addr); (checked != nil) != (tt.err != "") {
			t.Errorf("%s: checked %v", tt.addr, checked)
		}
	}
}
