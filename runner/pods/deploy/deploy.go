// Package deploy makes pods with BuildKit daemons in a Kubernetes cluster: it writes
// the objects that keep them alive, and hands these to the cluster through the
// command kubectl. It does not know what is built, and keeps nothing alive itself.
package deploy

import (
	"bytes"
	"context"
	_ "embed" // the template
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/runner/pods"
)

// Options say what daemons there are to be.
type Options struct {
	// Name is the name of all objects, and the value of the label app.
	Name  string
	Image string
	// Replicas is how many pods there are, and MaxReplicas how many an autoscaler may
	// make of them; 0 means no autoscaler.
	Replicas, MaxReplicas int
	// Arch is the architecture of the machines that they are on; "" is any.
	Arch string
	// CPU, Memory and Storage are what each pod asks for.
	CPU, Memory, Storage string
	// TLSSecret has ca.pem, cert.pem and key.pem, with which the daemons listen on a
	// port as well; "" means no port, so that they are reached through the cluster alone.
	TLSSecret string
}

// Default is what is taken where nothing else is said.
var Default = Options{
	Image: "moby/buildkit:v0.34.2", Replicas: 3, CPU: "4", Memory: "8Gi", Storage: "100Gi",
}

var (
	nameForm     = lazyregexp.New(`^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$`)
	imageForm    = lazyregexp.New(`^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$`)
	quantityForm = lazyregexp.New(`^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$`)
)

// check says what is wrong with options, in the words of the flags that set them.
func (o *Options) check() error {
	if !nameForm.MatchString(o.Name) {
		return fmt.Errorf("%q cannot be the name of objects in Kubernetes: write small letters, digits and dashes, 52 at most, a letter first", o.Name)
	}
	for _, one := range []struct {
		flag, value string
		form        *lazyregexp.Regexp
		like        string
	}{
		{"--image", o.Image, imageForm, Default.Image},
		{"--cpu", o.CPU, quantityForm, "4 or 500m"},
		{"--memory", o.Memory, quantityForm, "8Gi"},
		{"--storage", o.Storage, quantityForm, "100Gi"},
	} {
		if !one.form.MatchString(one.value) {
			return fmt.Errorf("%s is %q: write for example %s", one.flag, one.value, one.like)
		}
	}
	switch {
	case o.TLSSecret != "" && !nameForm.MatchString(o.TLSSecret):
		return fmt.Errorf("--tls-secret is %q, which cannot be the name of a secret", o.TLSSecret)
	case o.Replicas < 0:
		return fmt.Errorf("--replicas is %d: write 0 or more", o.Replicas)
	case o.MaxReplicas != 0 && o.MaxReplicas < max(1, o.Replicas):
		return fmt.Errorf("--max-replicas is %d: write %d or more, or 0 for no autoscaler", o.MaxReplicas, max(1, o.Replicas))
	case o.MaxReplicas != 0 && o.Replicas == 0:
		return fmt.Errorf("an autoscaler of processor time cannot start with no pod: leave --max-replicas out, or write --replicas 1")
	}
	return nil
}

//go:embed buildkitd.yaml.tmpl
var text string

var manifest = template.Must(template.New("buildkitd.yaml").Parse(text))

// Manifest writes the objects as YAML.
func Manifest(o Options) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := manifest.Execute(&out, o); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Apply hands the objects to the cluster. What kubectl says of them goes to out.
func Apply(ctx context.Context, c pods.Cluster, objects []byte, out io.Writer) error {
	err := c.Run(ctx, bytes.NewReader(objects), out, "apply", "--filename=-")
	if err != nil && strings.Contains(err.Error(), "namespaces") && strings.Contains(err.Error(), "not found") {
		return fmt.Errorf("%w\n  make it with: kubectl create namespace %s", err, c.Namespace)
	}
	return err
}

// Namespace is the one that kubectl uses where none is named.
func Namespace(ctx context.Context, c pods.Cluster) (string, error) {
	var out bytes.Buffer
	if err := c.Run(ctx, nil, &out, "config", "view", "--minify", "--output=jsonpath={..namespace}"); err != nil {
		return "", err
	}
	if name := strings.TrimSpace(out.String()); name != "" {
		return name, nil
	}
	return "default", nil
}
