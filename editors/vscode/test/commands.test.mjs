import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const { commandLine, settings } = require("../src/commands.js");

test("a code lens runs orch for its target", () => {
  const to = { dir: "/project", target: "app" };
  assert.equal(commandLine("orch", "build", to, "linux"), "orch bake app");
  assert.equal(commandLine("orch", "plan", to, "linux"), "orch plan app");
  assert.equal(commandLine("/a b/orch", "build", { ...to, files: ["ci/x.hcl"] }, "linux"), "'/a b/orch' bake -f ci/x.hcl app");
});

test("no name of a target can leave its word", () => {
  assert.equal(commandLine("orch", "build", { target: "a; rm -rf '$HOME'" }, "linux"), "orch bake 'a; rm -rf '\\''$HOME'\\'''");
  assert.equal(commandLine("orch", "build", { target: 'a" & b' }, "win32"), 'orch bake "a"" & b"');
});

test("the settings have the defaults of the manifest", async () => {
  const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  const properties = manifest.contributes.configuration.properties;
  const got = settings({ get: (name, fallback) => fallback });
  assert.deepEqual(got, { debounce: properties["orch.debounce"].default, codeLens: properties["orch.codeLens"].default });
});

test("every command of the manifest is registered", async () => {
  const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  const source = await readFile(new URL("../src/extension.js", import.meta.url), "utf8");
  for (const { command } of manifest.contributes.commands) assert.ok(source.includes(`registerCommand("${command}"`), command);
});
