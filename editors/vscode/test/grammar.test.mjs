// Holds the grammar to what it should say of a definition: each case is a text, and
// the scope that a part of it has.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const wasm = await readFile(require.resolve("vscode-oniguruma/release/onig.wasm"));
await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async (name) => {
    if (name !== "source.orch") return { scopeName: name, patterns: [], repository: {} };
    const path = new URL("../syntaxes/orch.tmLanguage.json", import.meta.url);
    return textmate.parseRawGrammar(await readFile(path, "utf8"), path.pathname);
  },
});
const grammar = await registry.loadGrammar("source.orch");

// scopes lists the words of a text with their innermost scopes.
function scopes(text) {
  const out = [];
  let stack = textmate.INITIAL;
  for (const line of text.split("\n")) {
    const found = grammar.tokenizeLine(line, stack);
    for (const t of found.tokens) {
      const word = line.slice(t.startIndex, t.endIndex).trim();
      if (word) out.push([word, t.scopes.at(-1), t.scopes]);
    }
    stack = found.ruleStack;
  }
  return out;
}

const text = `# a comment
REGISTRY = "example.com"
variable "TAG" { default = "1" }
target "app" {
  inherits  = ["base"]
  args      = { VERSION = TAG, "quoted" = 2 }
  tags      = [for t in ["a"] : "\${REGISTRY}/app:\${upper(t)}"]
  no-cache  = true
  platforms = target.base.platforms
  dockerfile-inline = <<EOT
FROM scratch
COPY \${TAG} /
EOT
  cache {
    mode = "max"
  }
}
group "default" { targets = ["app"] }`;

const cases = [
  ["# a comment", "comment.line.number-sign.orch"],
  ["REGISTRY", "variable.other.property.orch"],
  ["variable", "keyword.other.block.orch"],
  ['"TAG"', "entity.name.type.orch"],
  ["target", "keyword.other.block.orch"],
  ['"app"', "entity.name.type.orch"],
  ["inherits", "variable.other.property.orch"],
  ["base", "string.quoted.double.orch"],
  ["VERSION", "variable.other.property.orch"],
  ["TAG", "variable.other.orch"],
  ['"quoted"', "variable.other.property.orch"],
  ["2", "constant.numeric.orch"],
  ["for", "keyword.control.orch"],
  ["${", "punctuation.section.embedded.begin.orch"],
  ["upper", "support.function.orch"],
  ["no-cache", "variable.other.property.orch"],
  ["true", "constant.language.orch"],
  ["base", "entity.name.type.orch"],
  ["FROM scratch", "meta.embedded.dockerfile"],
  ["cache", "keyword.other.block.orch"],
  ["mode", "variable.other.property.orch"],
  ["group", "keyword.other.block.orch"],
];

test("the grammar names the parts of a definition", () => {
  const all = scopes(text);
  for (const [word, scope] of cases) {
    assert.ok(all.some(([w, s]) => w === word && s === scope), `${word} is not ${scope}: ${JSON.stringify(all.filter(([w]) => w === word))}`);
  }
});

test("what is behind a block is outside of it", () => {
  const last = scopes(text).find(([w, s]) => w === "group" && s === "keyword.other.block.orch");
  assert.deepEqual(last[2], ["source.orch", "meta.block.orch", "keyword.other.block.orch"]);
});
