class Orch < Formula
  desc "Builds many container images at once"
  homepage "https://github.com/orch-build/orch"
  version "{{.Number}}"
  license "Apache-2.0"
{{range .Systems}}
  on_{{.OS}} do
{{- range .Archives}}
    on_{{.CPU}} do
      url "{{.Address}}"
      sha256 "{{.Sum}}"
    end
{{- end}}
  end
{{end}}
  def install
    bin.install "orch"
    man1.install Dir["man/man1/*"]
    bash_completion.install "completions/bash/orch"
    zsh_completion.install "completions/zsh/_orch"
    fish_completion.install "completions/fish/orch.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/orch version")
  end
end
