// Package pods finds the pods of a builder in a Kubernetes cluster and runs
// commands in them, through the command kubectl, whose own errors it hands on.
// It does not know BuildKit, nor what is built.
package pods

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/runner/builders"
)

// Cluster is where the pods of one builder are.
type Cluster builders.Pods

// Pod is one that is ready.
type Pod struct {
	Name      string
	Namespace string
	Container string
}

// requestTimeout is how long the cluster may take to list the pods.
const requestTimeout = 15 * time.Second

// kubectl is a call of the command.
func (c Cluster) kubectl(ctx context.Context, args ...string) *exec.Cmd {
	var all []string
	for _, o := range []struct{ flag, value string }{
		{"--kubeconfig", c.Kubeconfig}, {"--context", c.Context}, {"--namespace", c.Namespace},
	} {
		if o.value != "" {
			all = append(all, o.flag+"="+o.value)
		}
	}
	return exec.CommandContext(ctx, "kubectl", append(all, args...)...)
}

// list is what kubectl prints of pods.
type list struct {
	Items []struct {
		Metadata struct {
			Name, Namespace   string
			DeletionTimestamp *time.Time
		}
		Spec struct {
			Containers []struct{ Name string }
		}
		Status struct {
			Phase      string
			Conditions []struct{ Type, Status string }
		}
	}
}

// Ready lists the pods that are ready and not about to end, by name.
func (c Cluster) Ready(ctx context.Context) ([]Pod, error) {
	cmd := c.kubectl(ctx, "get", "pods", "--selector="+c.Selector, "--output=json", "--request-timeout="+requestTimeout.String())
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("builders in Kubernetes are reached through the command kubectl, which is not on PATH")
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("listing the pods %s%s: kubectl: %s", c.Selector, c.where(), strings.TrimSpace(said.String()))
	}
	var found list
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return nil, fmt.Errorf("listing the pods %s%s: reading what kubectl prints: %w", c.Selector, c.where(), err)
	}
	return c.ready(&found)
}

// ready chooses from all pods. Where none is ready, the error says what they
// are.
func (c Cluster) ready(found *list) ([]Pod, error) {
	var pods []Pod
	var others []string
	for _, p := range found.Items {
		state := p.Status.Phase
		for _, cond := range p.Status.Conditions {
			if cond.Type == "Ready" && cond.Status != "True" && state == "Running" {
				state = "not ready"
			}
		}
		if p.Metadata.DeletionTimestamp != nil {
			state = "terminating"
		}
		if state != "Running" {
			others = append(others, p.Metadata.Name+" is "+strings.ToLower(state))
			continue
		}
		pod := Pod{Name: p.Metadata.Name, Namespace: p.Metadata.Namespace}
		if len(p.Spec.Containers) > 0 {
			pod.Container = p.Spec.Containers[0].Name
		}
		pods = append(pods, pod)
	}
	slices.SortFunc(pods, func(a, b Pod) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case len(pods) > 0:
		return pods, nil
	case len(others) > 0:
		return nil, fmt.Errorf("no pod %s%s is ready: %s", c.Selector, c.where(), strings.Join(others, ", "))
	}
	return nil, fmt.Errorf("there is no pod %s%s", c.Selector, c.where())
}

func (c Cluster) where() string {
	if c.Namespace == "" {
		return ""
	}
	return " in namespace " + c.Namespace
}

// Choose returns one pod that is ready: for one folder the same, as long as it
// is there, if the builder is sticky.
func (c Cluster) Choose(ctx context.Context) (Pod, error) {
	pods, err := c.Ready(ctx)
	if err != nil {
		return Pod{}, err
	}
	if c.Pod != "" {
		i := slices.IndexFunc(pods, func(p Pod) bool { return p.Name == c.Pod })
		if i < 0 {
			return Pod{}, fmt.Errorf("the pod %s%s is not ready any more", c.Pod, c.where())
		}
		return pods[i], nil
	}
	if !c.Sticky {
		return pods[rand.IntN(len(pods))], nil
	}
	dir, _ := os.Getwd()
	return slices.MaxFunc(pods, func(a, b Pod) int { return cmp.Compare(score(dir, a), score(dir, b)) }), nil
}

// score says how well a pod fits a folder: the highest score of all pods is
// that of another pod only if that pod is new or this one gone.
func score(dir string, p Pod) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(dir + "\x00" + p.Name))
	return h.Sum64()
}
