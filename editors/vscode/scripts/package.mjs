// Packs the extension as VS Code installs it: a zip archive with the extension, a
// manifest, and the types of its files. The licence and the JSON Schema are those of the
// repository. Equal files make an equal archive.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { zipSync } from "fflate";

const here = new URL("../", import.meta.url);
const at = (path) => new URL(path, here);
const manifest = JSON.parse(await readFile(at("package.json"), "utf8"));

const files = {
  "package.json": "package.json",
  "README.md": "README.md",
  "language-configuration.json": "language-configuration.json",
  "syntaxes/orch.tmLanguage.json": "syntaxes/orch.tmLanguage.json",
  "dist/extension.js": "dist/extension.js",
  "LICENSE.txt": "../../LICENSE",
  "build.schema.json": "../../schema/build.schema.json",
};

const escape = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

const vsix = `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="${manifest.name}" Version="${manifest.version}" Publisher="${manifest.publisher}"/>
    <DisplayName>${escape(manifest.displayName)}</DisplayName>
    <Description xml:space="preserve">${escape(manifest.description)}</Description>
    <Tags>${escape(manifest.keywords.join(","))}</Tags>
    <Categories>${escape(manifest.categories.join(","))}</Categories>
    <Properties>
      <Property Id="Microsoft.VisualStudio.Code.Engine" Value="${escape(manifest.engines.vscode)}"/>
      <Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="workspace"/>
      <Property Id="Microsoft.VisualStudio.Services.Links.Source" Value="${escape(manifest.repository.url)}"/>
    </Properties>
    <License>extension/LICENSE.txt</License>
  </Metadata>
  <Installation>
    <InstallationTarget Id="Microsoft.VisualStudio.Code"/>
  </Installation>
  <Dependencies/>
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
    <Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true"/>
    <Asset Type="Microsoft.VisualStudio.Services.Content.License" Path="extension/LICENSE.txt" Addressable="true"/>
  </Assets>
</PackageManifest>
`;

const types = `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension=".json" ContentType="application/json"/>
  <Default Extension=".js" ContentType="application/javascript"/>
  <Default Extension=".md" ContentType="text/markdown"/>
  <Default Extension=".txt" ContentType="text/plain"/>
  <Default Extension=".vsixmanifest" ContentType="text/xml"/>
</Types>
`;

const text = new TextEncoder();
const archive = { "extension.vsixmanifest": text.encode(vsix), "[Content_Types].xml": text.encode(types) };
for (const [name, source] of Object.entries(files)) archive[`extension/${name}`] = new Uint8Array(await readFile(at(source)));
const out = process.argv[2] ?? "orch.vsix";
await mkdir(at("dist/"), { recursive: true });
await writeFile(new URL(out, new URL(`file://${process.cwd()}/`)), zipSync(archive, { level: 9, mtime: "1980-01-01T00:00:00" }));
console.log(`wrote ${out}: ${Object.keys(archive).length} files`);
