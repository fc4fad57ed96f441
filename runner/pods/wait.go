package pods

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
)

// Wait says how to wait until a pod is ready.
type Wait struct {
	// Limit is the longest wait; 0 does not wait.
	Limit time.Duration
	// Say is called with what Await waits for: at the start, at each change, and every
	// sayPause.
	Say func(text string)
}

// lookPause is between two queries of the cluster, sayPause the longest time between
// two messages.
const (
	lookPause = 2 * time.Second
	sayPause  = 30 * time.Second
)

// Await is like Ready, but waits where pods are about to start, or where something
// that makes such pods is scaled to zero.
func (c Cluster) Await(ctx context.Context, wait Wait) ([]Pod, error) {
	begin, said, saidAt := time.Now(), "", time.Time{}
	for {
		pods, err := c.Ready(ctx)
		var none *NoneError
		if err == nil || !errors.As(err, &none) {
			return pods, err
		}
		text := none.Error()
		if len(none.States) == 0 && len(none.Stuck) > 0 {
			return nil, fmt.Errorf("%s. Waiting does not help: %s", text, strings.Join(none.Stuck, "; "))
		}
		if len(none.States) == 0 {
			makers := c.makers(ctx)
			if len(makers) == 0 {
				return nil, err
			}
			text += "; " + strings.Join(makers, ", ")
		}
		waited := time.Since(begin)
		if waited+lookPause > wait.Limit {
			if wait.Limit == 0 {
				return nil, errors.New(text)
			}
			return nil, fmt.Errorf("%s, after %s; ORCH_BUILDER_WAIT is how long to wait", text, wait.Limit)
		}
		if text != said || time.Since(saidAt) >= sayPause {
			wait.Say(fmt.Sprintf("%s (%s of %s)", text, waited.Round(time.Second), wait.Limit))
			said, saidAt = text, time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookPause):
		}
	}
}

// workloads is the JSON that kubectl prints for Deployments and StatefulSets.
type workloads struct {
	Items []struct {
		Kind     string
		Metadata struct{ Name string }
		Spec     struct {
			Replicas *int
			Template struct {
				Metadata struct{ Labels map[string]string }
			}
		}
	}
}

// makers describes the workloads that make pods with the labels of the cluster; nil if
// there are none, or if they may not be queried.
func (c Cluster) makers(ctx context.Context) []string {
	var found workloads
	if c.get(ctx, "statefulsets.apps,deployments.apps", &found) != nil {
		return nil
	}
	var out []string
	for _, w := range found.Items {
		if !selects(c.Selector, w.Spec.Template.Metadata.Labels) {
			continue
		}
		replicas := 1
		if w.Spec.Replicas != nil {
			replicas = *w.Spec.Replicas
		}
		out = append(out, fmt.Sprintf("the %s %s has %s", w.Kind, w.Metadata.Name, termtext.Count(replicas, "replica")))
	}
	return out
}

// selects reports whether a selector of equalities matches labels.
func selects(selector string, labels map[string]string) bool {
	for term := range strings.SplitSeq(selector, ",") {
		key, value, ok := strings.Cut(term, "=")
		if !ok || strings.HasSuffix(key, "!") || labels[strings.TrimSpace(key)] != strings.TrimSpace(strings.TrimPrefix(value, "=")) {
			return false
		}
	}
	return true
}
