//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkPrint compares bake --print of orch and of bake on the same
// definitions: the median of whole processes, and their largest memory.
func BenchmarkPrint(b *testing.B) {
	for _, c := range []struct {
		name  string
		files map[string]string
		args  []string // of both
		peer  []string // of bake in place of args
	}{
		{name: "matrix200", files: map[string]string{"docker-bake.hcl": matrixFile(20, 10)}},
		{name: "matrix1000", files: map[string]string{"docker-bake.hcl": matrixFile(40, 25)}},
		{name: "matrix5000", files: map[string]string{"docker-bake.hcl": matrixFile(100, 50)}},
		{name: "written1000", files: map[string]string{"docker-bake.hcl": writtenFile("t", 1000)}},
		{name: "imports100", files: importedFiles(100, 10), args: []string{"-f", "build.hcl"}, peer: namedFiles(100)},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			for name, text := range c.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					b.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			theirs := c.args
			if c.peer != nil {
				theirs = c.peer
			}
			var mine, peers int64
			compare(b,
				printer("orch", dir, &mine, orch(), c.args),
				printer("buildx", dir, &peers, peer(b, buildxEnv), theirs))
			b.ReportMetric(float64(mine)/1024, "orch-MB")
			b.ReportMetric(float64(peers)/1024, "buildx-MB")
		})
	}
}

// printer is a contender that prints a definition, and notes the most memory
// that a run took, in KiB.
func printer(name, dir string, memory *int64, path string, args []string) contender {
	return contender{name: name, run: func(b *testing.B) {
		b.Helper()
		cmd := exec.Command(path, append([]string{"bake", "--print"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "BUILDX_CONFIG="+filepath.Join(shared.state, "buildx"))
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			b.Fatalf("%s: %v\n%s", path, err, said.Bytes())
		}
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			*memory = max(*memory, usage.Maxrss)
		}
	}}
}

// matrixFile is a matrix of m times n targets with what targets usually have.
func matrixFile(m, n int) string {
	return fmt.Sprintf(`variable "TAG" { default = "latest" }
variable "REG" { default = "registry.example.com" }
variable "I" { default = [%s] }
variable "J" { default = [%s] }
group "default" { targets = ["m"] }
target "base" {
  args   = { A = "1", B = "${REG}/x" }
  labels = { "org.example.tag" = TAG }
}
target "m" {
  inherits   = ["base"]
  matrix     = { i = I, j = J }
  name       = "m-${i}-${j}"
  context    = "svc/${i}"
  target     = "final"
  args       = { I = i, J = "${j}-${TAG}" }
  tags       = ["${REG}/svc-${i}-${j}:${TAG}", "${REG}/svc-${i}-${j}:latest"]
  platforms  = ["linux/amd64", "linux/arm64"]
  cache-from = ["type=registry,ref=${REG}/cache:${i}"]
  output     = ["type=registry"]
}
`, quoted(m), quoted(n))
}

func quoted(n int) string {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprintf(`"v%d"`, i))
	}
	return strings.Join(words, ", ")
}

// writtenFile is n targets, each written out.
func writtenFile(prefix string, n int) string {
	var b strings.Builder
	b.WriteString(`variable "TAG" { default = "latest" }` + "\n" + `group "default" { targets = [`)
	for i := range n {
		fmt.Fprintf(&b, "\"%s%d\", ", prefix, i)
	}
	b.WriteString("] }\n")
	for i := range n {
		fmt.Fprintf(&b, `target "%[1]s%[2]d" {
  context   = "svc/%[2]d"
  args      = { A = "%[2]d", T = TAG }
  tags      = ["example/%[1]s%[2]d:${TAG}"]
  platforms = ["linux/amd64"]
}
`, prefix, i)
	}
	return b.String()
}

// importedFiles are m files of n targets, and a build.hcl that imports them.
// Bake, which has no imports, is given the files themselves.
func importedFiles(m, n int) map[string]string {
	files := map[string]string{"build.hcl": `import "svc" { source = "svc/*/build.hcl" }
group "default" { targets = ["svc.*"] }
`}
	for i := range m {
		files[fmt.Sprintf("svc/s%d/build.hcl", i)] = writtenFile(fmt.Sprintf("s%dt", i), n)
	}
	return files
}

func namedFiles(m int) []string {
	var args []string
	for i := range m {
		args = append(args, "-f", fmt.Sprintf("svc/s%d/build.hcl", i))
	}
	return append(args, "*t*")
}
