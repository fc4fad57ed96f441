package buildercmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/builders/hclfile"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/pods"
	"github.com/orch-build/orch/runner/pods/deploy"
)

// kubeFlags describe daemons that a Kubernetes cluster is to keep alive.
type kubeFlags struct {
	opt        deploy.Options
	namespace  string
	context    string
	kubeconfig string
	print      bool
	flags      *pflag.FlagSet
}

// kubeOnly are the flags that have no meaning for other drivers.
var kubeOnly = []string{
	"namespace", "context", "kubeconfig", "replicas", "max-replicas", "image", "cpu", "memory", "storage", "tls-secret", "print",
}

func (k *kubeFlags) register(flags *pflag.FlagSet) {
	k.flags, k.opt = flags, deploy.Default
	flags.StringVar(&k.namespace, "namespace", "", "`NAMESPACE` in Kubernetes (default: that of kubectl)")
	flags.StringVar(&k.context, "context", "", "`CONTEXT` of kubectl (default: the current one)")
	flags.StringVar(&k.kubeconfig, "kubeconfig", "", "`FILE` in place of kubectl's own")
	flags.IntVar(&k.opt.Replicas, "replicas", k.opt.Replicas, "`N` pods in Kubernetes; 0 makes none until something scales them")
	flags.IntVar(&k.opt.MaxReplicas, "max-replicas", 0, "at most `N` pods, made by an autoscaler; 0 means no autoscaler")
	flags.StringVar(&k.opt.Image, "image", k.opt.Image, "`IMAGE` of the pods")
	flags.StringVar(&k.opt.CPU, "cpu", k.opt.CPU, "`CPU` that each pod asks for")
	flags.StringVar(&k.opt.Memory, "memory", k.opt.Memory, "`MEMORY` that each pod asks for")
	flags.StringVar(&k.opt.Storage, "storage", k.opt.Storage, "`SIZE` of the volume of each pod, for its cache")
	flags.StringVar(&k.opt.TLSSecret, "tls-secret", "", "`SECRET` with ca.pem, cert.pem and key.pem, with which the pods listen on a port as well")
	flags.BoolVar(&k.print, "print", false, "print the objects for Kubernetes, and do nothing else")
}

// unused says that no flag of Kubernetes is given to another driver.
func (k *kubeFlags) unused() error {
	for _, name := range kubeOnly {
		if k.flags.Changed(name) {
			return usage.Errorf("--%s goes with --driver %s", name, builders.Kubernetes)
		}
	}
	return nil
}

// inKubernetes makes the pods, and gives them the name of a builder.
func (f *createFlags) inKubernetes(ctx context.Context, e *machine.Machine, name string) error {
	k := &f.kube
	if f.tls != (builder.TLS{}) {
		return usage.Errorf("the flags --tls… go with an address; builders of driver %s are reached through kubectl", builders.Kubernetes)
	}
	have, err := f.already(e, name)
	if err != nil {
		return err
	}
	k.opt.Name = name
	if have > 0 {
		k.opt.Name = fmt.Sprintf("%s-%d", name, have)
	}
	if k.opt.Arch, err = archOf(f.platforms); err != nil {
		return err
	}
	objects, err := deploy.Manifest(k.opt)
	if err != nil {
		return usage.Wrap(err)
	}
	if k.print {
		_, err := e.Stdout.Write(objects)
		return err
	}
	cluster := pods.Cluster{Context: k.context, Kubeconfig: k.kubeconfig, Namespace: k.namespace}
	if cluster.Namespace == "" {
		if cluster.Namespace, err = deploy.Namespace(ctx, cluster); err != nil {
			return err
		}
	}
	addr := k.address(cluster.Namespace)
	if _, err := f.nodes([]string{addr}); err != nil {
		return usage.Wrap(err)
	}
	if err := deploy.Apply(ctx, cluster, objects, e.Stdout); err != nil {
		return err
	}
	return f.name(e, name, []string{addr})
}

// address is where the pods are found.
func (k *kubeFlags) address(namespace string) string {
	addr := fmt.Sprintf("kube://%s/app=%s", namespace, k.opt.Name)
	query := url.Values{}
	for key, value := range map[string]string{"context": k.context, "kubeconfig": k.kubeconfig} {
		if value != "" {
			query.Set(key, value)
		}
	}
	if len(query) > 0 {
		addr += "?" + query.Encode()
	}
	return addr
}

// already is how many nodes the builder has that daemons are added to; 0 if it is
// new. It is an error if the name cannot be given, which is better known before
// anything is made in the cluster.
func (f *createFlags) already(e *machine.Machine, name string) (int, error) {
	path := f.path(e)
	src, err := readBuilders(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("reading builders: %w", err)
	}
	file, diags := hclfile.Parse(src, path)
	if diags.HasErrors() {
		return 0, diags
	}
	b, err := f.builder(e, file, path, name)
	if err != nil {
		return 0, err
	}
	return len(b.Nodes), nil
}

// archOf is the architecture of machines that have some platforms without emulation.
func archOf(platforms []string) (string, error) {
	arch := ""
	for _, p := range platforms {
		parts := strings.Split(p, "/")
		one := map[string]string{"386": "amd64"}[parts[min(1, len(parts)-1)]]
		if one == "" {
			one = parts[min(1, len(parts)-1)]
		}
		if arch != "" && one != arch {
			return "", usage.Errorf("--platform names processors of two kinds, %s and %s: create the builder with one, and add the other with --append", arch, one)
		}
		arch = one
	}
	return arch, nil
}
