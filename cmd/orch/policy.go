package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit"
)

// policyVariable names a file with a source policy in BuildKit's own JSON.
const policyVariable = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"

// sourcePolicy reads the policy that the environment names.
func sourcePolicy(e *env) (*buildkit.SourcePolicy, error) {
	path := e.getenv(policyVariable)
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("%s: %w", policyVariable, err)
	}
	policy, err := buildkit.ParseSourcePolicy(data)
	if err != nil {
		return nil, usagef("%s: %s: %w", policyVariable, path, err)
	}
	return policy, nil
}

// checkPolicies refuses targets whose sources are to be judged by a policy in
// Rego, which orch cannot evaluate: to build them without it would be to let
// pass what somebody forbade.
func checkPolicies(plan *planner.Plan) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, b := range plan.Builds {
		if b.Policies.Empty() {
			continue
		}
		at := b.Target.RangeOf("policy")
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Source policy in Rego",
			Detail: fmt.Sprintf("Target %q is under the policy %s, and orch does not evaluate Rego. "+
				"Write the policy in BuildKit's JSON and name the file in %s, or build without one: --policy disabled=true.",
				b.Name(), b.Policies.Policies[0].Name(), policyVariable),
			Subject: &at,
		})
	}
	return diags
}
