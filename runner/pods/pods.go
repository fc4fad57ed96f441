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
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/termtext"
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

// errNoKubectl is said where the command is missing.
var errNoKubectl = errors.New("builders in Kubernetes are reached through the command kubectl, which is not on PATH")

// Run runs kubectl. Its error has what kubectl says.
func (c Cluster) Run(ctx context.Context, in io.Reader, out io.Writer, args ...string) error {
	cmd := c.kubectl(ctx, args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &said
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errNoKubectl
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("kubectl: %s", cmp.Or(withoutLog(said.String()), err.Error()))
	}
	return nil
}

// logLine matches a line of kubectl's own log, such as
// "E1130 06:38:00.616069   25063 memcache.go:265] …".
var logLine = lazyregexp.New(`^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ \S+\.go:\d+\] `)

// withoutLog is what kubectl says to people: without its log, which repeats the reason
// for each try, unless there is nothing else.
func withoutLog(said string) string {
	var plain strings.Builder
	for line := range strings.Lines(said) {
		if !logLine.MatchString(line) {
			plain.WriteString(line)
		}
	}
	return cmp.Or(strings.TrimSpace(plain.String()), strings.TrimSpace(said))
}

// get has kubectl print objects as JSON.
func (c Cluster) get(ctx context.Context, what string, into any, args ...string) error {
	var out bytes.Buffer
	err := c.Run(ctx, nil, &out, append([]string{"get", what, "--output=json", "--request-timeout=" + requestTimeout.String()}, args...)...)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), into)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errNoKubectl) {
		return fmt.Errorf("listing the %s %s%s: %w", what, cmp.Or(c.Selector, c.Pod), c.where(), err)
	}
	return err
}

// list is what kubectl prints of pods.
type list struct {
	Items []listed
}

type listed struct {
	Metadata struct {
		Name, Namespace   string
		DeletionTimestamp *time.Time
		Annotations       map[string]string
	}
	Spec struct {
		Containers []struct{ Name string }
	}
	Status struct {
		Phase                                    string
		Conditions                               []struct{ Type, Status, Reason string }
		InitContainerStatuses, ContainerStatuses []containerStatus
	}
}

type containerStatus struct {
	State struct {
		Waiting struct{ Reason, Message string }
	}
}

// stuck are the reasons for which a container does not start, whoever waits for it:
// the kubelet has tried already, and something else has to be changed.
var stuck = []string{
	"ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable",
	"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
}

// stuckBecause says why a container of the pod does not start; "" if it may.
func (p *listed) stuckBecause() string {
	for _, one := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if w := one.State.Waiting; slices.Contains(stuck, w.Reason) {
			return termtext.Brief(cmp.Or(w.Message, w.Reason), 300)
		}
	}
	return ""
}

// running is the state of a pod that can be used.
const running = "running"

// state says in a few words what a pod is doing.
func (p *listed) state() string {
	if p.Metadata.DeletionTimestamp != nil {
		return "terminating"
	}
	state, why := strings.ToLower(p.Status.Phase), ""
	for _, cond := range p.Status.Conditions {
		switch {
		case cond.Status == "True":
		case cond.Type == "Ready" && state == running:
			state = "not ready"
		case cond.Type == "PodScheduled":
			why = cond.Reason
		}
	}
	for _, one := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		why = cmp.Or(one.State.Waiting.Reason, why)
	}
	if state != running && why != "" {
		state += " (" + why + ")"
	}
	return state
}

// daemonContainer is what the container with the daemon is called by buildx and in
// most examples, and defaultContainer the annotation by which a pod names the one
// that is meant.
const (
	daemonContainer  = "buildkitd"
	defaultContainer = "kubectl.kubernetes.io/default-container"
)

// container is the one that has the daemon: others may be in front of it that a
// cluster has put there.
func (p *listed) container(wanted string) string {
	if wanted = cmp.Or(wanted, p.Metadata.Annotations[defaultContainer]); wanted != "" || len(p.Spec.Containers) == 0 {
		return wanted
	}
	for _, one := range p.Spec.Containers {
		if one.Name == daemonContainer {
			return one.Name
		}
	}
	return p.Spec.Containers[0].Name
}

// NoneError says that no pod is ready.
type NoneError struct {
	// States are those of pods which may be ready later; none if there are none.
	States []string
	// Stuck says of pods why they do not start though one waits for them.
	Stuck []string
	text  string
}

func (e *NoneError) Error() string { return e.text }

// Ready lists the pods that are ready and not about to end, by name.
func (c Cluster) Ready(ctx context.Context) ([]Pod, error) {
	var found list
	if err := c.get(ctx, "pods", &found, "--selector="+c.Selector); err != nil {
		return nil, err
	}
	return c.ready(&found)
}

// ready chooses from all pods. Where none is ready, the error says what they
// are.
func (c Cluster) ready(found *list) ([]Pod, error) {
	var pods []Pod
	var others []string
	var starting, never []string
	for _, p := range found.Items {
		state := p.state()
		if state != running {
			text := p.Metadata.Name + " is " + state
			others = append(others, text)
			if why := p.stuckBecause(); why != "" && p.Metadata.DeletionTimestamp == nil {
				never = append(never, p.Metadata.Name+": "+why)
			} else if p.Metadata.DeletionTimestamp == nil && p.Status.Phase != "Succeeded" && p.Status.Phase != "Failed" {
				starting = append(starting, text)
			}
			continue
		}
		pods = append(pods, Pod{Name: p.Metadata.Name, Namespace: p.Metadata.Namespace, Container: p.container(c.Container)})
	}
	slices.SortFunc(pods, func(a, b Pod) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case len(pods) > 0:
		return pods, nil
	case len(others) > 0:
		return nil, &NoneError{starting, never, fmt.Sprintf("no pod %s%s is ready: %s", c.Selector, c.where(), strings.Join(others, ", "))}
	}
	return nil, &NoneError{nil, nil, fmt.Sprintf("there is no pod %s%s", c.Selector, c.where())}
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
	if c.Selector == "" {
		return c.only(ctx)
	}
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

// only is the one pod that is named. Whether it is ready is its user's business.
func (c Cluster) only(ctx context.Context) (Pod, error) {
	pod := Pod{Name: c.Pod, Namespace: c.Namespace, Container: c.Container}
	if c.Container != "" {
		return pod, nil
	}
	var found listed
	if err := c.get(ctx, "pods", &found, c.Pod); err != nil {
		return Pod{}, err
	}
	pod.Container = found.container("")
	return pod, nil
}

// score says how well a pod fits a folder: the highest score of all pods is
// that of another pod only if that pod is new or this one gone.
func score(dir string, p Pod) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(dir + "\x00" + p.Name))
	return h.Sum64()
}
