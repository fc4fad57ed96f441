package state

import (
	"os"
	"strings"
)

// UsernsHint names the settings that keep ordinary users from namespaces.
func UsernsHint() string {
	for _, s := range []struct{ file, bad, want string }{
		{"kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (or an AppArmor profile for orch that allows userns)"},
		{"user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"},
	} {
		b, err := os.ReadFile("/proc/sys/" + s.file)
		if err == nil && strings.TrimSpace(string(b)) == s.bad {
			return "\nhave root run: " + s.want
		}
	}
	return "\nrun orch as root, or use another builder with --builder or BUILDKIT_HOST"
}
